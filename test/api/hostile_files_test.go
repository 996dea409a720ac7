package api

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// forms reports whether the operation's body may be a form.
func forms(op harness.Operation) bool { return op.TakesForm() }

// TestHostileForms sends invalid forms to each operation that takes a form. They change nothing, and the valid form is
// accepted afterwards.
func TestHostileForms(t *testing.T) {
	harness.SkipIfShort(t)
	eachOperation(t, forms, func(t *testing.T, c *harness.Client, op harness.Operation) {
		s := newRequestFixture(c)
		expectSame := expectUnchanged(s.me)
		h := hostile{t: t, requestFixture: s, op: op, by: s.me}
		h.brokenForms()
		h.formFields()
		h.formFiles()
		expectSame()
		h.formNames()
		s.sendForm(op, s.me, s.path(op)).ExpectStatus(201)
	}, "--max-file-size", "1MB")
}

// postForm sends a form of these parts.
func (h hostile) postForm(parts ...harness.FormPart) *harness.Response {
	h.t.Helper()
	body, mediaType := harness.EncodeForm(h.t, parts...)
	return h.post(body, "Content-Type", mediaType)
}

// brokenForms sends bodies that are not a form, or an incomplete one.
func (h hostile) brokenForms() {
	h.t.Helper()
	valid, mediaType := harness.EncodeForm(h.t, h.requestFixture.form(h.op)...)
	_, boundary, _ := strings.Cut(mediaType, "boundary=")
	start, end := "--"+boundary+"\r\n", "--"+boundary+"--\r\n"
	for _, without := range []string{
		"multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; border=x",
	} {
		h.post(valid, "Content-Type", without).ExpectRefusal(models.CodeMalformedBody)
	}
	h.post(valid, "Content-Type", "multipart/form-data; boundary=another").
		ExpectRefusal(models.CodeMalformedBody, models.CodeInvalidRequest)
	for _, body := range []string{
		"", "x", "{}", "\x00", start, end, start + end, start + start, start + "\r\n", "--" + boundary,
		"--" + boundary + "--",
		start + "Content-Disposition\r\n\r\nx\r\n" + end, start + ": y\r\n\r\nz\r\n" + end,
		start + "\xff: \xff\r\n\r\nx\r\n" + end,
		start + "Content-Disposition: form-data\r\n\r\nx\r\n" + end, start + "Content-Disposition: \r\n\r\nx\r\n" + end,
		start + "Content-Disposition: attachment; name=file\r\n\r\nx\r\n" + end,
		start + "Content-Disposition: form-data; name=file; name=text\r\n\r\nx\r\n" + end,
		start + "X: " + strings.Repeat("x", 900_000), start + strings.Repeat("X: y\r\n", 100_000) + "\r\nz\r\n" + end,
		strings.Repeat(start+"\r\n\r\n", 15_000) + end, strings.Repeat("\r\n", 400_000), strings.Repeat("--", 400_000),
		string(valid[:len(valid)/2]), string(valid[:len(valid)-len(end)-2]),
	} {
		h.post([]byte(body), "Content-Type", mediaType).ExpectRefusal(models.CodeMalformedBody, models.CodeInvalidRequest)
	}
	if !h.op.TakesBytes() { // there it would be a file
		h.post(valid, "Content-Type", "multipart/mixed; boundary="+boundary).ExpectRefusal(models.CodeUnsupportedMediaType)
		h.post(valid, "Content-Type", "application/json").ExpectRefusal(models.CodeUnsupportedMediaType)
	}
}

// formFields sends unknown fields, fields with invalid values, and each field twice.
func (h hostile) formFields() {
	h.t.Helper()
	valid := h.requestFixture.form(h.op)
	properties := h.op.RequestBody.Value.Content["multipart/form-data"].Schema.Value.Properties
	for _, name := range []string{
		"unknown", "", " ", "TEXT", "File", "file ", "files", "file_ids", "file_ids[0]", "id", "__proto__", "ключ",
	} {
		h.expectFieldRefused(name, append(slices.Clone(valid), harness.FormPart{Field: name, Content: "x"}))
	}
	for i, p := range valid {
		if p.Field == "file" {
			continue
		}
		h.expectFieldRefused(p.Field, append(slices.Clone(valid), p))
		schema := properties[p.Field].Value
		bad := []string{"\x00", p.Content + "\x00", "\xff", "a\xffb", "\xed\xa0\x80"}
		switch {
		case schema.Type.Is("integer"):
			bad = append(bad, "x", "0", "-1", "1.5", "1e400", "9223372036854775808", "null", "true", "[]", "{}", `"1"`,
				"1 2")
		case len(schema.Enum) > 0:
			bad = append(bad, "unknown", strings.ToUpper(p.Content), p.Content+" ")
		default:
			bad = append(bad, strings.Repeat("x", int(*schema.MaxLength)+1), strings.Repeat("界", int(*schema.MaxLength)+1))
		}
		for _, content := range bad {
			parts := slices.Clone(valid)
			parts[i].Content = content
			h.expectFieldRefused(p.Field, parts)
		}
	}
	if !h.op.TakesBytes() {
		h.postForm(harness.FormPart{Field: "text", Content: strings.Repeat("x", 1<<20+1)}).ExpectRefusal(models.CodeTooLarge)
	}
}

