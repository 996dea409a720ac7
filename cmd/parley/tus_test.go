package main

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// metadata is an Upload-Metadata of keys and values, in pairs.
func metadata(pairs ...string) string {
	var all []string
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, pairs[i]+" "+base64.StdEncoding.EncodeToString([]byte(pairs[i+1])))
	}
	return strings.Join(all, ",")
}

// creation are the headers that begin an upload of a file of noise.
func creation(roomID int64, size int, more ...string) []string {
	return append([]string{
		"Tus-Resumable", "1.0.0", "Upload-Length", strconv.Itoa(size),
		"Upload-Metadata", metadata("filename", "noise.bin", "filetype", "application/octet-stream", "room_id", fmt.Sprint(roomID)),
	}, more...)
}

// begin begins an upload in chunks and answers its path.
func (c *client) begin(roomID int64, size int, more ...string) string {
	c.t.Helper()
	a := c.call("POST", "/v1/uploads", nil, creation(roomID, size, more...)...).status(201)
	at(a, 0)
	return a.header("Location")
}

// patch sends a chunk of an upload. The contract has one without bytes for none at all.
func (c *client) patch(path string, offset int, chunk []byte, more ...string) *answer {
	c.t.Helper()
	if len(chunk) == 0 {
		return c.wrong("PATCH", path, chunk, chunkHead(offset, more...)...)
	}
	return c.call("PATCH", path, chunk, chunkHead(offset, more...)...)
}

func chunkHead(offset int, more ...string) []string {
	return append([]string{
		"Tus-Resumable", "1.0.0", "Upload-Offset", strconv.Itoa(offset), "Content-Type", "application/offset+octet-stream",
	}, more...)
}

// headUpload asks how far an upload is.
func (c *client) headUpload(path string) *answer {
	c.t.Helper()
	return c.call("HEAD", path, nil, "Tus-Resumable", "1.0.0")
}

// offset is how far the upload is.
func (c *client) offset(path string) int {
	c.t.Helper()
	return offsetOf(c.headUpload(path).status(200))
}

func offsetOf(a *answer) int {
	a.t.Helper()
	n, err := strconv.Atoi(a.header("Upload-Offset"))
	if err != nil {
		a.t.Fatalf("%v %v: %v", a, a.response.Header, err)
	}
	return n
}

// at wants an answer to say that the upload stands there, and until when.
func at(a *answer, offset int) *answer {
	a.t.Helper()
	expires, err := http.ParseTime(a.header("Upload-Expires"))
	if got := offsetOf(a); got != offset || err != nil || time.Until(expires) < time.Hour || a.header("Tus-Resumable") != "1.0.0" {
		a.t.Fatalf("%v %v\nwanted the offset %d, an hour and more, and tus (%v)", a, a.response.Header, offset, err)
	}
	return a
}

// isWhole wants an upload's answer to name a file, which can be sent in a message and has the content.
func (c *client) isWhole(a *answer, content []byte) models.File {
	c.t.Helper()
	at(a, len(content))
	id := a.header("Parley-File-Id")
	f := get[models.File](c, "/v1/files/"+id)
	if f.ID != id || f.Size != int64(len(content)) || f.SHA256 != digestOf(content) {
		c.t.Fatalf("the file is %+v", f)
	}
	var m models.Message
	c.call("POST", roomPath(f.RoomID)+"/messages", models.NewMessage{FileIDs: []string{id}}).status(201).into(&m)
	if len(m.Files) != 1 || m.Files[0] != f {
		c.t.Errorf("the message has the files %+v", m.Files)
	}
	if got := digestOf(c.content(f).status(200).body); got != f.SHA256 {
		c.t.Fatalf("what is downloaded has the digest %s, not %s", got, f.SHA256)
	}
	return f
}

func TestTus(t *testing.T) {
	long(t)
	playWithFiles(t, []scenario{
		{"in chunks", testChunks},
		{"begun with the first bytes", testCreationWithUpload},
		{"checksums", testChecksums},
		{"a chunk at the wrong place", testWrongOffset},
		{"more bytes than were announced", testTooManyBytes},
		{"what cannot be begun", testRefusedCreation},
		{"the version of tus", testTusVersion},
		{"another's upload", testOthersUpload},
		{"begun once", testCreationOnce},
		{"a file that is not what it says", testOtherThanSaid},
		{"who leaves before the end", testRemovedUploader},
		{"what uploads can do", testUploadOptions}, {"methods by a header", testMethodOverride}, {"who speaks no tus", testTusFirst},
	}, "--max-file-size", "20MB", "--file-quota", "50MB")
}

