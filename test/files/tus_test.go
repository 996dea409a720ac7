package files

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

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// expectComplete checks that the response of an upload names a file with the content, and that the file can be
// attached to a message.
func expectComplete(c *harness.Client, a *harness.Response, content []byte) models.File {
	c.T.Helper()
	harness.ExpectUploadOffset(a, len(content))
	id := a.Header("Parley-File-Id")
	f := harness.Get[models.File](c, "/v1/files/"+id)
	if f.ID != id || f.Size != int64(len(content)) || f.SHA256 != harness.DigestOf(content) {
		c.T.Fatalf("the file is %+v", f)
	}
	var m models.Message
	c.Call("POST", harness.RoomPath(f.RoomID)+"/messages", models.NewMessage{FileIDs: []string{id}}).ExpectStatus(201).
		Decode(&m)
	if len(m.Files) != 1 || m.Files[0] != f {
		c.T.Errorf("the message has the files %+v", m.Files)
	}
	if got := harness.DigestOf(c.Download(f).ExpectStatus(200).Body); got != f.SHA256 {
		c.T.Fatalf("the download has the digest %s, want %s", got, f.SHA256)
	}
	return f
}

// TestTus checks resumable uploads with tus 1.0.0 and its extensions on each storage.
func TestTus(t *testing.T) {
	harness.SkipIfShort(t)
	harness.RunScenariosOnEachStorage(t, []harness.Scenario{
		{Name: "in chunks", Run: testChunks},
		{Name: "creation with the first bytes", Run: testCreationWithUpload},
		{Name: "checksums", Run: testChecksums},
		{Name: "a chunk at a wrong offset", Run: testWrongOffset},
		{Name: "more bytes than announced", Run: testTooManyBytes},
		{Name: "refused creations", Run: testRefusedCreation},
		{Name: "the version of tus", Run: testTusVersion},
		{Name: "the upload of another user", Run: testForeignUpload},
		{Name: "idempotent creation", Run: testCreationIsIdempotent},
		{Name: "a wrong declared type", Run: testMisdeclaredType},
		{Name: "an uploader who is removed from the room", Run: testRemovedUploader},
		{Name: "OPTIONS", Run: testUploadOptions}, {Name: "method override", Run: testMethodOverride},
		{Name: "the version is checked first", Run: testTusVersionIsCheckedFirst},
	}, "--max-file-size", "20MB", "--file-quota", "50MB")
}

func testChunks(t *testing.T, c *harness.Client) {
	anna, bert := c.NewGuest("anna"), c.NewGuest("bert")
	room := anna.CreatePrivateRoom(bert)
	content := harness.RandomBytes(9<<20 + 100)
	metadata := harness.UploadMetadataOf("filename", "../../harbour.mp4", "filetype", "application/x-harbour", "room_id",
		fmt.Sprint(room.ID), "of_mine", "x")
	a := anna.Call("POST", "/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", strconv.Itoa(len(content)),
		"Upload-Metadata", metadata)
	path := harness.ExpectUploadOffset(a.ExpectStatus(201), 0).Header("Location")
	for offset := 0; offset < len(content); {
		head := harness.ExpectUploadOffset(anna.HeadUpload(path).ExpectStatus(200), offset)
		if head.Header("Upload-Length") != strconv.Itoa(len(content)) || head.Header("Upload-Metadata") != metadata ||
			head.Header("Cache-Control") != "no-store" || head.Header("Parley-File-Id") != "" {
			t.Errorf("%v", head.HTTP.Header)
		}
		end := min(offset+3<<20, len(content))
		a = harness.ExpectUploadOffset(anna.PatchUpload(path, offset, content[offset:end]).ExpectStatus(204), end)
		offset = end
	}
	f := expectComplete(anna, a, content)
	if f.Name != "harbour.mp4" || f.MediaType != "application/x-harbour" || f.RoomID != room.ID {
		t.Errorf("the file is %+v", f)
	}
	for _, again := range []*harness.Response{anna.HeadUpload(path).ExpectStatus(200),
		anna.PatchUpload(path, len(content), nil).ExpectStatus(204)} {
		if harness.ExpectUploadOffset(again, len(content)).Header("Parley-File-Id") != f.ID {
			t.Errorf("%v of a complete upload has the headers %v", again, again.HTTP.Header)
		}
	}
	anna.PatchUpload(path, 0, content[:10]).ExpectProblem(409, models.CodeUploadConflict)
	if got := harness.DigestOf(bert.Download(f).ExpectStatus(200).Body); got != f.SHA256 {
		t.Errorf("bert downloads the digest %s", got)
	}
	anna.Call("DELETE", path, nil, "Tus-Resumable", "1.0.0").ExpectStatus(204)
	anna.HeadUpload(path).ExpectStatus(410)
	bert.Download(f).ExpectStatus(200)
}

