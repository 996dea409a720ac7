// Package readerror tells the error of a reader from the error of what works on its bytes.
package readerror

import "io"

// Reader keeps the error of the reader that it reads from.
type Reader struct {
	From io.Reader
	Err  error // nil until From fails; the end is no failure
}

// Read implements [io.Reader].
func (r *Reader) Read(p []byte) (int, error) {
	n, err := r.From.Read(p)
	if err != nil && err != io.EOF {
		r.Err = err
	}
	return n, err
}
