package files

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// refusedForm is a form that is not taken: malformed_body, or invalid_request about a field, or another code.
type refusedForm struct {
	what, contentType, body string
	code                    models.Code
	field                   string
}

// brokenForms are refused wherever a form is taken.
func brokenForms() []refusedForm {
	good := harness.RawForm(harness.FilePart("a.txt", "first"))
	malformed := func(what, contentType, body string) refusedForm {
		return refusedForm{what, contentType, body, models.CodeMalformedBody, ""}
	}
	return []refusedForm{
		malformed("no boundary", "multipart/form-data", good),
		malformed("an empty boundary", `multipart/form-data; boundary=""`, good),
		malformed("a malformed boundary", `multipart/form-data; boundary="`, good),
		malformed("another boundary", "multipart/form-data; boundary=other", good),
		malformed("no parts at all", harness.FormMediaType, "this is no form"),
		malformed("nothing", harness.FormMediaType, ""),
		malformed("a boundary and no more", harness.FormMediaType, "--"+harness.Boundary),
		malformed("cut in its first file", harness.FormMediaType, harness.RawForm(harness.FilePart("a.txt", "fir"), "cut")),
		malformed("cut in the head of a part", harness.FormMediaType, "--"+harness.Boundary+"\r\nContent-Disposition: form-data; name=\"fi"),
		malformed("a part with a malformed head", harness.FormMediaType, harness.RawForm("this is no head\r\n\r\nfirst")),
		{"a part with an endless head", harness.FormMediaType, harness.RawForm("X-Long: " + strings.Repeat("x", 2<<20) + "\r\n\r\nfirst"), models.CodeTooLarge, ""},
		{"endless words before the first part", harness.FormMediaType, strings.Repeat("words\r\n", 200_000) + good, models.CodeTooLarge, ""},
		{"a file over the limit", harness.FormMediaType, harness.RawForm(harness.FilePart("a.txt", strings.Repeat("x", 20_001))), models.CodeTooLarge, ""},
		{"a file over the limit, cut", harness.FormMediaType, harness.RawForm(harness.FilePart("a.txt", strings.Repeat("x", 20_001)), "cut"), models.CodeTooLarge, ""},
		{"an empty file", harness.FormMediaType, harness.RawForm(harness.FilePart("a.txt", "")), models.CodeBadFile, ""},
	}
}

// brokenFileForms are refused where one file is wanted.
func brokenFileForms() []refusedForm {
	first := harness.FilePart("a.txt", "first")
	about := func(what, field string, parts ...string) refusedForm {
		return refusedForm{what, harness.FormMediaType, harness.RawForm(parts...), models.CodeInvalidRequest, field}
	}
	return []refusedForm{
		about("two files", "file", first, harness.FilePart("b.txt", "second")),
		about("no file", "file"),
		about("a field before the file", "file", harness.FieldPart("text", "hello"), first),
		about("a field after the file", "file", first, harness.FieldPart("text", "hello")),
		about("a file in another field", "file", strings.Replace(first, `"file"`, `"picture"`, 1)),
		about("a part without a name", "file", "Content-Disposition: form-data\r\n\r\nfirst"),
		about("a part without a head", "file", "\r\nfirst"),
		{
			"a second file that is cut", harness.FormMediaType, harness.RawForm(first, "Content-Disposition: form-data; na", "cut"),
			models.CodeMalformedBody, "",
		},
	}
}

