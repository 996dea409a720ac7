package files

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// refusedForm is a form that the server refuses with code. The field is that of an invalid_request.
type refusedForm struct {
	name, contentType, body string
	code                    models.Code
	field                   string
}

// invalidForms are refused by every endpoint that accepts forms.
func invalidForms() []refusedForm {
	good := harness.RawForm(harness.FilePart("a.txt", "first"))
	malformed := func(name, contentType, body string) refusedForm {
		return refusedForm{name, contentType, body, models.CodeMalformedBody, ""}
	}
	return []refusedForm{
		malformed("no boundary", "multipart/form-data", good),
		malformed("an empty boundary", `multipart/form-data; boundary=""`, good),
		malformed("a malformed boundary", `multipart/form-data; boundary="`, good),
		malformed("another boundary", "multipart/form-data; boundary=other", good),
		malformed("no parts", harness.FormMediaType, "this is not a form"),
		malformed("an empty body", harness.FormMediaType, ""),
		malformed("only a boundary", harness.FormMediaType, "--"+harness.Boundary),
		malformed("truncated in its first file", harness.FormMediaType,
			harness.RawForm(harness.FilePart("a.txt", "fir"), "cut")),
		malformed("truncated in the header of a part", harness.FormMediaType,
			"--"+harness.Boundary+"\r\nContent-Disposition: form-data; name=\"fi"),
		malformed("a part with a malformed header", harness.FormMediaType,
			harness.RawForm("this is not a header\r\n\r\nfirst")),
		{
			"a part with a very long header", harness.FormMediaType,
			harness.RawForm("X-Long: " + strings.Repeat("x", 2<<20) + "\r\n\r\nfirst"), models.CodeTooLarge, "",
		},
		{"a very long preamble", harness.FormMediaType, strings.Repeat("words\r\n", 200_000) + good, models.CodeTooLarge, ""},
		{
			"a file over the limit", harness.FormMediaType,
			harness.RawForm(harness.FilePart("a.txt", strings.Repeat("x", 20_001))), models.CodeTooLarge, "",
		},
		{
			"a truncated file over the limit", harness.FormMediaType,
			harness.RawForm(harness.FilePart("a.txt", strings.Repeat("x", 20_001)), "cut"), models.CodeTooLarge, "",
		},
		{"an empty file", harness.FormMediaType, harness.RawForm(harness.FilePart("a.txt", "")), models.CodeBadFile, ""},
	}
}

// invalidFileForms are refused by the endpoint that takes one file.
func invalidFileForms() []refusedForm {
	first := harness.FilePart("a.txt", "first")
	invalid := func(name, field string, parts ...string) refusedForm {
		return refusedForm{name, harness.FormMediaType, harness.RawForm(parts...), models.CodeInvalidRequest, field}
	}
	return []refusedForm{
		invalid("two files", "file", first, harness.FilePart("b.txt", "second")),
		invalid("no file", "file"),
		invalid("a field without a chosen file", "file", harness.FilePart("", "")),
		invalid("a field before the file", "file", harness.FieldPart("text", "hello"), first),
		invalid("a field after the file", "file", first, harness.FieldPart("text", "hello")),
		invalid("a file in another field", "file", strings.Replace(first, `"file"`, `"picture"`, 1)),
		invalid("a part without a name", "file", "Content-Disposition: form-data\r\n\r\nfirst"),
		invalid("a part without a header", "file", "\r\nfirst"),
		{
			"a second file that is truncated", harness.FormMediaType,
			harness.RawForm(first, "Content-Disposition: form-data; na", "cut"),
			models.CodeMalformedBody, "",
		},
	}
}

