package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

const boundary = "xyzzy"

// rawForm is the body of a form, part by part as it is written: each has its head, an empty line and its content. It is
// closed unless the last part is "cut".
func rawForm(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		if p == "cut" {
			return strings.TrimSuffix(b.String(), "\r\n")
		}
		b.WriteString("--" + boundary + "\r\n" + p + "\r\n")
	}
	return b.String() + "--" + boundary + "--\r\n"
}

func fieldPart(name, value string) string {
	return fmt.Sprintf("Content-Disposition: form-data; name=%q\r\n\r\n%s", name, value)
}

func filePart(name, content string) string {
	return fmt.Sprintf("Content-Disposition: form-data; name=\"file\"; filename=%q\r\nContent-Type: text/plain\r\n\r\n%s", name, content)
}

// refusedForm is a form that is not taken: malformed_body, or invalid_request about a field, or another code.
type refusedForm struct {
	what, contentType, body string
	code                    models.Code
	field                   string
}

const goodType = "multipart/form-data; boundary=" + boundary

// brokenForms are refused wherever a form is taken.
func brokenForms() []refusedForm {
	good := rawForm(filePart("a.txt", "first"))
	malformed := func(what, contentType, body string) refusedForm {
		return refusedForm{what, contentType, body, models.CodeMalformedBody, ""}
	}
	return []refusedForm{
		malformed("no boundary", "multipart/form-data", good),
		malformed("an empty boundary", `multipart/form-data; boundary=""`, good),
		malformed("a malformed boundary", `multipart/form-data; boundary="`, good),
		malformed("another boundary", "multipart/form-data; boundary=other", good),
		malformed("no parts at all", goodType, "this is no form"),
		malformed("nothing", goodType, ""),
		malformed("a boundary and no more", goodType, "--"+boundary),
		malformed("cut in its first file", goodType, rawForm(filePart("a.txt", "fir"), "cut")),
		malformed("cut in the head of a part", goodType, "--"+boundary+"\r\nContent-Disposition: form-data; name=\"fi"),
		malformed("a part with a malformed head", goodType, rawForm("this is no head\r\n\r\nfirst")),
		{"a part with an endless head", goodType, rawForm("X-Long: " + strings.Repeat("x", 2<<20) + "\r\n\r\nfirst"), models.CodeTooLarge, ""},
		{"endless words before the first part", goodType, strings.Repeat("words\r\n", 200_000) + good, models.CodeTooLarge, ""},
		{"a file over the limit", goodType, rawForm(filePart("a.txt", strings.Repeat("x", 20_001))), models.CodeTooLarge, ""},
		{"a file over the limit, cut", goodType, rawForm(filePart("a.txt", strings.Repeat("x", 20_001)), "cut"), models.CodeTooLarge, ""},
		{"an empty file", goodType, rawForm(filePart("a.txt", "")), models.CodeBadFile, ""},
	}
}

// brokenFileForms are refused where one file is wanted.
func brokenFileForms() []refusedForm {
	first := filePart("a.txt", "first")
	about := func(what, field string, parts ...string) refusedForm {
		return refusedForm{what, goodType, rawForm(parts...), models.CodeInvalidRequest, field}
	}
	return []refusedForm{
		about("two files", "file", first, filePart("b.txt", "second")),
		about("no file", "file"),
		about("a field before the file", "file", fieldPart("text", "hello"), first),
		about("a field after the file", "file", first, fieldPart("text", "hello")),
		about("a file in another field", "file", strings.Replace(first, `"file"`, `"picture"`, 1)),
		about("a part without a name", "file", "Content-Disposition: form-data\r\n\r\nfirst"),
		about("a part without a head", "file", "\r\nfirst"),
		{
			"a second file that is cut", goodType, rawForm(first, "Content-Disposition: form-data; na", "cut"),
			models.CodeMalformedBody, "",
		},
	}
}

