package picture

// With these decoders, only the size of a picture decides how much memory they need. TIFF is missing for that reason:
// its decoder reads as much into memory as the file says, even to detect the size.
import (
	_ "image/gif" // registers its decoder with package image, as the others
	_ "image/jpeg"
	_ "image/png"

	_ "golang.org/x/image/bmp" // as above
	_ "golang.org/x/image/webp"
)