// expectFieldRefused sends a form, and expects a problem that names the field.
func (h hostile) expectFieldRefused(name string, parts []harness.FormPart) {
	h.t.Helper()
	a := h.postForm(parts...)
	a.ExpectRefusal(models.CodeInvalidRequest)
	if h.op.TakesBytes() {
		name = "file" // the only part of this form
	}
	a.ExpectInvalid(name)
}

// formFiles sends an empty file, too many files, and files that are too large.
func (h hostile) formFiles() {
	h.t.Helper()
	rest := slices.DeleteFunc(h.requestFixture.form(h.op), func(p harness.FormPart) bool { return p.Field == "file" })
	h.postForm(append(slices.Clone(rest),
		harness.FormPart{Field: "file", Name: "a.txt", MediaType: "text/plain", Content: ""})...).
		ExpectRefusal(models.CodeBadFile)
	text := harness.FormPart{Field: "file", Name: "a.txt", MediaType: "text/plain", Content: "a text"}
	most := models.MaxFilesPerMessage
	if h.op.TakesBytes() {
		most = 1
	}
	a := h.postForm(append(slices.Clone(rest), slices.Repeat([]harness.FormPart{text}, most+1)...)...)
	a.ExpectRefusal(models.CodeInvalidRequest)
	a.ExpectInvalid("file")
	large := harness.FormPart{Field: "file", Name: "a.txt", MediaType: "text/plain", Content: strings.Repeat("x", 600_000)}
	if most > 1 { // the limit holds for the sum of the files
		h.postForm(append(slices.Clone(rest), large, large)...).ExpectRefusal(models.CodeTooLarge)
	}
	large.Content = strings.Repeat("x", 1<<20+1)
	h.postForm(append(slices.Clone(rest), large)...).ExpectRefusal(models.CodeTooLarge)
	large.Content = strings.Repeat("x", 3<<20)
	h.postForm(append(slices.Clone(rest), large)...).ExpectRefusal(models.CodeTooLarge)
}

// formNames sends files with invalid names and media types. They are accepted, under a name that can be shown.
func (h hostile) formNames() {
	h.t.Helper()
	for _, name := range hostileNames {
		a := h.postForm(harness.FormPart{Field: "file", Name: name, MediaType: "text/plain", Content: "a text"}).
			ExpectStatus(201)
		for _, f := range files(a) {
			if f.Name == "" || strings.ContainsAny(f.Name, "/\\\x00\r\n\u202e") || utf8.RuneCountInString(f.Name) > 255 {
				h.t.Errorf("the file name %q was stored as %q", name, f.Name)
			}
		}
	}
	// A header cannot have a zero byte.
	h.postForm(harness.FormPart{Field: "file", Name: "a\x00b", MediaType: "text/plain", Content: "a text"}).
		ExpectRefusal(models.CodeMalformedBody)
	for _, mediaType := range hostileTypes {
		a := h.postForm(harness.FormPart{Field: "file", Name: "a", MediaType: mediaType, Content: "a text"}).ExpectStatus(201)
		for _, f := range files(a) {
			h.by.Download(f).ExpectStatus(200)
		}
	}
}

// hostileNames are file names as an attacker might choose them. Quotes and similar characters are escaped as browsers
// do.
var hostileNames = []string{
	"..", ".", "/", "../../etc/passwd", "..\\..\\boot.ini", "C:\\a.txt", "a/b", "a/", "/a", "\xff\xfe", "\u202egpj.exe",
	"a%00b", "%2e%2e%2f", "a%22b", " ", ".txt", "CON", "a;b=c", strings.Repeat("x", 5_000),
	strings.Repeat("界", 300) + ".txt", "a." + strings.Repeat("x", 300),
}

// hostileTypes are values of Content-Type that are invalid, or wrong for a text.
var hostileTypes = []string{
	"/", "x", "text", "text/", "/plain", "a/b/c", "text/plain; charset", "text/plain;;;", ";", "*/*", "text/*",
	"\xff/\xff", "text/\u00e4",
	strings.Repeat("x", 3_000) + "/x", "application/" + strings.Repeat("x", 200), "text/html<script>",
	"multipart/form-dat", "text/plain, image/png",
	"image/png", "audio/ogg", "video/mp4", "image/svg+xml", "IMAGE/PNG; x=y",
}