func testChunks(t *testing.T, c *client) {
	anna, bert := c.newcomer("anna"), c.newcomer("bert")
	room := anna.privateRoom(bert)
	content := noise(9<<20 + 100)
	described := metadata("filename", "../../harbour.mp4", "filetype", "application/x-harbour", "room_id", fmt.Sprint(room.ID), "of_mine", "x")
	a := anna.call("POST", "/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", strconv.Itoa(len(content)), "Upload-Metadata", described)
	path := at(a.status(201), 0).header("Location")
	for offset := 0; offset < len(content); {
		head := at(anna.headUpload(path).status(200), offset)
		if head.header("Upload-Length") != strconv.Itoa(len(content)) || head.header("Upload-Metadata") != described ||
			head.header("Cache-Control") != "no-store" || head.header("Parley-File-Id") != "" {
			t.Errorf("%v", head.response.Header)
		}
		end := min(offset+3<<20, len(content))
		a = at(anna.patch(path, offset, content[offset:end]).status(204), end)
		offset = end
	}
	f := anna.isWhole(a, content)
	if f.Name != "harbour.mp4" || f.MediaType != "application/x-harbour" || f.RoomID != room.ID {
		t.Errorf("the file is %+v", f)
	}
	for _, again := range []*answer{anna.headUpload(path).status(200), anna.patch(path, len(content), nil).status(204)} {
		if at(again, len(content)).header("Parley-File-Id") != f.ID {
			t.Errorf("%v of a finished upload: %v", again, again.response.Header)
		}
	}
	anna.patch(path, 0, content[:10]).problem(409, models.CodeUploadConflict)
	if got := digestOf(bert.content(f).status(200).body); got != f.SHA256 {
		t.Errorf("bert gets %s", got)
	}
	anna.call("DELETE", path, nil, "Tus-Resumable", "1.0.0").status(204)
	anna.headUpload(path).status(410)
	bert.content(f).status(200)
}

func testCreationWithUpload(_ *testing.T, c *client) {
	anna := c.newcomer("anna")
	room := anna.privateRoom()
	content := noise(100_000)
	a := anna.call("POST", "/v1/uploads", content[:40_000], creation(room.ID, len(content), "Content-Type", "application/offset+octet-stream")...)
	path := at(a.status(201), 40_000).header("Location")
	anna.isWhole(anna.patch(path, 40_000, content[40_000:]).status(204), content)
	a = anna.call("POST", "/v1/uploads", content, creation(room.ID, len(content), "Content-Type", "application/offset+octet-stream")...)
	anna.isWhole(a.status(201), content)
	anna.wrong("POST", "/v1/uploads", content, creation(room.ID, len(content), "Content-Type", "text/plain")...).
		problem(415, models.CodeUnsupportedMediaType)
}

func testChecksums(t *testing.T, c *client) {
	anna := c.newcomer("anna")
	room := anna.privateRoom()
	content := noise(60_000)
	path := anna.begin(room.ID, len(content))
	var last *answer
	for i, algorithm := range []string{"sha1", "sha256", "sha512"} {
		offset := i * 20_000
		chunk := content[offset : offset+20_000]
		anna.patch(path, offset, chunk, "Upload-Checksum", checksum(algorithm, content)).problem(460, models.CodeUploadConflict)
		at(anna.headUpload(path).status(200), offset)
		last = at(anna.patch(path, offset, chunk, "Upload-Checksum", checksum(algorithm, chunk)).status(204), offset+20_000)
	}
	anna.isWhole(last, content)

	path = anna.begin(room.ID, 10)
	for _, unreadable := range []string{"md5 XUFAKrxLKna5cZ2REBfFkg==", "sha1", "sha1 !", "sha256 " + strings.Fields(checksum("sha1", nil))[1]} {
		anna.patch(path, 0, content[:10], "Upload-Checksum", unreadable).invalid("Upload-Checksum")
	}
	if got := anna.offset(path); got != 0 {
		t.Errorf("a chunk that could not be checked is kept: %d bytes", got)
	}
	wrong := creation(room.ID, 10, "Content-Type", "application/offset+octet-stream", "Upload-Checksum", checksum("sha1", content))
	anna.call("POST", "/v1/uploads", content[:10], wrong...).problem(460, models.CodeUploadConflict)
}