// brokenMessageForms are refused where a message is wanted.
func brokenMessageForms() []refusedForm {
	first, text := filePart("a.txt", "first"), fieldPart("text", "hello")
	var eleven, many []string
	for i := range 1000 {
		many = append(many, fieldPart(fmt.Sprintf("field-%d", i), ""))
	}
	for i := range 11 {
		eleven = append(eleven, filePart(fmt.Sprintf("%d.txt", i), "content"))
	}
	about := func(what, field string, parts ...string) refusedForm {
		return refusedForm{what, goodType, rawForm(parts...), models.CodeInvalidRequest, field}
	}
	return []refusedForm{
		about("eleven files", "file", eleven...),
		about("neither text nor file", "text"),
		about("an empty text without a file", "text", fieldPart("text", "")),
		about("a text that is too long", "text", first, fieldPart("text", strings.Repeat("x", models.MaxTextLength+1))),
		about("an unknown field", "colour", text, first, fieldPart("colour", "red")),
		about("very many unknown fields", "field-20", many...),
		about("a field in other letters", "Text", fieldPart("Text", "hello"), first),
		about("a field without a name", "", "Content-Disposition: form-data\r\n\r\nhello", first),
		about("a field twice", "text", text, fieldPart("text", "again"), first),
		about("a field twice, around the file", "text", text, first, text),
		about("file_ids", "file_ids", first, fieldPart("file_ids", "f_1")),
		about("a reply to nothing", "reply_to", first, fieldPart("reply_to", "9999")),
		about("a reply to a word", "reply_to", first, fieldPart("reply_to", "first")),
		about("a reply to a string", "reply_to", first, fieldPart("reply_to", `"1"`)),
		about("a reply to null", "reply_to", first, fieldPart("reply_to", "null")),
		about("a reply to none", "reply_to", first, fieldPart("reply_to", "")),
		about("a reply to a message before the first", "reply_to", first, fieldPart("reply_to", "0")),
		about("an unknown type", "type", first, fieldPart("type", "film")),
		about("an empty type", "type", first, fieldPart("type", "")),
		about("a picture without a file", "file_ids", fieldPart("type", "image"), text),
		about("a long client_id", "client_id", first, fieldPart("client_id", strings.Repeat("x", 65))),
		about("a text that is not UTF-8", "text", first, fieldPart("text", "caf\xe9")),
		{"cut in its second file", goodType, rawForm(first, filePart("b.txt", "seco"), "cut"), models.CodeMalformedBody, ""},
		{"cut between files", goodType, rawForm(first, "cut"), models.CodeMalformedBody, ""},
		{"cut in a field", goodType, rawForm(first, fieldPart("text", "hel"), "cut"), models.CodeMalformedBody, ""},
		{"a huge field", goodType, rawForm(first, fieldPart("text", strings.Repeat("x", models.MaxBodyBytes+1))), models.CodeTooLarge, ""},
		{
			"files that are too large together", goodType, rawForm(filePart("a.txt", strings.Repeat("x", 15_000)), text,
				filePart("b.txt", strings.Repeat("x", 5_001)), filePart("c.txt", "last")), models.CodeTooLarge, "",
		},
		{
			"a text file in a message of type image", goodType, rawForm(first, fieldPart("type", "image")), models.CodeBadFile, "",
		},
	}
}

// TestBrokenForms sends forms that are not what they have to be. Each is refused for what is wrong with it, whether it
// says how long it is or not; and nothing stays behind.
func TestBrokenForms(t *testing.T) {
	long(t)
	onEachShelf(t, func(t *testing.T, s *shelf) {
		anna := s.newcomer("anna")
		room := anna.privateRoom()
		anna.say(room.ID, "the first message")
		files, messages := roomPath(room.ID)+"/files", roomPath(room.ID)+"/messages"
		for path, forms := range map[string][][]refusedForm{
			files: {brokenForms(), brokenFileForms()}, messages: {brokenForms(), brokenMessageForms()},
		} {
			for _, some := range forms {
				for _, f := range some {
					anna.wantRefused(path, f)
				}
			}
		}
		if m := anna.say(room.ID, "the second message"); m.ID != 2 {
			t.Errorf("there is a message %d", m.ID)
		}
		s.wantAllGivenUp()
		s.wantBlobs(0, 0)
	}, "--max-file-size", "20KB")
}

