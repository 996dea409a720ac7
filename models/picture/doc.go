// Package picture looks at what the bytes of a file are, whatever their name says, and makes small pictures of large
// ones. It reads what strangers send: nothing is decoded before its size in pixels is known and bounded.
package picture