// checksum is an Upload-Checksum.
func checksum(algorithm string, content []byte) string {
	var sum []byte
	switch algorithm {
	case "sha1":
		s := sha1.Sum(content)
		sum = s[:]
	case "sha256":
		s := sha256.Sum256(content)
		sum = s[:]
	case "sha512":
		s := sha512.Sum512(content)
		sum = s[:]
	}
	return algorithm + " " + base64.StdEncoding.EncodeToString(sum)
}

func testWrongOffset(_ *testing.T, c *client) {
	anna := c.newcomer("anna")
	room := anna.privateRoom()
	content := noise(1000)
	path := anna.begin(room.ID, len(content))
	anna.patch(path, 1, content[1:]).problem(409, models.CodeUploadConflict)
	anna.patch(path, 0, content[:600]).status(204)
	for _, offset := range []int{0, 599, 601, 1000, 5000} {
		anna.patch(path, offset, content[:10]).problem(409, models.CodeUploadConflict)
	}
	anna.wrong("PATCH", path, content[600:], chunkHead(-1)...).problem(409, models.CodeUploadConflict)
	anna.wrong("PATCH", path, content[600:], chunkHead(600, "Upload-Offset", "six")...).invalid("Upload-Offset")
	anna.wrong("PATCH", path, content[600:], chunkHead(600, "Content-Type", "application/octet-stream")...).
		problem(415, models.CodeUnsupportedMediaType)
	at(anna.patch(path, 600, nil).status(204), 600)
	anna.isWhole(anna.patch(path, 600, content[600:]).status(204), content)
}

func testTooManyBytes(t *testing.T, c *client) {
	anna := c.newcomer("anna")
	room := anna.privateRoom()
	content := noise(50_000)
	path := anna.begin(room.ID, 40_000)
	anna.patch(path, 0, content).problem(413, models.CodeTooLarge)
	if got := anna.offset(path); got != 0 {
		t.Errorf("%d bytes of it are kept", got)
	}
	anna.patch(path, 0, content[:10_000]).status(204)
	if status := anna.patchUnsized(path, 10_000, content[10_000:]); status != 413 {
		t.Errorf("a body of a length that was not said, and too much: %d", status)
	}
	got := anna.offset(path)
	if got < 10_000 || got > 40_000 {
		t.Fatalf("the upload stands at %d", got)
	}
	a := anna.patch(path, got, content[got:40_000]).status(204)
	anna.isWhole(a, content[:40_000])

	path = anna.begin(room.ID, 40_000)
	if status := anna.patchUnsized(path, 0, content[:40_000]); status != 204 {
		t.Errorf("a body of a length that was not said: %d", status)
	}
	anna.isWhole(anna.headUpload(path).status(200), content[:40_000])
}

// patchUnsized sends a chunk without saying how long it is.
func (c *client) patchUnsized(path string, offset int, chunk []byte) (status int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "PATCH", c.url+path, io.MultiReader(bytes.NewReader(chunk)))
	if err != nil {
		c.t.Fatal(err)
	}
	a, err := c.do(req, nil, chunkHead(offset))
	if err != nil {
		c.t.Fatal(err)
	}
	return a.response.StatusCode
}

func testRefusedCreation(t *testing.T, c *client) {
	anna, bert := c.newcomer("anna"), c.newcomer("bert")
	hidden, open := anna.privateRoom(), anna.publicRoom()
	begin := func(room, length, described string) *answer {
		t.Helper()
		if described == "" {
			described = metadata("filename", "a", "room_id", room)
		}
		return bert.wrong("POST", "/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", length, "Upload-Metadata", described)
	}
	for _, room := range []string{fmt.Sprint(hidden.ID), "#nowhere", "99999999", "seven", "#", "-1", "0", "\x00", "#\xff", "99999999999999999999"} {
		begin(room, "10", "").problem(404, models.CodeNotFound)
	}
	begin(fmt.Sprint(open.ID), "10", "").problem(403, models.CodeForbidden)
	begin("#"+open.Handle, "10", "").problem(403, models.CodeForbidden)
	bert.join(open.ID)
	mine := fmt.Sprint(open.ID)
	for _, described := range []string{
		"filename", "room_id", "room_id !", "room_id " + mine + "é", "filename YQ==,,room_id Nw==", metadata("room_id", mine, "room_id", mine),
		metadata("filename", "a"), metadata("room_id", mine, "\xff\xfe", "x"), metadata("room_id", mine, "x", strings.Repeat("x", 3072)),
	} {
		begin("", "10", described).invalid("Upload-Metadata")
	}
	for _, length := range []string{"-1", "0", "ten", "1e3", "99999999999999999999"} {
		begin(mine, length, "").invalid("Upload-Length")
	}
	bert.wrong("POST", "/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Defer-Length", "1", "Upload-Metadata", metadata("room_id", mine)).
		invalid("Upload-Length")
	begin(mine, "20000001", "").problem(413, models.CodeTooLarge)
	bert.nobody().wrong("POST", "/v1/uploads", nil, creation(open.ID, 10)...).problem(401, models.CodeUnauthenticated)

	for range 2 { // what is begun counts before it is there
		bert.begin(open.ID, 20_000_000)
	}
	begin(mine, "10000001", "").problem(413, models.CodeTooLarge)
	path := bert.begin(open.ID, 10_000_000)
	bert.call("DELETE", path, nil, "Tus-Resumable", "1.0.0").status(204)
	bert.begin(open.ID, 9_000_000)
	bert.wrong("POST", roomPath(open.ID)+"/files", noise(1_000_001), "Content-Type", "text/plain").problem(413, models.CodeTooLarge)
}