// brokenMessageForms are refused where a message is wanted.
func brokenMessageForms() []refusedForm {
	first, text := harness.FilePart("a.txt", "first"), harness.FieldPart("text", "hello")
	var eleven, many []string
	for i := range 1000 {
		many = append(many, harness.FieldPart(fmt.Sprintf("field-%d", i), ""))
	}
	for i := range 11 {
		eleven = append(eleven, harness.FilePart(fmt.Sprintf("%d.txt", i), "content"))
	}
	about := func(what, field string, parts ...string) refusedForm {
		return refusedForm{what, harness.FormMediaType, harness.RawForm(parts...), models.CodeInvalidRequest, field}
	}
	return []refusedForm{
		about("eleven files", "file", eleven...),
		about("neither text nor file", "text"),
		about("an empty text without a file", "text", harness.FieldPart("text", "")),
		about("a text that is too long", "text", first, harness.FieldPart("text", strings.Repeat("x", models.MaxTextLength+1))),
		about("an unknown field", "colour", text, first, harness.FieldPart("colour", "red")),
		about("very many unknown fields", "field-20", many...),
		about("a field in other letters", "Text", harness.FieldPart("Text", "hello"), first),
		about("a field without a name", "", "Content-Disposition: form-data\r\n\r\nhello", first),
		about("a field twice", "text", text, harness.FieldPart("text", "again"), first),
		about("a field twice, around the file", "text", text, first, text),
		about("file_ids", "file_ids", first, harness.FieldPart("file_ids", "f_1")),
		about("a reply to nothing", "reply_to", first, harness.FieldPart("reply_to", "9999")),
		about("a reply to a word", "reply_to", first, harness.FieldPart("reply_to", "first")),
		about("a reply to a string", "reply_to", first, harness.FieldPart("reply_to", `"1"`)),
		about("a reply to null", "reply_to", first, harness.FieldPart("reply_to", "null")),
		about("a reply to none", "reply_to", first, harness.FieldPart("reply_to", "")),
		about("a reply to a message before the first", "reply_to", first, harness.FieldPart("reply_to", "0")),
		about("an unknown type", "type", first, harness.FieldPart("type", "film")),
		about("an empty type", "type", first, harness.FieldPart("type", "")),
		about("a picture without a file", "file_ids", harness.FieldPart("type", "image"), text),
		about("a long client_id", "client_id", first, harness.FieldPart("client_id", strings.Repeat("x", 65))),
		about("a text that is not UTF-8", "text", first, harness.FieldPart("text", "caf\xe9")),
		{"cut in its second file", harness.FormMediaType, harness.RawForm(first, harness.FilePart("b.txt", "seco"), "cut"), models.CodeMalformedBody, ""},
		{"cut between files", harness.FormMediaType, harness.RawForm(first, "cut"), models.CodeMalformedBody, ""},
		{"cut in a field", harness.FormMediaType, harness.RawForm(first, harness.FieldPart("text", "hel"), "cut"), models.CodeMalformedBody, ""},
		{"a huge field", harness.FormMediaType, harness.RawForm(first, harness.FieldPart("text", strings.Repeat("x", models.MaxBodyBytes+1))), models.CodeTooLarge, ""},
		{
			"files that are too large together", harness.FormMediaType, harness.RawForm(harness.FilePart("a.txt", strings.Repeat("x", 15_000)), text,
				harness.FilePart("b.txt", strings.Repeat("x", 5_001)), harness.FilePart("c.txt", "last")), models.CodeTooLarge, "",
		},
		{
			"a text file in a message of type image", harness.FormMediaType, harness.RawForm(first, harness.FieldPart("type", "image")), models.CodeBadFile, "",
		},
	}
}

// TestBrokenForms sends forms that are not what they have to be. Each is refused for what is wrong with it, whether it
// says how long it is or not; and nothing stays behind.
func TestBrokenForms(t *testing.T) {
	harness.Long(t)
	onEachFileServer(t, func(t *testing.T, s *harness.FileServer) {
		anna := s.NewGuest("anna")
		room := anna.CreatePrivateRoom()
		anna.SendText(room.ID, "the first message")
		files, messages := harness.RoomPath(room.ID)+"/files", harness.RoomPath(room.ID)+"/messages"
		for path, forms := range map[string][][]refusedForm{
			files: {brokenForms(), brokenFileForms()}, messages: {brokenForms(), brokenMessageForms()},
		} {
			for _, some := range forms {
				for _, f := range some {
					expectRefused(anna, path, f)
				}
			}
		}
		if m := anna.SendText(room.ID, "the second message"); m.ID != 2 {
			t.Errorf("there is a message %d", m.ID)
		}
		s.ExpectNoLeases()
		s.ExpectBlobs(0, 0)
	}, "--max-file-size", "20KB")
}

func expectRefused(c *harness.Client, path string, f refusedForm) {
	c.T.Helper()
	for _, a := range []*harness.Response{
		c.CallInvalid("POST", path, []byte(f.body), "Content-Type", f.contentType), c.PostChunked(path, []byte(f.body), "Content-Type", f.contentType),
	} {
		var p models.Problem
		a.Decode(&p)
		if p.Code != f.code || p.Status != a.HTTP.StatusCode {
			c.T.Errorf("%s at %s: got %d %s: %s %v, wanted %s", f.what, path, a.HTTP.StatusCode, p.Code, p.Detail, p.Errors, f.code)
		}
		if f.code == models.CodeInvalidRequest && (len(p.Errors) == 0 || p.Errors[0].Field != f.field) {
			c.T.Errorf("%s at %s: the errors are %v, wanted %q", f.what, path, p.Errors, f.field)
		}
	}
}

