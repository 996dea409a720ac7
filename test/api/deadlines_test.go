package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/cmd/parley/server"
	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// shortLimits are deadlines short enough for a test.
var shortLimits = deadline.Limits{
	Head: time.Second, Idle: time.Second, Body: time.Second, Stall: time.Second,
	Linger: 100 * time.Millisecond, Grace: 2 * time.Second, Rate: 1 << 20,
}

// openConnections returns the number of open connections for requests.
func openConnections(s *harness.Server) int {
	requests, _ := s.HTTP.Listener.Connections()
	return requests
}

// stalledRequest is a request whose client stops sending at some point.
type stalledRequest struct {
	name    string
	sent    string // what the client sends before it stops
	trickle string // what it then sends again and again, "" for nothing
	status  int    // of the response, 0 for none
}

// stalledRequests returns a request for each point at which a client can stop sending.
func stalledRequests(c *harness.Client, room models.Room, upload string) []stalledRequest {
	host := strings.TrimPrefix(c.URL, "http://")
	head := func(line string, headers ...string) string {
		return strings.Join(append([]string{line + " HTTP/1.1", "Host: " + host}, headers...), "\r\n") + "\r\n"
	}
	mine, long, chunked := "Authorization: Bearer "+c.AccessToken, "Content-Length: 100000", "Transfer-Encoding: chunked"
	inJSON, inForm, raw := "Content-Type: application/json", "Content-Type: "+harness.FormMediaType,
		"Content-Type: text/plain"
	messages, files := "POST "+harness.RoomPath(room.ID)+"/messages", "POST "+harness.RoomPath(room.ID)+"/files"
	tus := []string{mine, "Tus-Resumable: 1.0.0", "Upload-Offset: 0", "Content-Type: application/offset+octet-stream",
		long}
	form := harness.RawForm(harness.FieldPart("text", "hello"),
		harness.FilePart("a.txt", strings.Repeat("x", 5000)))[:5000]
	text, key := `{"text":"`, "Idempotency-Key: once"
	return []stalledRequest{
		{"no bytes", "", "", 0},
		{"a head", head("GET /healthz"), "", 0},
		{"a head that trickles", head("GET /healthz"), "X: y\r\n", 0},
		{"the second head", head("GET /healthz") + "\r\n" + head("GET /healthz"), "", 200},
		{"no second request", head("GET /healthz") + "\r\n", "", 200},
		{"a body", head(messages, mine, inJSON, long, key) + "\r\n" + text, "", 400},
		{"a body that trickles", head(messages, mine, inJSON, long, key) + "\r\n" + text, "x", 400},
		{"a body in chunks", head(messages, mine, inJSON, chunked, key) + "\r\n9\r\n" + text + "\r\n", "", 400},
		{"a body after 100 Continue", head(messages, mine, inJSON, long, key, harness.ExpectContinueHeader) + "\r\n", "",
			100},
		{"a form", head(messages, mine, inForm, long, key) + "\r\n" + form, "", 400},
		{"a form that trickles", head(messages, mine, inForm, long, key) + "\r\n" + form, "x", 400},
		{"a file", head(files, mine, raw, long, key) + "\r\nxx", "", 400},
		{"a file that trickles", head(files, mine, raw, long, key) + "\r\nxx", "x", 400},
		{"a file in chunks", head(files, mine, raw, chunked, key) + "\r\n2\r\nxx\r\n", "", 400},
		{"a file after 100 Continue", head(files, mine, raw, long, key, harness.ExpectContinueHeader) + "\r\n", "", 100},
		{"a chunk of an upload", head("PATCH "+upload, tus...) + "\r\nxx", "", 400},
		{"refused: no token", head(messages, inJSON, long) + "\r\n{", "", 401},
		{"refused: no token, trickling", head(messages, inJSON, long) + "\r\n{", "x", 401},
		{"refused: no token, chunks", head(messages, inJSON, chunked) + "\r\n", "1\r\nx\r\n", 401},
		{"refused: no token, expecting 100 Continue", head(messages, inJSON, long, harness.ExpectContinueHeader) + "\r\n", "",
			401},
		{"refused: no such route", head("POST /nowhere", long) + "\r\n{", "x", 404},
		{"refused: wrong method", head("PUT /healthz", long) + "\r\n{", "x", 405},
		{"refused: too large", head(files, mine, raw, "Content-Length: 900000000") + "\r\nxx", "x", 413},
		{"refused: wrong media type", head(messages, mine, raw, long) + "\r\nxx", "x", 415},
		{"a body that is not read", head("GET /healthz", long) + "\r\nx", "x", 200},
		{"a small body that is not read", head("DELETE /v1/contacts/@nobody", mine, "Content-Length: 9") + "\r\nx", "", 204},
		{"bytes that are not a request", strings.Repeat("\r\n", 20), "\r\n", 400},
	}
}

// withLimits changes a server's time limits for clients.
func withLimits(limits *deadline.Limits) func(*server.Config) {
	return func(c *server.Config) { c.Limits = limits }
}