func testCreationWithUpload(_ *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	content := harness.RandomBytes(100_000)
	a := anna.Call("POST", "/v1/uploads", content[:40_000],
		harness.UploadCreationHeaders(room.ID, len(content), "Content-Type", "application/offset+octet-stream")...)
	path := harness.ExpectUploadOffset(a.ExpectStatus(201), 40_000).Header("Location")
	expectComplete(anna, anna.PatchUpload(path, 40_000, content[40_000:]).ExpectStatus(204), content)
	a = anna.Call("POST", "/v1/uploads", content,
		harness.UploadCreationHeaders(room.ID, len(content), "Content-Type", "application/offset+octet-stream")...)
	expectComplete(anna, a.ExpectStatus(201), content)
	anna.CallInvalid("POST", "/v1/uploads", content,
		harness.UploadCreationHeaders(room.ID, len(content), "Content-Type", "text/plain")...).
		ExpectProblem(415, models.CodeUnsupportedMediaType)
}

func testChecksums(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	content := harness.RandomBytes(60_000)
	path := anna.CreateUpload(room.ID, len(content))
	var last *harness.Response
	for i, algorithm := range []string{"sha1", "sha256", "sha512"} {
		offset := i * 20_000
		chunk := content[offset : offset+20_000]
		anna.PatchUpload(path, offset, chunk, "Upload-Checksum", uploadChecksum(algorithm, content)).
			ExpectProblem(460, models.CodeUploadConflict)
		harness.ExpectUploadOffset(anna.HeadUpload(path).ExpectStatus(200), offset)
		last = anna.PatchUpload(path, offset, chunk, "Upload-Checksum", uploadChecksum(algorithm, chunk)).ExpectStatus(204)
		harness.ExpectUploadOffset(last, offset+20_000)
	}
	expectComplete(anna, last, content)

	path = anna.CreateUpload(room.ID, 10)
	for _, unreadable := range []string{"md5 XUFAKrxLKna5cZ2REBfFkg==", "sha1", "sha1 !",
		"sha256 " + strings.Fields(uploadChecksum("sha1", nil))[1]} {
		anna.CallInvalid("PATCH", path, content[:10], harness.UploadHeaders(0, "Upload-Checksum", unreadable)...).
			ExpectInvalid("Upload-Checksum")
	}
	if got := anna.UploadOffset(path); got != 0 {
		t.Errorf("a chunk that could not be verified is kept: the offset is %d, want 0", got)
	}
	wrong := harness.UploadCreationHeaders(room.ID, 10,
		"Content-Type", "application/offset+octet-stream", "Upload-Checksum",
		uploadChecksum("sha1", content))
	anna.Call("POST", "/v1/uploads", content[:10], wrong...).ExpectProblem(460, models.CodeUploadConflict)
}