// files returns the files of a response: those of a message, or the one that the response is.
func files(a *harness.Response) []models.File {
	a.T.Helper()
	if err := a.ContractViolation(false); err != nil {
		a.T.Errorf("%v\nviolates the contract: %v", a, err)
	}
	var message struct{ Files []models.File }
	a.Decode(&message)
	if len(message.Files) > 0 {
		return message.Files
	}
	var f models.File
	a.Decode(&f)
	return []models.File{f}
}

// TestHostileBytes sends invalid content to each operation that takes bytes: too much, none, and of other media types.
func TestHostileBytes(t *testing.T) {
	chosen := func(op harness.Operation) bool { return op.TakesBytes() }
	eachOperation(t, chosen, func(t *testing.T, c *harness.Client, op harness.Operation) {
		s := newRequestFixture(c)
		expectSame := expectUnchanged(s.me)
		isFile := op.OperationID == "UploadFile"
		h := hostile{t: t, requestFixture: s, op: op, by: s.me}
		large := bytes.Repeat([]byte("x"), 3<<20)
		for _, a := range []*harness.Response{
			s.bytes(op, large), h.chunked(2<<20, append(s.headers(op), "Content-Type", harness.UploadChunkType)...),
		} {
			a.ExpectRefusal(models.CodeTooLarge)
		}
		if isFile {
			s.bytes(op, nil).ExpectRefusal(models.CodeBadFile)
		}
		for _, mediaType := range append(slices.Clone(hostileTypes), "", "text/plain", "application/json",
			"application/octet-stream") {
			a := s.bytes(op, []byte(harness.UploadChunk), "Content-Type", mediaType)
			if isFile {
				h.by.Download(files(a.ExpectStatus(201))[0]).ExpectStatus(200)
			} else {
				a.ExpectRefusal(models.CodeUnsupportedMediaType)
			}
		}
		expectSame()
		if a := s.request(op, s.me); a.HTTP.StatusCode >= 300 {
			t.Errorf("after all of that, a valid request was refused: %v", a)
		}
	}, "--max-file-size", "1MB")
}

// bytes is like send, with another body.
func (s requestFixture) bytes(op harness.Operation, body []byte, headers ...string) *harness.Response {
	s.me.T.Helper()
	pairs := append([]string{"Content-Type", harness.UploadChunkType}, s.headers(op)...)
	return s.me.Send(op.Method, s.path(op), body, append(pairs, headers...)...)
}

// wrongHeaders are values that are invalid in each header of the contract that must be understood.
var wrongHeaders = []string{
	"", " ", "x", "-1", "+1", "1.5", "1e3", "0x10", "1,1", "null", "5 5", "٣", "\xff\xfe", "\u0080", `"`, "*", "W/",
	`W/"`, "1.0", "0.2.2", "1.0.0, 1.0.0",
	"9223372036854775807", "9223372036854775808", "-9223372036854775808", "99999999999999999999999",
	strings.Repeat("9", 5000),
	"bytes", "bytes=", "bytes=-", "bytes=-0", "bytes=9-1", "bytes=0-0,-1", "bytes=99-", "bytes=-99999999999999999999",
	"bytes=0-9223372036854775807",
	"lines=1-2", "bytes=" + strings.Repeat("0-0,", 500), strings.Repeat(`"x",`, 2000), "Thu, 99 Jan 2026 00:00:00 GMT",
	"sha1", "sha1 ", "sha1 !", "sha1 AAAA", "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "sha2 AAAA", "SHA1 AAAA",
	"md5 1B2M2Y8AsgTpgAmY7PhCfg==",
	"room_id", "room_id ", "room_id !", "room_id MA==", "room_id LTE=", "room_id ASM=", "room_id IwA=", "room_id I/8=",
	"room_id /w==",
	"room_id OTk5OTk5", "room_id MQ==,room_id MQ==", ",", ",,room_id", "filename YQ==", "room_id MQ,",
	"room_id " + strings.Repeat("QUFB", 1500),
}

// ignoredHeaders are the headers whose invalid values are ignored, as RFC 9110 requires.
var ignoredHeaders = []string{"Range", "If-Range", "If-None-Match", "Idempotency-Key"}

