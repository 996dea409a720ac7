package picture

import "image"

// orientation is the Exif orientation: where the first row and column of the stored picture are when it is shown.
type orientation uint16

const upright orientation = 1

// isSideways reports whether width and height are swapped.
func (o orientation) isSideways() bool { return o >= 5 }

// apply returns the picture as it is shown.
func (o orientation) apply(from *image.RGBA) *image.RGBA {
	if o == upright {
		return from
	}
	w, h := from.Rect.Dx(), from.Rect.Dy()
	size := image.Rect(0, 0, w, h)
	if o.isSideways() {
		size = image.Rect(0, 0, h, w)
	}
	to := image.NewRGBA(size)
	for y := range h {
		for x := range w {
			tx, ty := o.target(x, y, w, h)
			to.SetRGBA(tx, ty, from.RGBAAt(x, y))
		}
	}
	return to
}

// target returns where a pixel of a picture of w × h is shown (CIPA DC-008, tag 274).
func (o orientation) target(x, y, w, h int) (int, int) {
	switch o {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return h - 1 - y, x
	case 7:
		return h - 1 - y, w - 1 - x
	case 8:
		return y, w - 1 - x
	}
	return x, y
}
