package picture

import (
	_ "image/gif" // each of these registers its decoder with package image
	_ "image/jpeg"
	_ "image/png"

	_ "golang.org/x/image/bmp" // and these
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"
)
