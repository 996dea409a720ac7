package files

import (
	"mime"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
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
	onEachFileServer(t, func(t *testing.T, s *harness.FileServer) {
		anna := s.NewGuest("anna")
		room := anna.CreatePrivateRoom()
		files := harness.RoomPath(room.ID) + "/files"
		stored := 0
		for _, name := range fileNames {
			raw := anna.Send("POST", files+"?name="+url.QueryEscape(name.given), []byte("raw"), "Content-Type", "text/plain")
			if n := utf8.RuneCountInString(name.given); n < 1 || n > models.MaxFileNameLength { // as the contract has it
				raw.ExpectInvalid("name")
			} else {
				expectNamed(anna, raw, name.want)
				stored++
			}
			body, mediaType := harness.NamedForm(t, name.given)
			inForm := anna.Send("POST", files, body, "Content-Type", mediaType)
			if strings.ContainsAny(name.given, "\x07\x1b") { // which the head of a part may not hold
				inForm.ExpectProblem(400, models.CodeMalformedBody)
				continue
			}
			expectNamed(anna, inForm, name.want)
			stored++
		}
		expectNamed(anna, anna.Call("POST", files, []byte("raw"), "Content-Type", "text/plain"), "file")

		// What no database takes is refused in a query, as in all queries.
		for _, bad := range []string{"nul%00.txt", "latin%e9.txt"} {
			anna.CallInvalid("POST", files+"?name="+bad, []byte("raw"), "Content-Type", "text/plain").ExpectInvalid("name")
		}
		body, mediaType := harness.NamedForm(t, "nul\x00.txt")
		anna.CallInvalid("POST", files, body, "Content-Type", mediaType).ExpectProblem(400, models.CodeMalformedBody)
		body, mediaType = harness.NamedForm(t, "latin\xe9.txt")
		expectNamed(anna, anna.Call("POST", files, body, "Content-Type", mediaType), "latin\ufffd.txt")
		expectOwnNames(s, stored+2)
	})
}

// visible is a header's value that no client can read as anything else.
var visible = regexp.MustCompile(`^[\x20-\x7e]+$`)

// expectNamed wants a created file to have the name, and its download to say so.
func expectNamed(c *harness.Client, uploaded *harness.Response, want string) {
	c.T.Helper()
	var f models.File
	uploaded.ExpectStatus(201).Decode(&f)
	if got := harness.Get[models.File](c, "/v1/files/"+f.ID); f.Name != want || got.Name != want {
		c.T.Errorf("the file is called %q and %q, wanted %q", f.Name, got.Name, want)
	}
	for _, path := range []string{f.URL, f.URL + "?download=1"} {
		values := c.Call("GET", path, nil).ExpectStatus(200).HTTP.Header["Content-Disposition"]
		if len(values) != 1 || !visible.MatchString(values[0]) {
			c.T.Errorf("%q: Content-Disposition is %q", want, values)
			continue
		}
		kind, parameters, err := mime.ParseMediaType(values[0])
		if err != nil || kind != "attachment" || len(parameters) != 1 || parameters["filename"] != want {
			c.T.Errorf("%q: Content-Disposition %q reads as %s, %q, %v", want, values[0], kind, parameters, err)
		}
	}
}

// expectOwnNames wants so many blobs in the folder, under names that are the server's own, and nothing beside the
// folder.
func expectOwnNames(s *harness.FileServer, n int) {
	s.T.Helper()
	own := regexp.MustCompile(`^([A-Z2-7]{2})/([A-Z2-7]{2})[A-Z2-7]{24}$`)
	got := harness.BlobPaths(s.T, filepath.Dir(s.Folder))
	for _, path := range got {
		inside, err := filepath.Rel(s.Folder, path)
		parts := own.FindStringSubmatch(filepath.ToSlash(inside))
		if err != nil || parts == nil || parts[1] != parts[2] {
			s.T.Errorf("there is a file %s", path)
		}
	}
	if len(got) != n {
		s.T.Errorf("there are %d blobs, wanted %d", len(got), n)
	}
}
