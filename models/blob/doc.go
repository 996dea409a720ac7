// Package blob keeps the bytes of files, in a folder or in S3 and its like. What a file is called, whose it is and who
// may read it is the database's to say: a blob has a key, made up by the server, and nothing else.
//
// The database knows of a blob before its first byte is written, and until its last one is gone (models/store, files).
// Sweep removes those that nobody took: so a crash leaves no bytes without an owner, and since a file is made only when
// its bytes are on disk, no file without bytes.
//
// A blob is written in one go, with Put; or it is staged, piece by piece, with Append, for uploads that survive a broken
// connection, until Seal makes a blob of it. Of a staged blob one writer at a time may make use; that is for its users to
// see to.
package blob