// goodForm is a message as a form, and what becomes of it.
type goodForm struct {
	what  string
	parts []string
	want  models.Message // its type, text, client_id, reply_to, and the names of its files
}

func goodForms(t *testing.T) []goodForm {
	a, b, hello := harness.FilePart("a.txt", "first"), harness.FilePart("b.txt", "second"), harness.FieldPart("text", "hello")
	pixel := strings.Replace(harness.FilePart("p.png", string(pictureAs(t, "image/png", harness.Photo(4, 4)))), "text/plain", "image/png", 1)
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
	return []goodForm{
		{"text alone", []string{hello}, message(models.MessageText, "hello")},
		{"a file alone", []string{a}, message(models.MessageFile, "", "a.txt")},
		{"an empty text with a file", []string{harness.FieldPart("text", ""), a}, message(models.MessageFile, "", "a.txt")},
		{"text after the file", []string{a, hello}, message(models.MessageFile, "hello", "a.txt")},
		{"files around text", []string{a, hello, b}, message(models.MessageFile, "hello", "a.txt", "b.txt")},
		{"two files of one name", []string{a, a}, message(models.MessageFile, "", "a.txt", "a.txt")},
		{"ten files", ten, message(models.MessageFile, "", names...)},
		{"pictures", []string{pixel, pixel}, message(models.MessageImage, "", "p.png", "p.png")},
		{"a picture and a text file", []string{pixel, a}, message(models.MessageFile, "", "p.png", "a.txt")},
		{"pictures as files", []string{harness.FieldPart("type", "file"), pixel}, message(models.MessageFile, "", "p.png")},
		{"a picture as a sticker", []string{pixel, harness.FieldPart("type", "sticker")}, message(models.MessageSticker, "", "p.png")},
		{"a reply with a client_id", []string{harness.FieldPart("reply_to", "1"), hello, a, harness.FieldPart("client_id", "c-7")}, reply},
		{"words that look like more", []string{harness.FieldPart("text", "null"), a}, message(models.MessageFile, "null", "a.txt")},
		{"a number as text", []string{harness.FieldPart("text", "17")}, message(models.MessageText, "17")},
		{"a boundary in a text", []string{harness.FieldPart("text", "--xyz\r\n--xyzz\r\n")}, message(models.MessageText, "--xyz\r\n--xyzz\r\n")},
	}
}

// TestGoodForms sends messages as forms, and reads them in the answer, in the history and on another member's stream.
func TestGoodForms(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{{Name: "good forms", Play: func(t *testing.T, c *harness.Client) {
		anna, bert := c.NewGuest("anna"), c.NewGuest("bert")
		room := anna.CreatePrivateRoom(bert)
		anna.SendText(room.ID, "the first message")
		stream := bert.OpenStream("")
		for _, f := range goodForms(t) {
			body := harness.RawForm(f.parts...)
			var m, pushed models.Message
			a := anna.Send("POST", harness.RoomPath(room.ID)+"/messages", []byte(body), "Content-Type", harness.FormMediaType).ExpectStatus(201).Decode(&m)
			if e := stream.Expect(models.EventMessageNotification, &pushed); e.ID != a.EventID() || e.Data+"\n" != string(a.Body) {
				t.Errorf("%s: answered %v, pushed %v", f.what, a, e)
			}
			if got := harness.Get[models.Message](bert, harness.MessagePath(m)); fmt.Sprint(got.Files) != fmt.Sprint(m.Files) || got.Text != m.Text {
				t.Errorf("%s: sent %+v, stored %+v", f.what, m, got)
			}
			if got := summary(m); got != summary(f.want) {
				t.Errorf("%s: got %s, wanted %s", f.what, got, summary(f.want))
			}
		}
		unclosed := strings.TrimSuffix(harness.RawForm(harness.FieldPart("text", "no line break at the end")), "\r\n")
		anna.Send("POST", harness.RoomPath(room.ID)+"/messages", []byte(unclosed), "Content-Type", harness.FormMediaType).ExpectStatus(201)
		around := "before\r\n" + harness.RawForm(harness.FieldPart("text", "words around")) + "after"
		anna.Send("POST", harness.RoomPath(room.ID)+"/messages", []byte(around), "Content-Type",
			`Multipart/Form-Data; boundary="`+harness.Boundary+`"`).ExpectStatus(201)
	}}})
}

func summary(m models.Message) string {
	var names []string
	for _, f := range m.Files {
		names = append(names, f.Name)
	}
	return fmt.Sprintf("%s %q %q reply to %d as %q", m.Type, m.Text, names, m.ReplyTo, m.ClientID)
}