// uploadChecksum returns the value of an Upload-Checksum header.
func uploadChecksum(algorithm string, content []byte) string {
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

func testWrongOffset(_ *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	content := harness.RandomBytes(1000)
	path := anna.CreateUpload(room.ID, len(content))
	anna.PatchUpload(path, 1, content[1:]).ExpectProblem(409, models.CodeUploadConflict)
	anna.PatchUpload(path, 0, content[:600]).ExpectStatus(204)
	for _, offset := range []int{0, 599, 601, 1000, 5000} {
		anna.PatchUpload(path, offset, content[:10]).ExpectProblem(409, models.CodeUploadConflict)
	}
	anna.CallInvalid("PATCH", path, content[600:], harness.UploadHeaders(-1)...).
		ExpectProblem(409, models.CodeUploadConflict)
	anna.CallInvalid("PATCH", path, content[600:], harness.UploadHeaders(600, "Upload-Offset", "six")...).
		ExpectInvalid("Upload-Offset")
	anna.CallInvalid("PATCH", path, content[600:],
		harness.UploadHeaders(600, "Content-Type", "application/octet-stream")...).
		ExpectProblem(415, models.CodeUnsupportedMediaType)
	harness.ExpectUploadOffset(anna.PatchUpload(path, 600, nil).ExpectStatus(204), 600)
	expectComplete(anna, anna.PatchUpload(path, 600, content[600:]).ExpectStatus(204), content)
}

func testTooManyBytes(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	content := harness.RandomBytes(50_000)
	path := anna.CreateUpload(room.ID, 40_000)
	anna.PatchUpload(path, 0, content).ExpectProblem(413, models.CodeTooLarge)
	if got := anna.UploadOffset(path); got != 0 {
		t.Errorf("the offset is %d, want 0", got)
	}
	anna.PatchUpload(path, 0, content[:10_000]).ExpectStatus(204)
	if status := patchWithoutLength(anna, path, 10_000, content[10_000:]); status != 413 {
		t.Errorf("a body without a length that is too large: got the status %d, want 413", status)
	}
	got := anna.UploadOffset(path)
	if got < 10_000 || got > 40_000 {
		t.Fatalf("the offset is %d, want 10000 to 40000", got)
	}
	a := anna.PatchUpload(path, got, content[got:40_000]).ExpectStatus(204)
	expectComplete(anna, a, content[:40_000])

	path = anna.CreateUpload(room.ID, 40_000)
	if status := patchWithoutLength(anna, path, 0, content[:40_000]); status != 204 {
		t.Errorf("a body without a length: got the status %d, want 204", status)
	}
	expectComplete(anna, anna.HeadUpload(path).ExpectStatus(200), content[:40_000])
}

// patchWithoutLength sends a chunk without a Content-Length.
func patchWithoutLength(c *harness.Client, path string, offset int, chunk []byte) (status int) {
	c.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), harness.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "PATCH", c.URL+path, io.MultiReader(bytes.NewReader(chunk)))
	if err != nil {
		c.T.Fatal(err)
	}
	a, err := c.Do(req, nil, harness.UploadHeaders(offset))
	if err != nil {
		c.T.Fatal(err)
	}
	return a.HTTP.StatusCode
}

func testRefusedCreation(t *testing.T, c *harness.Client) {
	anna, bert := c.NewGuest("anna"), c.NewGuest("bert")
	hidden, open := anna.CreatePrivateRoom(), anna.CreatePublicRoom()
	create := func(room, length, metadata string) *harness.Response {
		t.Helper()
		if metadata == "" {
			metadata = harness.UploadMetadataOf("filename", "a", "room_id", room)
		}
		return bert.CallInvalid("POST", "/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", length,
			"Upload-Metadata", metadata)
	}
	for _, room := range []string{fmt.Sprint(hidden.ID), "#nowhere", "99999999", "seven", "#", "-1", "0", "\x00", "#\xff",
		"99999999999999999999"} {
		create(room, "10", "").ExpectProblem(404, models.CodeNotFound)
	}
	create(fmt.Sprint(open.ID), "10", "").ExpectProblem(403, models.CodeForbidden)
	create("#"+open.Handle, "10", "").ExpectProblem(403, models.CodeForbidden)
	bert.JoinRoom(open.ID)
	mine := fmt.Sprint(open.ID)
	for _, metadata := range []string{
		"filename", "room_id", "room_id !", "room_id " + mine + "é", "filename YQ==,,room_id Nw==",
		harness.UploadMetadataOf("room_id", mine, "room_id", mine),
		harness.UploadMetadataOf("filename", "a"), harness.UploadMetadataOf("room_id", mine, "\xff\xfe", "x"),
		harness.UploadMetadataOf("room_id", mine, "x", strings.Repeat("x", 3072)),
	} {
		create("", "10", metadata).ExpectInvalid("Upload-Metadata")
	}
	for _, length := range []string{"-1", "0", "ten", "1e3", "99999999999999999999"} {
		create(mine, length, "").ExpectInvalid("Upload-Length")
	}
	bert.CallInvalid("POST", "/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Defer-Length", "1", "Upload-Metadata",
		harness.UploadMetadataOf("room_id", mine)).
		ExpectInvalid("Upload-Length")
	create(mine, "20000001", "").ExpectProblem(413, models.CodeTooLarge)
	bert.WithoutToken().CallInvalid("POST", "/v1/uploads", nil, harness.UploadCreationHeaders(open.ID, 10)...).
		ExpectProblem(401, models.CodeUnauthenticated)

	for range 2 { // the announced length counts towards the quota
		bert.CreateUpload(open.ID, 20_000_000)
	}
	create(mine, "10000001", "").ExpectProblem(413, models.CodeTooLarge)
	path := bert.CreateUpload(open.ID, 10_000_000)
	bert.Call("DELETE", path, nil, "Tus-Resumable", "1.0.0").ExpectStatus(204)
	bert.CreateUpload(open.ID, 9_000_000)
	bert.CallInvalid("POST", harness.RoomPath(open.ID)+"/files", harness.RandomBytes(1_000_001), "Content-Type",
		"text/plain").ExpectProblem(413, models.CodeTooLarge)
}

