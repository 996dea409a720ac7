package upload

import (
	"bufio"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// FormParts reads a form part by part. Its files may have limit bytes together, and all the rest models.MaxBodyBytes.
func FormParts(r *http.Request, body io.Reader, limit int64) (*multipart.Reader, error) {
	_, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || parameters["boundary"] == "" {
		return nil, models.Errorf(models.CodeMalformedBody, "The form's Content-Type has no boundary.")
	}
	// multipart.Reader does not always distinguish the end of a form from the end of the bytes. Here the bytes never end
	// before the form does; the line break is for a form whose last line has none.
	whole := &formBody{r: body, left: limit + models.MaxBodyBytes, limit: limit}
	return multipart.NewReader(io.MultiReader(whole, strings.NewReader("\r\n"), truncated{}), parameters["boundary"]), nil
}

// truncated follows the bytes of a form that has not come to its end.
type truncated struct{}

func (truncated) Read([]byte) (int, error) {
	return 0, models.Errorf(models.CodeMalformedBody, "The form is incomplete.")
}

// formBody fails when more bytes arrive than are allowed.
type formBody struct {
	r           io.Reader
	left, limit int64
}

func (b *formBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, TooLarge(b.limit)
	}
	return n, err
}

// NextPart returns the form's next part, or nil at its end.
func NextPart(parts *multipart.Reader) (*multipart.Part, error) {
	part, err := parts.NextRawPart()
	switch {
	case err == io.EOF: // a wrapped one is not a proper end
		return nil, nil
	case err != nil:
		return nil, malformedForm(err)
	}
	return part, nil
}

// malformedForm is the error of a form that could not be read: that of its body, or malformed_body.
func malformedForm(err error) error {
	var known *models.Error
	if errors.As(err, &known) {
		return known
	}
	return &models.Error{Code: models.CodeMalformedBody, Message: "The form is not well-formed.", Err: err}
}

// PartBody reads the content of a part. Its errors are those of the form.
func PartBody(part *multipart.Part) io.Reader { return partBody{part} }

type partBody struct{ io.Reader }

func (p partBody) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = malformedForm(err)
	}
	return n, err
}

// IncomingPart is the file in a part of the form of r. ok is false for a field in which no file was chosen: a browser
// sends it without a name and without bytes.
func IncomingPart(r *http.Request, p *multipart.Part) (file Incoming, ok bool) {
	body := bufio.NewReader(partBody{p})
	if p.FileName() == "" {
		if _, err := body.Peek(1); errors.Is(err, io.EOF) {
			return Incoming{}, false
		}
	}
	return Incoming{
		UserID:    request.Caller(r).UserID,
		Name:      p.FileName(),
		MediaType: p.Header.Get("Content-Type"),
		Body:      body,
	}, true
}