// invalidMessageForms are refused by the endpoint that takes a message.
func invalidMessageForms() []refusedForm {
	first, text := harness.FilePart("a.txt", "first"), harness.FieldPart("text", "hello")
	var eleven, many []string
	for i := range 1000 {
		many = append(many, harness.FieldPart(fmt.Sprintf("field-%d", i), ""))
	}
	for i := range 11 {
		eleven = append(eleven, harness.FilePart(fmt.Sprintf("%d.txt", i), "content"))
	}
	invalid := func(name, field string, parts ...string) refusedForm {
		return refusedForm{name, harness.FormMediaType, harness.RawForm(parts...), models.CodeInvalidRequest, field}
	}
	return []refusedForm{
		invalid("eleven files", "file", eleven...),
		invalid("neither text nor file", "text"),
		invalid("an empty text without a file", "text", harness.FieldPart("text", "")),
		invalid("a text that is too long", "text", first,
			harness.FieldPart("text", strings.Repeat("x", models.MaxTextLength+1))),
		invalid("an unknown field", "colour", text, first, harness.FieldPart("colour", "red")),
		invalid("1000 unknown fields", "field-20", many...),
		invalid("a field name in other case", "Text", harness.FieldPart("Text", "hello"), first),
		invalid("a field without a name", "", "Content-Disposition: form-data\r\n\r\nhello", first),
		invalid("a field twice", "text", text, harness.FieldPart("text", "again"), first),
		invalid("a field before and after the file", "text", text, first, text),
		invalid("file_ids", "file_ids", first, harness.FieldPart("file_ids", "f_1")),
		invalid("a reply to an unknown message", "reply_to", first, harness.FieldPart("reply_to", "9999")),
		invalid("a reply to a word", "reply_to", first, harness.FieldPart("reply_to", "first")),
		invalid("a reply to a string", "reply_to", first, harness.FieldPart("reply_to", `"1"`)),
		invalid("a reply to null", "reply_to", first, harness.FieldPart("reply_to", "null")),
		invalid("a reply to message 0", "reply_to", first, harness.FieldPart("reply_to", "0")),
		invalid("a file in another field", "files", text, strings.Replace(first, `"file"`, `"files"`, 1)),
		invalid("an unknown type", "type", first, harness.FieldPart("type", "film")),
		invalid("an empty field that is unknown", "colour", text, first, harness.FieldPart("colour", "")),
		invalid("a picture without a file", "file_ids", harness.FieldPart("type", "image"), text),
		invalid("a long client_id", "client_id", first, harness.FieldPart("client_id", strings.Repeat("x", 65))),
		invalid("a text that is not UTF-8", "text", first, harness.FieldPart("text", "caf\xe9")),
		{
			"truncated in its second file", harness.FormMediaType,
			harness.RawForm(first, harness.FilePart("b.txt", "seco"), "cut"), models.CodeMalformedBody, "",
		},
		{"truncated between files", harness.FormMediaType, harness.RawForm(first, "cut"), models.CodeMalformedBody, ""},
		{
			"truncated in a field", harness.FormMediaType, harness.RawForm(first, harness.FieldPart("text", "hel"), "cut"),
			models.CodeMalformedBody, "",
		},
		{
			"a huge field", harness.FormMediaType,
			harness.RawForm(first, harness.FieldPart("text", strings.Repeat("x", models.MaxBodyBytes+1))), models.CodeTooLarge,
			"",
		},
		{
			"files whose total size is too large", harness.FormMediaType,
			harness.RawForm(harness.FilePart("a.txt", strings.Repeat("x", 15_000)), text,
				harness.FilePart("b.txt", strings.Repeat("x", 5_001)), harness.FilePart("c.txt", "last")), models.CodeTooLarge, "",
		},
		{
			"a text file in a message of type image", harness.FormMediaType,
			harness.RawForm(first, harness.FieldPart("type", "image")), models.CodeBadFile, "",
		},
	}
}

// TestInvalidFormsAreRefused sends invalid forms, with and without a Content-Length. Each is refused with the code of
// its fault, and no file or message is stored.
func TestInvalidFormsAreRefused(t *testing.T) {
	harness.SkipIfShort(t)
	onEachFileServer(t, func(t *testing.T, s *harness.FileServer) {
		anna := s.NewGuest("anna")
		room := anna.CreatePrivateRoom()
		anna.SendText(room.ID, "the first message")
		files, messages := harness.RoomPath(room.ID)+"/files", harness.RoomPath(room.ID)+"/messages/form"
		for path, forms := range map[string][][]refusedForm{
			files: {invalidForms(), invalidFileForms()}, messages: {invalidForms(), invalidMessageForms()},
		} {
			for _, group := range forms {
				for _, f := range group {
					expectRefused(anna, path, f)
				}
			}
		}
		if m := anna.SendText(room.ID, "the second message"); m.ID != 2 {
			t.Errorf("the second message has the id %d, want 2", m.ID)
		}
		s.ExpectNoLeases()
		s.ExpectBlobs(0, 0)
	}, "--max-file-size", "20KB")
}

func expectRefused(c *harness.Client, path string, f refusedForm) {
	c.T.Helper()
	for _, a := range []*harness.Response{
		c.CallInvalid("POST", path, []byte(f.body), "Content-Type", f.contentType),
		c.PostChunked(path, []byte(f.body), "Content-Type", f.contentType),
	} {
		var p models.Problem
		a.Decode(&p)
		if p.Code != f.code || p.Status != a.HTTP.StatusCode {
			c.T.Errorf("%s at %s: got %d %s: %s %v, want %s", f.name, path, a.HTTP.StatusCode, p.Code, p.Detail, p.Errors,
				f.code)
		}
		if f.code == models.CodeInvalidRequest && (len(p.Errors) == 0 || p.Errors[0].Field != f.field) {
			c.T.Errorf("%s at %s: the errors are %v, want the field %q", f.name, path, p.Errors, f.field)
		}
	}
}

// validForm is a message as a form, and the message that the server makes of it.
type validForm struct {
	name  string
	parts []string
	want  models.Message // type, text, client_id, reply_to, and the names of the files
}