func testTusVersion(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	path := anna.CreateUpload(room.ID, 10)
	for _, version := range []string{"", "0.2.2", "1.0.1", "1.0.0, 1.0.0"} {
		for _, a := range []*harness.Response{
			anna.CallInvalid("POST", "/v1/uploads", nil,
				harness.UploadCreationHeaders(room.ID, 10, "Tus-Resumable", version)...),
			anna.CallInvalid("PATCH", path, harness.RandomBytes(10), harness.UploadHeaders(0, "Tus-Resumable", version)...),
			anna.CallInvalid("DELETE", path, nil, "Tus-Resumable", version),
			anna.CallInvalid("HEAD", path, nil, "Tus-Resumable", version),
		} {
			a.ExpectStatus(412)
			if a.Header("Tus-Version") != "1.0.0" || a.Header("Tus-Resumable") != "1.0.0" {
				t.Errorf("%v: %v", a, a.HTTP.Header)
			}
		}
	}
	anna.CallInvalid("DELETE", path, nil).ExpectProblem(412, models.CodeInvalidRequest)
	if got := anna.UploadOffset(path); got != 0 {
		t.Errorf("the offset is %d, want 0", got)
	}
}

func testForeignUpload(_ *testing.T, c *harness.Client) {
	anna, bert := c.NewGuest("anna"), c.NewGuest("bert")
	room := anna.CreatePrivateRoom(bert)
	content := harness.RandomBytes(10)
	path := anna.CreateUpload(room.ID, len(content))
	for _, path := range []string{path, "/v1/uploads/u_0aPq7RtLm5XcVe1Y"} {
		bert.HeadUpload(path).ExpectStatus(404)
		bert.PatchUpload(path, 0, content).ExpectProblem(404, models.CodeNotFound)
		bert.Call("DELETE", path, nil, "Tus-Resumable", "1.0.0").ExpectStatus(204) // none of his, so nothing ends
		bert.WithoutToken().HeadUpload(path).ExpectStatus(401)
	}
	expectComplete(anna, anna.PatchUpload(path, 0, content).ExpectStatus(204), content)
	bert.HeadUpload(path).ExpectStatus(404)
	bert.PatchUpload(path, len(content), nil).ExpectProblem(404, models.CodeNotFound)
}

func testCreationIsIdempotent(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	content := harness.RandomBytes(100)
	first := harness.UploadCreationHeaders(room.ID, len(content), "Content-Type", "application/offset+octet-stream",
		"Idempotency-Key", "once")
	path := harness.ExpectUploadOffset(anna.Call("POST", "/v1/uploads", content[:30], first...).ExpectStatus(201), 30).
		Header("Location")
	again := harness.ExpectUploadOffset(anna.Call("POST", "/v1/uploads", content[:30], first...).ExpectStatus(201), 30)
	if again.Header("Location") != path || again.Header("Idempotency-Replayed") != "true" {
		t.Errorf("%v", again.HTTP.Header)
	}
	anna.Call("POST", "/v1/uploads", nil, harness.UploadCreationHeaders(room.ID, 99, "Idempotency-Key", "once")...).
		ExpectProblem(409, models.CodeIdempotencyMismatch)
	whole := expectComplete(anna, anna.PatchUpload(path, 30, content[30:]).ExpectStatus(204), content)
	again = anna.Call("POST", "/v1/uploads", content[:30], first...).ExpectStatus(201)
	harness.ExpectUploadOffset(again, len(content))
	if again.Header("Parley-File-Id") != whole.ID {
		t.Errorf("%v", again.HTTP.Header)
	}
}

func testMisdeclaredType(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	content := []byte("<script>alert('no picture')</script>")
	path := anna.CreateUpload(room.ID, len(content), "Upload-Metadata",
		harness.UploadMetadataOf("filetype", "image/png", "room_id", fmt.Sprint(room.ID)))
	anna.PatchUpload(path, 0, content[:10]).ExpectStatus(204)
	f := expectComplete(anna, anna.PatchUpload(path, 10, content[10:]).ExpectStatus(204), content)
	if f.MediaType != "text/html" || f.Width != 0 {
		t.Errorf("got %+v", f)
	}
}