// TestStalledConnectionsAreClosed stalls at each point of a request. The client gets a problem where a response is
// possible, the connection is closed, and the unfinished request leaves nothing behind.
func TestStalledConnectionsAreClosed(t *testing.T) {
	harness.SkipIfShort(t)
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		folder := filepath.Join(t.TempDir(), "files")
		impatient := harness.StartServerWith(t, database, withLimits(&shortLimits), "--files", folder)
		anna := harness.NewClient(t, impatient.URL).NewGuest("anna")
		room := anna.CreatePrivateRoom()
		upload := anna.CreateUpload(room.ID, 100_000)
		moments := stalledRequests(anna, room, upload)
		t.Run("moments", func(t *testing.T) {
			for _, m := range moments {
				t.Run(m.name, func(t *testing.T) { t.Parallel(); m.play(t, impatient.URL) })
			}
		})
		anna.HTTP.CloseIdleConnections()
		harness.Eventually(t, "no connection is open", func() bool { return openConnections(impatient) == 0 })
		harness.Eventually(t, "no request is running", func() bool { return impatient.HTTP.Running.Load() == 0 })
		impatient.Stop()

		patient := harness.StartServer(t, database, "--files", folder)
		s := &harness.FileServer{Client: harness.NewClient(t, patient.URL), Server: patient, Database: database,
			Folder: folder}
		anna = anna.AtServer(s.URL)
		content := harness.RandomBytes(100_000)
		offset := anna.UploadOffset(upload)
		anna.PatchUpload(upload, offset, append([]byte("xx"), content[2:]...)[offset:]).ExpectStatus(204)
		s.ExpectBlobs(1, 1)
		a := anna.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "first"}, "Idempotency-Key",
			"once").ExpectStatus(201)
		var m models.Message
		a.Decode(&m)
		if m.ID != 1 || a.Header("Idempotency-Replayed") != "" {
			t.Errorf("an abandoned request left something behind: %v", a)
		}
		s.ExpectNoLeases()
		anna.PostChunked(harness.RoomPath(room.ID)+"/files", []byte("hello"), "Content-Type", "text/plain", "Idempotency-Key",
			"once").ExpectStatus(201)
	})
}

// play sends the request as far as it goes, and waits until the server closes the connection.
func (m stalledRequest) play(t *testing.T, url string) {
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(harness.Timeout)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, m.sent); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	trickling := make(chan struct{})
	go func() {
		defer close(trickling)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for m.trickle != "" && ctx.Err() == nil {
			if _, err := io.WriteString(conn, m.trickle); err != nil {
				return
			}
			<-tick.C
		}
	}()
	defer func() { stop(); <-trickling }()
	got, err := io.ReadAll(conn) // an error is allowed: the peer may have reset the connection
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatalf("the connection is still open, after %q", got)
	}
	status := 0
	if res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(got)), nil); err == nil {
		status = res.StatusCode
		_ = res.Body.Close()
	}
	if status != m.status {
		t.Errorf("got %q, want the status %d", got, m.status)
	}
}

// TestSlowSteadyUploadsSucceed sends files that take longer than the deadline for a body, but steadily.
func TestSlowSteadyUploadsSucceed(t *testing.T) {
	harness.SkipIfShort(t)
	limits := shortLimits
	limits.Grace = time.Minute
	s := harness.StartServerWith(t, harness.NewSQLite(t), withLimits(&limits))
	anna := harness.NewClient(t, s.URL).NewGuest("anna")
	room := anna.CreatePrivateRoom()
	const pieces = 12
	form := harness.RawForm(harness.FieldPart("text", "hello"), harness.FilePart("a.txt", strings.Repeat("x", 5000)))
	for path, body := range map[string]string{"/files": strings.Repeat("x", 6000), "/messages": form} {
		kind := "Content-Type: text/plain"
		if path == "/messages" {
			kind = "Content-Type: " + harness.FormMediaType
		}
		w := anna.DialRaw(harness.RoomPath(room.ID)+path, kind, harness.ContentLengthHeader(len(body)))
		pause := time.NewTicker(limits.Stall / 4)
		for i := range pieces {
			w.Write(body[len(body)*i/pieces : len(body)*(i+1)/pieces])
			<-pause.C
		}
		pause.Stop()
		w.ExpectResponse(201, &struct{}{})
	}
}

// TestRefusedBodiesGetTheirProblem sends refused bodies to their end, and reads the response only then.
func TestRefusedBodiesGetTheirProblem(t *testing.T) {
	t.Parallel()
	anna := harness.NewClient(t, harness.StartServer(t, harness.NewSQLite(t), "--max-file-size", "1MB").URL).
		NewGuest("anna")
	room := anna.CreatePrivateRoom()
	files, messages := harness.RoomPath(room.ID)+"/files", harness.RoomPath(room.ID)+"/messages"
	nobody := anna.WithoutToken()
	body := strings.Repeat("x", 20<<20)
	for _, r := range []struct {
		client *harness.Client
		path   string
		status int
		code   models.Code
	}{
		{nobody, messages, 401, models.CodeUnauthenticated},
		{nobody, files, 401, models.CodeUnauthenticated},
		{anna, "/v1/nowhere", 404, models.CodeNotFound},
		{anna, files, 413, models.CodeTooLarge},
		{anna, messages, 413, models.CodeTooLarge},
	} {
		for _, framing := range []string{harness.ContentLengthHeader(len(body)), "Transfer-Encoding: chunked"} {
			w := r.client.DialRaw(r.path, "Content-Type: application/json", framing)
			if framing == harness.ContentLengthHeader(len(body)) {
				w.Write(body)
			} else {
				w.Write(fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body))
			}
			w.ExpectProblem(r.status, r.code)
		}
	}
}

// TestSmallRefusedBodyKeepsConnection sends another request on the connection of a refused one.
func TestSmallRefusedBodyKeepsConnection(t *testing.T) {
	t.Parallel()
	nobody := harness.NewClient(t, harness.StartServer(t, harness.NewSQLite(t)).URL)
	w := nobody.DialRaw("/v1/rooms", "Content-Type: application/json", harness.ContentLengthHeader(2))
	w.Write("{}")
	w.ExpectProblem(401, models.CodeUnauthenticated)
	w.Write("GET /healthz HTTP/1.1\r\nHost: parley\r\n\r\n")
	w.ExpectResponse(200, &struct{}{})
}