func validForms(t *testing.T) []validForm {
	a, b, hello := harness.FilePart("a.txt", "first"), harness.FilePart("b.txt", "second"),
		harness.FieldPart("text", "hello")
	pixel := strings.Replace(harness.FilePart("p.png", string(encodePicture(t, "image/png", harness.Photo(4, 4)))),
		"text/plain", "image/png", 1)
	message := func(kind models.MessageType, text string, names ...string) models.Message {
		m := models.Message{Type: kind, Text: text}
		for _, n := range names {
			m.Files = append(m.Files, models.File{Name: n})
		}
		return m
	}
	reply := message(models.MessageFile, "hello", "a.txt")
	reply.ReplyTo, reply.ClientID = 1, "c-7"
	var ten, names []string
	for i := range 10 {
		names = append(names, fmt.Sprintf("%d.txt", i))
		ten = append(ten, harness.FilePart(names[i], names[i]))
	}
	return []validForm{
		{"only text", []string{hello}, message(models.MessageText, "hello")},
		{"only a file", []string{a}, message(models.MessageFile, "", "a.txt")},
		{"an empty text with a file", []string{harness.FieldPart("text", ""), a}, message(models.MessageFile, "", "a.txt")},
		{
			"only empty fields with a file", []string{harness.FieldPart("type", ""), harness.FieldPart("text", ""), a,
				harness.FieldPart("reply_to", ""), harness.FieldPart("client_id", "")},
			message(models.MessageFile, "", "a.txt"),
		},
		{"text without a chosen file", []string{hello, harness.FilePart("", "")}, message(models.MessageText, "hello")},
		{"text after the file", []string{a, hello}, message(models.MessageFile, "hello", "a.txt")},
		{"text between two files", []string{a, hello, b}, message(models.MessageFile, "hello", "a.txt", "b.txt")},
		{"two files with the same name", []string{a, a}, message(models.MessageFile, "", "a.txt", "a.txt")},
		{"ten files", ten, message(models.MessageFile, "", names...)},
		{"pictures", []string{pixel, pixel}, message(models.MessageImage, "", "p.png", "p.png")},
		{"a picture and a text file", []string{pixel, a}, message(models.MessageFile, "", "p.png", "a.txt")},
		{
			"a picture with the type file", []string{harness.FieldPart("type", "file"), pixel},
			message(models.MessageFile, "", "p.png"),
		},
		{
			"a picture with the type sticker", []string{pixel, harness.FieldPart("type", "sticker")},
			message(models.MessageSticker, "", "p.png"),
		},
		{
			"a reply with a client_id", []string{harness.FieldPart("reply_to", "1"), hello, a,
				harness.FieldPart("client_id", "c-7")}, reply,
		},
		{
			"a text that looks like JSON null", []string{harness.FieldPart("text", "null"), a},
			message(models.MessageFile, "null", "a.txt"),
		},
		{"a text that looks like a number", []string{harness.FieldPart("text", "17")}, message(models.MessageText, "17")},
		{
			"boundary-like lines in a text", []string{harness.FieldPart("text", "--xyz\r\n--xyzz\r\n")},
			message(models.MessageText, "--xyz\r\n--xyzz\r\n"),
		},
	}
}

// TestMessageForms sends messages as forms, and compares the response, the history and another member's stream.
func TestMessageForms(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{{Name: "valid forms", Run: func(t *testing.T, c *harness.Client) {
		anna, bert := c.NewGuest("anna"), c.NewGuest("bert")
		room := anna.CreatePrivateRoom(bert)
		messages := harness.RoomPath(room.ID) + "/messages/form"
		anna.SendText(room.ID, "the first message")
		stream := bert.OpenStream("")
		for _, f := range validForms(t) {
			body := harness.RawForm(f.parts...)
			var m, pushed models.Message
			a := anna.Send("POST", messages, []byte(body), "Content-Type", harness.FormMediaType).ExpectStatus(201).Decode(&m)
			if e := stream.Expect(models.EventMessageNotification, &pushed); e.ID != a.EventID() ||
				e.Data+"\n" != string(a.Body) {
				t.Errorf("%s: the response is %v, the event %v", f.name, a, e)
			}
			if got := harness.Get[models.Message](bert, harness.MessagePath(m)); fmt.Sprint(got.Files) != fmt.Sprint(m.Files) ||
				got.Text != m.Text {
				t.Errorf("%s: sent %+v, stored %+v", f.name, m, got)
			}
			if got := messageSummary(m); got != messageSummary(f.want) {
				t.Errorf("%s: got %s, want %s", f.name, got, messageSummary(f.want))
			}
		}
		unclosed := strings.TrimSuffix(harness.RawForm(harness.FieldPart("text", "no line break at the end")), "\r\n")
		anna.Send("POST", messages, []byte(unclosed), "Content-Type", harness.FormMediaType).ExpectStatus(201)
		withPreamble := "before\r\n" + harness.RawForm(harness.FieldPart("text", "preamble and epilogue")) + "after"
		anna.Send("POST", messages, []byte(withPreamble), "Content-Type",
			`Multipart/Form-Data; boundary="`+harness.Boundary+`"`).ExpectStatus(201)
	}}})
}

func messageSummary(m models.Message) string {
	var names []string
	for _, f := range m.Files {
		names = append(names, f.Name)
	}
	return fmt.Sprintf("%s %q %q reply to %d as %q", m.Type, m.Text, names, m.ReplyTo, m.ClientID)
}