func testRemovedUploader(t *testing.T, c *harness.Client) {
	anna, bert := c.NewGuest("anna"), c.NewGuest("bert")
	hidden, open := anna.CreatePrivateRoom(bert), anna.CreatePublicRoom(bert)
	content := harness.RandomBytes(1000)
	for room, refusal := range map[int64]int{hidden.ID: 404, open.ID: 403} {
		path := bert.CreateUpload(room, len(content))
		bert.PatchUpload(path, 0, content[:500]).ExpectStatus(204)
		anna.Call("DELETE", harness.MemberPath(room, bert), nil).ExpectStatus(204)
		a := bert.PatchUpload(path, 500, content[500:]).ExpectStatus(refusal)
		head := bert.HeadUpload(path).ExpectStatus(refusal)
		if a.Header("Parley-File-Id") != "" || head.Header("Parley-File-Id") != "" {
			t.Errorf("a removed member got a file: %v", a.HTTP.Header)
		}
		anna.AddMember(room, bert, models.RoleMember)
		expectComplete(bert, bert.HeadUpload(path).ExpectStatus(200), content)
	}
}

// testMethodOverride uploads and terminates with X-HTTP-Method-Override, for clients that can send only GET and POST.
func testMethodOverride(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom().ID
	post := func(path, method string, chunk []byte, headers ...string) *harness.Response {
		return anna.Send("POST", path, chunk, append(headers, "X-HTTP-Method-Override", method, "Tus-Resumable", "1.0.0")...)
	}
	content := harness.RandomBytes(1000)
	path := anna.CreateUpload(room, len(content))
	post(path, "PATCH", content[:400], harness.UploadHeaders(0)...).ExpectStatus(204)
	if a := post(path, "HEAD", nil).ExpectStatus(200); a.Header("Upload-Offset") != "400" || len(a.Body) > 0 {
		t.Errorf("got %v", a)
	}
	post(path, "patch", content[400:], harness.UploadHeaders(400)...).ExpectStatus(204)
	expectComplete(anna, anna.HeadUpload(path).ExpectStatus(200), content)
	other := anna.CreateUpload(room, 10)
	post(other, "DELETE", nil).ExpectStatus(204)
	anna.HeadUpload(other).ExpectStatus(410)
	for _, method := range []string{"PUT", "GET", "POST", "FOO", "DELETE, PATCH"} {
		a := post(path, method, nil)
		a.ExpectProblem(405, models.CodeMethodNotAllowed)
		if a.Header("Allow") != "HEAD, PATCH, DELETE, OPTIONS" {
			t.Errorf("%s: %v", method, a.HTTP.Header)
		}
	}
	m := anna.SendText(room, "stays") // other endpoints ignore the header
	anna.Send("POST", harness.MessagePath(m), nil, "X-HTTP-Method-Override", "DELETE").
		ExpectProblem(405, models.CodeMethodNotAllowed)
	anna.Send("GET", "/v1/rooms", nil, "X-HTTP-Method-Override", "POST").ExpectStatus(200)
}

// testTusVersionIsCheckedFirst: a request without the right Tus-Resumable gets 412, whatever else is wrong with it.
func testTusVersionIsCheckedFirst(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	for _, headers := range [][]string{{}, {"Upload-Length", "5"}, {"Upload-Length", "x"}, {"Tus-Resumable", "0.2.2"}} {
		a := anna.CallInvalid("POST", "/v1/uploads", nil, headers...).ExpectStatus(412)
		if a.Header("Tus-Version") != "1.0.0" || a.Header("Tus-Resumable") != "1.0.0" {
			t.Errorf("%q: got %v", headers, a.HTTP.Header)
		}
	}
	a := anna.CallInvalid("POST", "/v1/uploads", nil, "Tus-Resumable", "1.0.0").ExpectStatus(400)
	if a.Header("Tus-Resumable") != "1.0.0" {
		t.Errorf("got %v", a.HTTP.Header)
	}
}

func testUploadOptions(t *testing.T, c *harness.Client) {
	for path, allow := range map[string]string{
		"/v1/uploads": "POST, OPTIONS", "/v1/uploads/u_0aPq7RtLm5XcVe1Y": "HEAD, PATCH, DELETE, OPTIONS",
	} {
		a := c.WithoutToken().Call("OPTIONS", path, nil).ExpectStatus(204)
		for name, want := range map[string]string{
			"Allow": allow, "Tus-Resumable": "1.0.0", "Tus-Version": "1.0.0", "Tus-Max-Size": "20000000",
			"Tus-Extension":          "creation,creation-with-upload,checksum,expiration,termination",
			"Tus-Checksum-Algorithm": "sha1,sha256,sha512",
		} {
			if got := a.Header(name); got != want {
				t.Errorf("%s %s: got %q, want %q", path, name, got, want)
			}
		}
	}
}
