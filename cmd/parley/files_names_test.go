package main

import (
	"bytes"
	"mime"
	"mime/multipart"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parley-chat/parley/models"
)

// fileNames are what clients call their files, and what the files are called then: a label, never a path.
var fileNames = []struct{ given, want string }{
	{"letter.txt", "letter.txt"},
	{"../../../../etc/passwd", "passwd"},
	{`..\..\windows\system32\evil.dll`, "evil.dll"},
	{"/etc/shadow", "shadow"},
	{`C:\boot.ini`, "boot.ini"},
	{"..", "file"},
	{".", "file"},
	{"/", "file"},
	{`\`, "file"},
	{"a/..", "file"},
	{"   ", "file"},
	{"", "file"},
	{".\u200b.", "file"},
	{`say "hi".txt`, `say "hi".txt`},
	{"a;b,c=d%41'*.txt", "a;b,c=d%41'*.txt"},
	{"two\r\nSet-Cookie: a=b", "two  Set-Cookie: a=b"},
	{"bell\x07 and\x1b[31m red.txt", "bell and[31m red.txt"},
	{"photo\u202egnp.exe", "photognp.exe"},
	{"\u2066isolated\u2069.txt", "isolated.txt"},
	{"Žluťoučký kůň.pdf", "Žluťoučký kůň.pdf"},
	{"👩\u200d👩\u200d👧.png", "👩\u200d👩\u200d👧.png"},
	{strings.Repeat("😀", 300) + ".png", strings.Repeat("😀", 251) + ".png"},
	{strings.Repeat("x", 10_000), strings.Repeat("x", 255)},
	{strings.Repeat("y", 300) + "." + strings.Repeat("z", 300), strings.Repeat("y", 255)},
}

// TestFileNames uploads files under all kinds of names, in each way in which a name comes, and looks at the answer, at
// what a browser would store the download as, and at the folder.
func TestFileNames(t *testing.T) {
	onEachShelf(t, func(t *testing.T, s *shelf) {
		anna := s.newcomer("anna")
		room := anna.privateRoom()
		files := roomPath(room.ID) + "/files"
		stored := 0
		for _, name := range fileNames {
			raw := anna.send("POST", files+"?name="+url.QueryEscape(name.given), []byte("raw"), "Content-Type", "text/plain")
			if n := utf8.RuneCountInString(name.given); n < 1 || n > models.MaxFileNameLength { // as the contract has it
				raw.invalid("name")
			} else {
				anna.wantNamed(raw, name.want)
				stored++
			}
			body, mediaType := namedForm(t, name.given)
			inForm := anna.send("POST", files, body, "Content-Type", mediaType)
			if strings.ContainsAny(name.given, "\x07\x1b") { // which the head of a part may not hold
				inForm.problem(400, models.CodeMalformedBody)
				continue
			}
			anna.wantNamed(inForm, name.want)
			stored++
		}
		anna.wantNamed(anna.call("POST", files, []byte("raw"), "Content-Type", "text/plain"), "file")

		// What no database takes is refused in a query, as in all queries.
		for _, bad := range []string{"nul%00.txt", "latin%e9.txt"} {
			anna.wrong("POST", files+"?name="+bad, []byte("raw"), "Content-Type", "text/plain").invalid("name")
		}
		body, mediaType := namedForm(t, "nul\x00.txt")
		anna.wrong("POST", files, body, "Content-Type", mediaType).problem(400, models.CodeMalformedBody)
		body, mediaType = namedForm(t, "latin\xe9.txt")
		anna.wantNamed(anna.call("POST", files, body, "Content-Type", mediaType), "latin\ufffd.txt")
		s.wantOwnNames(stored + 2)
	})
}

// namedForm is a form with one file, named as RFC 7578 has it: in quotes, with quotes and backslashes escaped.
func namedForm(t *testing.T, name string) ([]byte, string) {
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

// visible is a header's value that no client can read as anything else.
var visible = regexp.MustCompile(`^[\x20-\x7e]+$`)

// wantNamed wants a created file to have the name, and its download to say so.
func (c *client) wantNamed(uploaded *answer, want string) {
	c.t.Helper()
	var f models.File
	uploaded.status(201).into(&f)
	if got := get[models.File](c, "/v1/files/"+f.ID); f.Name != want || got.Name != want {
		c.t.Errorf("the file is called %q and %q, wanted %q", f.Name, got.Name, want)
	}
	for _, path := range []string{f.URL, f.URL + "?download=1"} {
		values := c.call("GET", path, nil).status(200).response.Header["Content-Disposition"]
		if len(values) != 1 || !visible.MatchString(values[0]) {
			c.t.Errorf("%q: Content-Disposition is %q", want, values)
			continue
		}
		kind, parameters, err := mime.ParseMediaType(values[0])
		if err != nil || kind != "attachment" || len(parameters) != 1 || parameters["filename"] != want {
			c.t.Errorf("%q: Content-Disposition %q reads as %s, %q, %v", want, values[0], kind, parameters, err)
		}
	}
}

// wantOwnNames wants so many blobs in the folder, under names that are the server's own, and nothing beside the folder.
func (s *shelf) wantOwnNames(n int) {
	s.t.Helper()
	own := regexp.MustCompile(`^([A-Z2-7]{2})/([A-Z2-7]{2})[A-Z2-7]{24}$`)
	got := blobs(s.t, filepath.Dir(s.folder))
	for _, path := range got {
		inside, err := filepath.Rel(s.folder, path)
		parts := own.FindStringSubmatch(filepath.ToSlash(inside))
		if err != nil || parts == nil || parts[1] != parts[2] {
			s.t.Errorf("there is a file %s", path)
		}
	}
	if len(got) != n {
		s.t.Errorf("there are %d blobs, wanted %d", len(got), n)
	}
}
