// Package upload receives files: as a body, as part of a form, or in chunks that may be resumed after a broken
// connection.
//
// Resumable.Write starts a goroutine that renews the request's hold on its upload, and waits for its end. The package's
// locks guard the maps of PendingBytes and of the writers, and the deadline of one writer; nothing waits under them.
package upload
