// Package picture detects what the bytes of a file are, whatever its name says, and makes thumbnails. It reads
// untrusted data: nothing is decoded before its size in pixels is known and within the limits.
package picture
