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

// fileNames are file names that clients send, and the names that are stored: a label, never a path.
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

// TestFileNamesAreSanitized uploads files with the names in the query and in a form. It checks the response, the name
// under which a browser would save the download, and the paths in the folder.
func TestFileNamesAreSanitized(t *testing.T) {
	onEachFileServer(t, func(t *testing.T, s *harness.FileServer) {
		anna := s.NewGuest("anna")
		room := anna.CreatePrivateRoom()
		files := harness.RoomPath(room.ID) + "/files"
		stored := 0
		for _, name := range fileNames {
			raw := anna.Send("POST", files+"?name="+url.QueryEscape(name.given), []byte("raw"), "Content-Type", "text/plain")
			if n := utf8.RuneCountInString(name.given); n < 1 || n > models.MaxFileNameLength { // the limits in openapi.yaml
				raw.ExpectInvalid("name")
			} else {
				expectFileName(anna, raw, name.want)
				stored++
			}
			body, mediaType := harness.NamedForm(t, name.given)
			inForm := anna.Send("POST", files, body, "Content-Type", mediaType)
			if strings.ContainsAny(name.given, "\x07\x1b") { // not allowed in the header of a part
				inForm.ExpectProblem(400, models.CodeMalformedBody)
				continue
			}
			expectFileName(anna, inForm, name.want)
			stored++
		}
		expectFileName(anna, anna.Call("POST", files, []byte("raw"), "Content-Type", "text/plain"), "file")

		// A NUL byte and invalid UTF-8 are refused in a query, as in all queries.
		for _, bad := range []string{"nul%00.txt", "latin%e9.txt"} {
			anna.CallInvalid("POST", files+"?name="+bad, []byte("raw"), "Content-Type", "text/plain").ExpectInvalid("name")
		}
		body, mediaType := harness.NamedForm(t, "nul\x00.txt")
		anna.CallInvalid("POST", files, body, "Content-Type", mediaType).ExpectProblem(400, models.CodeMalformedBody)
		body, mediaType = harness.NamedForm(t, "latin\xe9.txt")
		expectFileName(anna, anna.Call("POST", files, body, "Content-Type", mediaType), "latin\ufffd.txt")
		expectServerChosenPaths(s, stored+2)
	})
}

// printableASCII matches header values that all clients read in the same way.
var printableASCII = regexp.MustCompile(`^[\x20-\x7e]+$`)

// expectFileName checks the name of an uploaded file, and the file name in the headers of its download.
func expectFileName(c *harness.Client, uploaded *harness.Response, want string) {
	c.T.Helper()
	var f models.File
	uploaded.ExpectStatus(201).Decode(&f)
	if got := harness.Get[models.File](c, "/v1/files/"+f.ID); f.Name != want || got.Name != want {
		c.T.Errorf("the names of the file are %q and %q, want %q", f.Name, got.Name, want)
	}
	for _, path := range []string{f.URL, f.URL + "?download=1"} {
		values := c.Call("GET", path, nil).ExpectStatus(200).HTTP.Header["Content-Disposition"]
		if len(values) != 1 || !printableASCII.MatchString(values[0]) {
			c.T.Errorf("%q: Content-Disposition is %q", want, values)
			continue
		}
		kind, parameters, err := mime.ParseMediaType(values[0])
		if err != nil || kind != "attachment" || len(parameters) != 1 || parameters["filename"] != want {
			c.T.Errorf("%q: Content-Disposition %q reads as %s, %q, %v", want, values[0], kind, parameters, err)
		}
	}
}

// expectServerChosenPaths checks that the folder has n blobs whose paths the server chose, and that there is nothing
// beside the folder.
func expectServerChosenPaths(s *harness.FileServer, n int) {
	s.T.Helper()
	blobPath := regexp.MustCompile(`^([A-Z2-7]{2})/([A-Z2-7]{2})[A-Z2-7]{24}$`)
	got := harness.BlobPaths(s.T, filepath.Dir(s.Folder))
	for _, path := range got {
		relative, err := filepath.Rel(s.Folder, path)
		parts := blobPath.FindStringSubmatch(filepath.ToSlash(relative))
		if err != nil || parts == nil || parts[1] != parts[2] {
			s.T.Errorf("unexpected path %s", path)
		}
	}
	if len(got) != n {
		s.T.Errorf("got %d blobs, want %d", len(got), n)
	}
}
