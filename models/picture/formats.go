package picture

// Of what these decoders read, the size of a picture and nothing else decides how much memory they take. That of TIFF is
// not among them: it reads as much of a file into memory as the file tells it to, and only to find out what it is.
import (
	_ "image/gif" // each of these registers its decoder with package image
	_ "image/jpeg"
	_ "image/png"

	_ "golang.org/x/image/bmp" // and these
	_ "golang.org/x/image/webp"
)