// TestHostileHeaders sends invalid headers to each operation that has headers in the contract, and each header
// twice. Headers that must be understood are refused; the others get a response of the contract.
func TestHostileHeaders(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{{Name: "each operation", Run: func(t *testing.T, c *harness.Client) {
		s := newRequestFixture(c)
		expectSame := expectUnchanged(s.me)
		for _, op := range harness.Operations() {
			for _, p := range op.Parameters {
				name := p.Value.Name
				if p.Value.In != "header" || op.OperationID == "StreamEvents" {
					continue
				}
				good := map[string]string{}
				for i, pairs := 0, s.headers(op); i < len(pairs); i += 2 {
					good[pairs[i]] = pairs[i+1]
				}
				s.sendHeaderTwice(op, name, good[name]).ExpectRefusal(models.CodeInvalidRequest)
				for _, value := range wrongHeaders {
					if name == "If-Match" && value == "*" {
						continue // the only one that is valid there
					}
					if slices.Contains(ignoredHeaders, name) && !op.TakesJSON() && op.OperationID != "SendMessageForm" {
						s.sendIgnored(op, name, value)
					} else if !slices.Contains(ignoredHeaders, name) {
						s.send(op, s.me, s.path(op), name, value).
							ExpectRefusal(models.CodeInvalidRequest, models.CodeTooLarge, models.CodeNotFound, models.CodeUploadConflict)
					}
				}
			}
		}
		expectSame()
		for _, op := range harness.Operations() {
			if op.Parameter("Tus-Resumable") != nil && op.Method != "DELETE" {
				if a := s.request(op, s.me); a.HTTP.StatusCode >= 300 {
					t.Errorf("after all of that, a valid request was refused: %v", a)
				}
			}
		}
	}}})
}

// TestHostileMetadata creates uploads with arbitrary Base64 values in their metadata, and with keys that are not UTF-8.
// What is accepted becomes a file.
func TestHostileMetadata(t *testing.T) {
	harness.SkipIfShort(t)
	harness.RunScenarios(t, []harness.Scenario{{Name: "names and types", Run: func(t *testing.T, c *harness.Client) {
		s := newRequestFixture(c)
		expectSame := expectUnchanged(s.me)
		room := "room_id " + base64.StdEncoding.EncodeToString(fmt.Append(nil, s.room.ID))
		begin := func(metadata string) *harness.Response {
			return s.me.Send("POST", "/v1/uploads", []byte(harness.UploadChunk), "Content-Type", harness.UploadChunkType,
				"Tus-Resumable", "1.0.0",
				"Upload-Length", strconv.Itoa(len(harness.UploadChunk)), "Upload-Metadata", metadata)
		}
		for _, value := range slices.Concat(hostileNames, hostileTypes,
			[]string{"", "\x00", "a\x00b", "\xed\xa0\x80", "\r\nX: y"}) {
			if len(value) > 1_000 {
				continue
			}
			for _, key := range []string{"filename", "filetype", "other", "\u00e4"} {
				a := begin(room + "," + key + " " + base64.StdEncoding.EncodeToString([]byte(value))).ExpectStatus(201)
				f := harness.Get[models.File](s.me, "/v1/files/"+a.Header("Parley-File-Id"))
				s.me.Download(f).ExpectStatus(200)
				if !utf8.ValidString(f.Name) || strings.ContainsAny(f.Name, "/\\\x00\r\n") {
					t.Errorf("%s %q: %+v", key, value, f)
				}
				s.me.Call("HEAD", a.Header("Location"), nil, "Tus-Resumable", "1.0.0").ExpectStatus(200)
			}
		}
		for _, key := range []string{"\xff", "a\xffb", "\xed\xa0\x80"} {
			begin(room + "," + key + " YQ==").ExpectRefusal(models.CodeInvalidRequest)
		}
		expectSame()
	}}})
}

// sendIgnored sends an invalid header that is ignored, and expects a response of the contract.
func (s requestFixture) sendIgnored(op harness.Operation, name, value string) {
	s.me.T.Helper()
	a := s.send(op, s.me, s.path(op), name, value)
	if err := a.ContractViolation(false); err != nil || a.HTTP.StatusCode >= 500 {
		s.me.T.Errorf("%s: %.100q: %v: %v", name, value, a, err)
	}
}

// sendHeaderTwice sends the operation's request with a header twice.
func (s requestFixture) sendHeaderTwice(op harness.Operation, name, value string) *harness.Response {
	s.me.T.Helper()
	by := *s.me
	client := *by.HTTP
	client.Transport = headerDoubler{client.Transport, name, value}
	by.HTTP = &client
	return s.send(op, &by, s.path(op))
}

// headerDoubler is a transport that sends a header twice.
type headerDoubler struct {
	next        http.RoundTripper
	name, value string
}

func (d headerDoubler) RoundTrip(r *http.Request) (*http.Response, error) {
	again := r.Clone(r.Context())
	again.Header[http.CanonicalHeaderKey(d.name)] = []string{d.value, d.value}
	return d.next.RoundTrip(again)
}
