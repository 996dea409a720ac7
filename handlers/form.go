package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/parley-chat/parley/models"
)

// partsOf reads a form part by part. Its files may hold most bytes together, and all the rest MaxBodyBytes.
func partsOf(r *http.Request, body io.Reader, most int64) (*multipart.Reader, error) {
	_, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || parameters["boundary"] == "" {
		return nil, models.Errorf(models.CodeMalformedBody, "The form's Content-Type has no boundary.")
	}
	// multipart.Reader does not always tell the end of a form from the end of the bytes. Here they never end before the
	// form does; the line break is for a form whose last line has none.
	whole := &boundedForm{r: body, left: most + models.MaxBodyBytes, most: most}
	return multipart.NewReader(io.MultiReader(whole, strings.NewReader("\r\n"), cutShort{}), parameters["boundary"]), nil
}

// cutShort is what follows a form that has not come to its end.
type cutShort struct{}

func (cutShort) Read([]byte) (int, error) {
	return 0, models.Errorf(models.CodeMalformedBody, "The form breaks off before its end.")
}

// boundedForm is a reader that fails when more comes than may.
type boundedForm struct {
	r          io.Reader
	left, most int64
}

func (b *boundedForm) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, tooLarge(b.most)
	}
	return n, err
}

// nextPart is the form's next part, nil at its end.
func nextPart(parts *multipart.Reader) (*multipart.Part, error) {
	part, err := parts.NextRawPart()
	switch {
	case err == io.EOF: // a wrapped one is no orderly end
		return nil, nil
	case err != nil:
		return nil, malformedForm(err)
	}
	return part, nil
}

// malformedForm is why a form could not be read on: what is known of its body, or that it is none.
func malformedForm(err error) error {
	var known *models.Error
	if errors.As(err, &known) {
		return known
	}
	return &models.Error{Code: models.CodeMalformedBody, Message: "The form is not well-formed.", Err: err}
}

// partBody is what stands in a part, as far as the form goes.
type partBody struct{ io.Reader }

func (p partBody) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = malformedForm(err)
	}
	return n, err
}

// messageForm reads a message that comes as a form, with its attachments.
type messageForm struct {
	files
	w        http.ResponseWriter
	r        *http.Request
	roomID   int64
	answered bool // the request was made before, under its Idempotency-Key: the message has its files already

	fields map[string]json.RawMessage
	text   int64 // bytes of the fields so far
	taken  []models.NewFile
	bytes  int64    // of the files so far
	ids    []string // of the files that were made of what was taken
}

// read reads all parts. Files are stored as they come: it is up to the caller to drop them.
func (f *messageForm) read(body io.Reader) error {
	parts, err := partsOf(f.r, body, f.intake.most)
	if err != nil {
		return err
	}
	f.fields = map[string]json.RawMessage{}
	for {
		part, err := nextPart(parts)
		if err != nil {
			return err
		}
		if part == nil {
			return countBytes(f.w, f.r, int(f.text))
		}
		if part.FormName() == "file" {
			err = f.takeFile(part)
		} else {
			err = f.takeField(part)
		}
		if err != nil {
			return err
		}
	}
}

func (f *messageForm) takeFile(part *multipart.Part) error {
	if len(f.taken) == models.MaxFilesPerMessage {
		return models.Invalid("file", "may be given %d times at most", models.MaxFilesPerMessage)
	}
	in := f.intake
	in.most -= f.bytes // the sum has the limit of one file
	n, err := in.take(f.r.Context(), incomingPart(f.r, part))
	if err != nil {
		return err
	}
	f.taken = append(f.taken, n)
	f.bytes += n.Size
	return nil
}

// takeField keeps a field as JSON, so that it meets the same rules as in a JSON body.
func (f *messageForm) takeField(part *multipart.Part) error {
	value, err := io.ReadAll(io.LimitReader(partBody{part}, smallBody-f.text+1))
	f.text += int64(len(value))
	name := part.FormName()
	switch {
	case err != nil:
		return err
	case f.text > smallBody: // they are held for as long as the files take
		return models.Errorf(models.CodeTooLarge, "The form's fields are larger than %d bytes.", smallBody)
	case name == "file_ids":
		return models.Invalid("file_ids", "has no place in a form, which brings its files along")
	case f.fields[name] != nil:
		return models.Invalid(cut(name, maxFieldName), "must be given once")
	case len(f.fields) == maxFieldErrors:
		return models.Invalid(cut(name, maxFieldName), "is one field too many")
	case !utf8.Valid(value):
		return models.Invalid(cut(name, maxFieldName), "must be text in UTF-8")
	}
	if name == "reply_to" {
		f.fields[name] = json.RawMessage(value)
		if json.Valid(value) && !isNull(value) { // a form has no null: it is four letters
			return nil
		}
	}
	quoted, err := encode(string(value))
	f.fields[name] = quoted
	return err
}

// message is what the fields say, with the rules of a JSON body, as if it named the files.
func (f *messageForm) message() (models.NewMessage, []byte, error) {
	body, err := encode(f.fields)
	if err != nil {
		return models.NewMessage{}, nil, err
	}
	// Validate asks for text where there is no file: it must know of those that came along.
	n, err := parse[formMessage](body)
	if err != nil {
		return n.NewMessage, nil, err
	}
	pictures := len(f.taken) > 0
	var digest strings.Builder
	for _, file := range f.taken {
		n.FileIDs = append(n.FileIDs, file.Blob)
		pictures = pictures && file.Width > 0
		digest.WriteString(file.Name + "\x00" + file.MediaType + "\x00" + file.SHA256 + "\x00")
	}
	switch {
	case n.Type != "" || len(f.taken) == 0:
	case pictures:
		n.Type = models.MessageImage
	default:
		n.Type = models.MessageFile
	}
	return n.NewMessage, append(body, digest.String()...), n.NewMessage.Validate()
}

// formMessage is a message that is checked when its files are known.
type formMessage struct{ models.NewMessage }

// Validate leaves it to the message's own.
func (formMessage) Validate() error { return nil }

// attach makes files of what was stored, and answers their ids.
func (f *messageForm) attach() ([]string, error) {
	if f.answered {
		return nil, nil
	}
	for i, n := range f.taken {
		file, err := f.store.AddFile(f.r.Context(), callerOf(f.r).UserID, f.roomID, n, nil)
		if err != nil {
			return nil, err
		}
		f.taken[i].Blob = "" // the file's from now on
		f.ids = append(f.ids, file.ID)
	}
	return f.ids, nil
}

// drop removes what was stored for a message that did not come to be.
func (f *messageForm) drop() error {
	var errs []error
	for _, n := range f.taken {
		if n.Blob != "" {
			errs = append(errs, f.files.drop(f.r, n))
		}
	}
	if len(f.ids) > 0 {
		errs = append(errs, f.store.DropFiles(context.WithoutCancel(f.r.Context()), callerOf(f.r).UserID, f.ids))
	}
	return errors.Join(errs...)
}