func testTusVersion(t *testing.T, c *client) {
	anna := c.newcomer("anna")
	room := anna.privateRoom()
	path := anna.begin(room.ID, 10)
	for _, version := range []string{"", "0.2.2", "1.0.1", "1.0.0, 1.0.0"} {
		for _, a := range []*answer{
			anna.call("POST", "/v1/uploads", nil, creation(room.ID, 10, "Tus-Resumable", version)...),
			anna.call("PATCH", path, noise(10), chunkHead(0, "Tus-Resumable", version)...),
			anna.call("DELETE", path, nil, "Tus-Resumable", version),
			anna.call("HEAD", path, nil, "Tus-Resumable", version),
		} {
			a.status(412)
			if a.header("Tus-Version") != "1.0.0" || a.header("Tus-Resumable") != "1.0.0" {
				t.Errorf("%v: %v", a, a.response.Header)
			}
		}
	}
	anna.call("DELETE", path, nil).problem(412, models.CodeInvalidRequest)
	if got := anna.offset(path); got != 0 {
		t.Errorf("it stands at %d", got)
	}
}

func testOthersUpload(_ *testing.T, c *client) {
	anna, bert := c.newcomer("anna"), c.newcomer("bert")
	room := anna.privateRoom(bert)
	content := noise(10)
	path := anna.begin(room.ID, len(content))
	for _, path := range []string{path, "/v1/uploads/u_0aPq7RtLm5XcVe1Y"} {
		bert.headUpload(path).status(404)
		bert.patch(path, 0, content).problem(404, models.CodeNotFound)
		bert.call("DELETE", path, nil, "Tus-Resumable", "1.0.0").problem(404, models.CodeNotFound)
		bert.nobody().headUpload(path).status(401)
	}
	anna.isWhole(anna.patch(path, 0, content).status(204), content)
	bert.headUpload(path).status(404)
	bert.patch(path, len(content), nil).problem(404, models.CodeNotFound)
}

func testCreationOnce(t *testing.T, c *client) {
	anna := c.newcomer("anna")
	room := anna.privateRoom()
	content := noise(100)
	first := creation(room.ID, len(content), "Content-Type", "application/offset+octet-stream", "Idempotency-Key", "once")
	path := at(anna.call("POST", "/v1/uploads", content[:30], first...).status(201), 30).header("Location")
	again := at(anna.call("POST", "/v1/uploads", content[:30], first...).status(201), 30)
	if again.header("Location") != path || again.header("Idempotency-Replayed") != "true" {
		t.Errorf("%v", again.response.Header)
	}
	anna.call("POST", "/v1/uploads", nil, creation(room.ID, 99, "Idempotency-Key", "once")...).problem(409, models.CodeIdempotencyMismatch)
	whole := anna.isWhole(anna.patch(path, 30, content[30:]).status(204), content)
	again = at(anna.call("POST", "/v1/uploads", content[:30], first...).status(201), len(content))
	if again.header("Parley-File-Id") != whole.ID {
		t.Errorf("%v", again.response.Header)
	}
}

func testOtherThanSaid(t *testing.T, c *client) {
	anna := c.newcomer("anna")
	room := anna.privateRoom()
	content := []byte("<script>alert('no picture')</script>")
	path := anna.begin(room.ID, len(content), "Upload-Metadata", metadata("filetype", "image/png", "room_id", fmt.Sprint(room.ID)))
	anna.patch(path, 0, content[:10]).status(204)
	f := anna.isWhole(anna.patch(path, 10, content[10:]).status(204), content)
	if f.MediaType != "text/html" || f.Width != 0 {
		t.Errorf("got %+v", f)
	}
}

