package picture

import (
	"image"
	"io"
	"strings"

	"github.com/bep/imagemeta"
	"github.com/gabriel-vasile/mimetype"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/internal/readerror"
)

// look detects what r holds, from the headers alone. It returns only errors of r: unknown or broken content is not an
// error.
func look(r io.ReadSeeker) (models.FileFacts, error) {
	found, err := mimetype.DetectReader(r)
	if err != nil {
		return models.FileFacts{}, err
	}
	f := models.FileFacts{MediaType: withoutParameters(found.String())}
	switch {
	case strings.HasPrefix(f.MediaType, "text/"):
		drawn, err := isSVG(r)
		if drawn {
			f.MediaType = svgType
		}
		return f, err
	case audioTypes[f.MediaType] != "":
		f.MediaType, f.AsSound, err = detectTracks(r, f.MediaType)
		return f, err
	case !strings.HasPrefix(f.MediaType, "image/"):
		return f, nil
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return f, err
	}
	from := readerror.Reader{From: r}
	config, format, err := decodeConfig(&from)
	if err != nil || config.Width < 1 || config.Height < 1 || int64(config.Width)*int64(config.Height) > MaxShown {
		return f, from.Err
	}
	f.Width, f.Height = config.Width, config.Height
	if f.Thumbnail, err = isDecodable(r, config, format); err != nil {
		return f, err
	}
	turn, err := orientationOf(r, f.MediaType)
	if turn.isSideways() {
		f.Width, f.Height = f.Height, f.Width
	}
	return f, err
}

// decodeConfig returns the size and the format of a picture.
func decodeConfig(from io.Reader) (config image.Config, format string, err error) {
	defer func() {
		if recover() != nil { // a panic of the decoder on untrusted data
			err = ErrUnreadable
		}
	}()
	return image.DecodeConfig(from)
}

// withoutParameters returns a media type without its parameters.
func withoutParameters(mediaType string) string {
	mediaType, _, _ = strings.Cut(mediaType, ";")
	return strings.ToLower(strings.TrimSpace(mediaType))
}

var metaFormats = map[string]imagemeta.ImageFormat{
	"image/jpeg": imagemeta.JPEG, "image/png": imagemeta.PNG, "image/webp": imagemeta.WebP,
}

// orientationOf returns the orientation in the Exif data, the only field of it that is read; upright if there is
// none.
func orientationOf(r io.ReadSeeker, mediaType string) (turn orientation, err error) {
	format, known := metaFormats[mediaType]
	if !known {
		return upright, nil
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return upright, err
	}
	defer func() {
		if recover() != nil { // a panic of the decoder on untrusted data
			turn = upright
		}
	}()
	_, _ = imagemeta.Decode(imagemeta.Options{
		R: r, ImageFormat: format, Sources: imagemeta.EXIF, Warnf: func(string, ...any) {},
		ShouldHandleTag: func(t imagemeta.TagInfo) bool { return t.Tag == "Orientation" && t.Namespace == "IFD0" },
		HandleTag: func(t imagemeta.TagInfo) error {
			if n, ok := t.Value.(uint16); ok && n >= 1 && n <= 8 {
				turn = orientation(n)
			}
			return nil
		},
	})
	return max(turn, upright), nil
}
