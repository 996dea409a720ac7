package harness

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"strings"
	"testing"
)

// Boundary separates the parts of a form that RawForm writes.
const Boundary = "xyzzy"

// RawForm returns the encoded body of a multipart form. Each part consists of its headers, an empty line and its
// content. The form is incomplete, without its end, if the last part is "cut".
func RawForm(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		if p == "cut" {
			return strings.TrimSuffix(b.String(), "\r\n")
		}
		b.WriteString("--" + Boundary + "\r\n" + p + "\r\n")
	}
	return b.String() + "--" + Boundary + "--\r\n"
}

// FieldPart returns a part for RawForm with a field.
func FieldPart(name, value string) string {
	return fmt.Sprintf("Content-Disposition: form-data; name=%q\r\n\r\n%s", name, value)
}

// FilePart returns a part for RawForm with a text file.
func FilePart(name, content string) string {
	return fmt.Sprintf("Content-Disposition: form-data; name=\"file\"; filename=%q\r\n"+
		"Content-Type: text/plain\r\n\r\n%s", name, content)
}

// FormMediaType is the Content-Type of a form that RawForm writes.
const FormMediaType = "multipart/form-data; boundary=" + Boundary

// NamedForm returns a form with one file and its Content-Type. The file name is quoted as RFC 7578 requires, with
// quotes and backslashes escaped.
func NamedForm(t *testing.T, name string) ([]byte, string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	to, err := w.CreateFormFile("file", "NAME")
	if err == nil {
		_, err = to.Write([]byte("form"))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", " ", "\n", " ").Replace(name)
	return bytes.Replace(b.Bytes(), []byte("NAME"), []byte(quoted), 1), w.FormDataContentType()
}

// FormPart is a part of a multipart form. Name is the file name, "" for a plain field.
type FormPart struct{ Field, Name, MediaType, Content string }

// EncodeForm returns the body of a multipart form and its Content-Type.
func EncodeForm(t testing.TB, parts ...FormPart) ([]byte, string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		head := textproto.MIMEHeader{}
		disposition := `form-data; name="` + p.Field + `"`
		if p.Name != "" {
			disposition += `; filename="` + p.Name + `"`
		}
		head.Set("Content-Disposition", disposition)
		if p.MediaType != "" {
			head.Set("Content-Type", p.MediaType)
		}
		to, err := w.CreatePart(head)
		if err == nil {
			_, err = to.Write([]byte(p.Content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w.FormDataContentType()
}
