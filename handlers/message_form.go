package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/limit"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/handlers/upload"
	"github.com/parley-chat/parley/models"
)

// maxFormFields bounds the fields of a message that is sent as a form, files excluded.
const maxFormFields = 20

// messageForm reads a message that is sent as a form, together with its files.
type messageForm struct {
	files    files
	roomID   int64
	replayed bool // the message was sent before with the same Idempotency-Key, and has its files already

	fields map[string]json.RawMessage
	text   int64            // bytes of the fields so far
	stored []models.NewFile // files so far
	bytes  int64            // of the files so far
	ids    []string         // of the files that were added to the room
}

// read reads all parts, and stores the files as they arrive. The caller calls drop if the message is not sent.
func (f *messageForm) read(w http.ResponseWriter, r *http.Request) error {
	parts, err := upload.FormParts(r, upload.Body(w, r), f.files.receiver.Limit)
	if err != nil {
		return err
	}
	f.fields = map[string]json.RawMessage{}
	for {
		part, err := upload.NextPart(parts)
		if err != nil {
			return err
		}
		if part == nil {
			return request.TakeBytes(w, r, int(f.text))
		}
		if part.FormName() == "file" {
			err = f.takeFile(r, part)
		} else {
			err = f.takeField(part)
		}
		if err != nil {
			return err
		}
	}
}

func (f *messageForm) takeFile(r *http.Request, part *multipart.Part) error {
	file, ok := upload.IncomingPart(r, part)
	if !ok {
		return nil
	}
	if len(f.stored) == models.MaxFilesPerMessage {
		return models.Invalid("file", "may be given %d times at most", models.MaxFilesPerMessage)
	}
	rest := f.files.receiver
	rest.Limit -= f.bytes // the limit of one file applies to their sum
	n, err := rest.Take(r.Context(), file)
	if err != nil {
		return err
	}
	f.stored = append(f.stored, n)
	f.bytes += n.Size
	return nil
}

// takeField keeps a field as JSON, so that it is checked by the rules of a JSON body.
func (f *messageForm) takeField(part *multipart.Part) error {
	value, err := io.ReadAll(io.LimitReader(upload.PartBody(part), limit.SmallBody-f.text+1))
	f.text += int64(len(value))
	name := part.FormName()
	switch {
	case err != nil:
		return err
	case f.text > limit.SmallBody: // they stay in memory for as long as the files take
		return models.Errorf(models.CodeTooLarge, "The form's fields are larger than %d bytes.", limit.SmallBody)
	case name == "file_ids":
		return models.Invalid("file_ids", "is not allowed in a form, which contains its files")
	case part.FileName() != "":
		return models.Invalid(codec.FieldName(name), "has a file, and files are sent in fields named file")
	case f.fields[name] != nil:
		return models.Invalid(codec.FieldName(name), "must be given once")
	case len(f.fields) == maxFormFields:
		return models.Invalid(codec.FieldName(name), "is one field too many")
	case !utf8.Valid(value):
		return models.Invalid(codec.FieldName(name), "must be text in UTF-8")
	}
	if len(value) == 0 { // browsers and generated clients send the fields that were left empty
		f.fields[name] = json.RawMessage("null")
		return nil
	}
	if name == "reply_to" {
		f.fields[name] = json.RawMessage(value)
		if json.Valid(value) && string(value) != "null" { // in a form these are four letters
			return nil
		}
	}
	quoted, err := codec.Encode(string(value))
	f.fields[name] = quoted
	return err
}

// message returns the message of the fields, checked by the rules of a JSON body that names the files, and what
// identifies the request under its Idempotency-Key.
func (f *messageForm) message() (n models.NewMessage, identity []byte, err error) {
	body, err := codec.Encode(f.fields)
	if err != nil {
		return models.NewMessage{}, nil, err
	}
	// Validate requires text in a message without files, so the files are added first.
	form, err := codec.Parse[formMessage](body)
	if err != nil {
		return form.NewMessage, nil, err
	}
	n = form.NewMessage
	pictures := len(f.stored) > 0
	var digest strings.Builder
	for _, file := range f.stored {
		n.FileIDs = append(n.FileIDs, file.Blob)
		pictures = pictures && file.Width > 0
		digest.WriteString(file.Name + "\x00" + file.MediaType + "\x00" + file.SHA256 + "\x00")
	}
	switch {
	case n.Type != "" || len(f.stored) == 0:
	case pictures:
		n.Type = models.MessageImage
	default:
		n.Type = models.MessageFile
	}
	return n, append(body, digest.String()...), n.Validate()
}

// formMessage is a message that is validated later, when its files are known.
type formMessage struct{ models.NewMessage }

// Validate returns nil: message validates the whole.
func (formMessage) Validate() error { return nil }

// attach adds the stored files to the room, and returns their ids.
func (f *messageForm) attach(r *http.Request) ([]string, error) {
	if f.replayed {
		return nil, nil
	}
	for i, n := range f.stored {
		file, err := f.files.store.AddFile(r.Context(), request.Caller(r).UserID, f.roomID, n, nil)
		if err != nil {
			return nil, err
		}
		f.stored[i].Blob = "" // it belongs to the file from now on
		f.ids = append(f.ids, file.ID)
	}
	return f.ids, nil
}

// drop deletes what was stored for a message that was not sent.
func (f *messageForm) drop(r *http.Request) error {
	var errs []error
	for _, n := range f.stored {
		if n.Blob != "" {
			errs = append(errs, f.files.drop(r, n))
		}
	}
	if len(f.ids) > 0 {
		errs = append(errs, f.files.store.DropFiles(context.WithoutCancel(r.Context()), request.Caller(r).UserID, f.ids))
	}
	return errors.Join(errs...)
}