func testRemovedUploader(t *testing.T, c *client) {
	anna, bert := c.newcomer("anna"), c.newcomer("bert")
	hidden, open := anna.privateRoom(bert), anna.publicRoom(bert)
	content := noise(1000)
	for room, refusal := range map[int64]int{hidden.ID: 404, open.ID: 403} {
		path := bert.begin(room, len(content))
		bert.patch(path, 0, content[:500]).status(204)
		anna.call("DELETE", memberPath(room, bert), nil).status(204)
		a := bert.patch(path, 500, content[500:]).status(refusal)
		head := bert.headUpload(path).status(refusal)
		if a.header("Parley-File-Id") != "" || head.header("Parley-File-Id") != "" {
			t.Errorf("one who was removed has a file: %v", a.response.Header)
		}
		anna.add(room, bert, models.RoleMember)
		bert.isWhole(bert.headUpload(path).status(200), content)
	}
}

// testMethodOverride uploads and gives up as clients do that can send nothing but GET and POST.
func testMethodOverride(t *testing.T, c *client) {
	anna := c.newcomer("anna")
	room := anna.privateRoom().ID
	post := func(path, method string, chunk []byte, headers ...string) *answer {
		return anna.send("POST", path, chunk, append(headers, "X-HTTP-Method-Override", method, "Tus-Resumable", "1.0.0")...)
	}
	content := noise(1000)
	path := anna.begin(room, len(content))
	post(path, "PATCH", content[:400], chunkHead(0)...).status(204)
	if a := post(path, "HEAD", nil).status(200); a.header("Upload-Offset") != "400" || len(a.body) > 0 {
		t.Errorf("got %v", a)
	}
	post(path, "patch", content[400:], chunkHead(400)...).status(204)
	anna.isWhole(anna.headUpload(path).status(200), content)
	other := anna.begin(room, 10)
	post(other, "DELETE", nil).status(204)
	anna.headUpload(other).status(410)
	for _, method := range []string{"PUT", "GET", "POST", "FOO", "DELETE, PATCH"} {
		a := post(path, method, nil)
		a.problem(405, models.CodeMethodNotAllowed)
		if a.header("Allow") != "HEAD, PATCH, DELETE, OPTIONS" {
			t.Errorf("%s: %v", method, a.response.Header)
		}
	}
	m := anna.say(room, "stays") // elsewhere nobody asked for it
	anna.send("POST", messagePath(m), nil, "X-HTTP-Method-Override", "DELETE").problem(405, models.CodeMethodNotAllowed)
	anna.send("GET", "/v1/rooms", nil, "X-HTTP-Method-Override", "POST").status(200)
}

// testTusFirst: whatever is wrong with a request, who speaks no tus hears of that, and in tus.
func testTusFirst(t *testing.T, c *client) {
	anna := c.newcomer("anna")
	for _, headers := range [][]string{{}, {"Upload-Length", "5"}, {"Upload-Length", "x"}, {"Tus-Resumable", "0.2.2"}} {
		a := anna.wrong("POST", "/v1/uploads", nil, headers...).status(412)
		if a.header("Tus-Version") != "1.0.0" || a.header("Tus-Resumable") != "1.0.0" {
			t.Errorf("%q: got %v", headers, a.response.Header)
		}
	}
	a := anna.wrong("POST", "/v1/uploads", nil, "Tus-Resumable", "1.0.0").status(400)
	if a.header("Tus-Resumable") != "1.0.0" {
		t.Errorf("got %v", a.response.Header)
	}
}

func testUploadOptions(t *testing.T, c *client) {
	for path, allow := range map[string]string{
		"/v1/uploads": "POST, OPTIONS", "/v1/uploads/u_0aPq7RtLm5XcVe1Y": "HEAD, PATCH, DELETE, OPTIONS",
	} {
		a := c.nobody().call("OPTIONS", path, nil).status(204)
		for name, want := range map[string]string{
			"Allow": allow, "Tus-Resumable": "1.0.0", "Tus-Version": "1.0.0", "Tus-Max-Size": "20000000",
			"Tus-Extension":          "creation,creation-with-upload,checksum,expiration,termination",
			"Tus-Checksum-Algorithm": "sha1,sha256,sha512",
		} {
			if got := a.header(name); got != want {
				t.Errorf("%s %s: %q, wanted %q", path, name, got, want)
			}
		}
	}
}