func (c *client) wantRefused(path string, f refusedForm) {
	c.t.Helper()
	for _, a := range []*answer{
		c.wrong("POST", path, []byte(f.body), "Content-Type", f.contentType), c.pour(path, []byte(f.body), "Content-Type", f.contentType),
	} {
		var p models.Problem
		a.into(&p)
		if p.Code != f.code || p.Status != a.response.StatusCode {
			c.t.Errorf("%s at %s: got %d %s: %s %v, wanted %s", f.what, path, a.response.StatusCode, p.Code, p.Detail, p.Errors, f.code)
		}
		if f.code == models.CodeInvalidRequest && (len(p.Errors) == 0 || p.Errors[0].Field != f.field) {
			c.t.Errorf("%s at %s: the errors are %v, wanted %q", f.what, path, p.Errors, f.field)
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
	a, b, hello := filePart("a.txt", "first"), filePart("b.txt", "second"), fieldPart("text", "hello")
	pixel := strings.Replace(filePart("p.png", string(pictureAs(t, "image/png", photo(4, 4)))), "text/plain", "image/png", 1)
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
		ten = append(ten, filePart(names[i], names[i]))
	}
	return []goodForm{
		{"text alone", []string{hello}, message(models.MessageText, "hello")},
		{"a file alone", []string{a}, message(models.MessageFile, "", "a.txt")},
		{"an empty text with a file", []string{fieldPart("text", ""), a}, message(models.MessageFile, "", "a.txt")},
		{"text after the file", []string{a, hello}, message(models.MessageFile, "hello", "a.txt")},
		{"files around text", []string{a, hello, b}, message(models.MessageFile, "hello", "a.txt", "b.txt")},
		{"two files of one name", []string{a, a}, message(models.MessageFile, "", "a.txt", "a.txt")},
		{"ten files", ten, message(models.MessageFile, "", names...)},
		{"pictures", []string{pixel, pixel}, message(models.MessageImage, "", "p.png", "p.png")},
		{"a picture and a text file", []string{pixel, a}, message(models.MessageFile, "", "p.png", "a.txt")},
		{"pictures as files", []string{fieldPart("type", "file"), pixel}, message(models.MessageFile, "", "p.png")},
		{"a picture as a sticker", []string{pixel, fieldPart("type", "sticker")}, message(models.MessageSticker, "", "p.png")},
		{"a reply with a client_id", []string{fieldPart("reply_to", "1"), hello, a, fieldPart("client_id", "c-7")}, reply},
		{"words that look like more", []string{fieldPart("text", "null"), a}, message(models.MessageFile, "null", "a.txt")},
		{"a number as text", []string{fieldPart("text", "17")}, message(models.MessageText, "17")},
		{"a boundary in a text", []string{fieldPart("text", "--xyz\r\n--xyzz\r\n")}, message(models.MessageText, "--xyz\r\n--xyzz\r\n")},
	}
}

// TestGoodForms sends messages as forms, and reads them in the answer, in the history and on another member's stream.
func TestGoodForms(t *testing.T) {
	play(t, []scenario{{"good forms", func(t *testing.T, c *client) {
		anna, bert := c.newcomer("anna"), c.newcomer("bert")
		room := anna.privateRoom(bert)
		anna.say(room.ID, "the first message")
		stream := bert.open("")
		for _, f := range goodForms(t) {
			body := rawForm(f.parts...)
			var m, pushed models.Message
			a := anna.send("POST", roomPath(room.ID)+"/messages", []byte(body), "Content-Type", goodType).status(201).into(&m)
			if e := stream.expect(models.EventMessageNotification, &pushed); e.id != a.eventID() || e.data+"\n" != string(a.body) {
				t.Errorf("%s: answered %v, pushed %v", f.what, a, e)
			}
			if got := get[models.Message](bert, messagePath(m)); fmt.Sprint(got.Files) != fmt.Sprint(m.Files) || got.Text != m.Text {
				t.Errorf("%s: sent %+v, stored %+v", f.what, m, got)
			}
			if got := summary(m); got != summary(f.want) {
				t.Errorf("%s: got %s, wanted %s", f.what, got, summary(f.want))
			}
		}
		unclosed := strings.TrimSuffix(rawForm(fieldPart("text", "no line break at the end")), "\r\n")
		anna.send("POST", roomPath(room.ID)+"/messages", []byte(unclosed), "Content-Type", goodType).status(201)
		around := "before\r\n" + rawForm(fieldPart("text", "words around")) + "after"
		anna.send("POST", roomPath(room.ID)+"/messages", []byte(around), "Content-Type",
			`Multipart/Form-Data; boundary="`+boundary+`"`).status(201)
	}}})
}

func summary(m models.Message) string {
	var names []string
	for _, f := range m.Files {
		names = append(names, f.Name)
	}
	return fmt.Sprintf("%s %q %q reply to %d as %q", m.Type, m.Text, names, m.ReplyTo, m.ClientID)
}
