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

	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// impatience are limits that tests need not wait for.
var impatience = deadline.Limits{
	Head: time.Second, Idle: time.Second, Body: time.Second, Stall: time.Second,
	Linger: 100 * time.Millisecond, Grace: 2 * time.Second, Rate: 1 << 20,
}

// openConnections are the connections that the server has for requests.
func openConnections(s *harness.Server) int {
	requests, _ := s.HTTP.Listener.Connections()
	return requests
}

// moment is a request that stops at some moment.
type moment struct {
	name    string
	sent    string // as far as the client goes
	trickle string // what it then sends again and again, "" for nothing
	status  int    // of the answer that it gets, 0 for none
}

// momentsOf are the moments at which a client may stop to send.
func momentsOf(c *harness.Client, room models.Room, upload string) []moment {
	host := strings.TrimPrefix(c.URL, "http://")
	head := func(line string, headers ...string) string {
		return strings.Join(append([]string{line + " HTTP/1.1", "Host: " + host}, headers...), "\r\n") + "\r\n"
	}
	mine, long, chunked := "Authorization: Bearer "+c.AccessToken, "Content-Length: 100000", "Transfer-Encoding: chunked"
	inJSON, inForm, raw := "Content-Type: application/json", "Content-Type: "+harness.FormMediaType, "Content-Type: text/plain"
	messages, files := "POST "+harness.RoomPath(room.ID)+"/messages", "POST "+harness.RoomPath(room.ID)+"/files"
	tus := []string{mine, "Tus-Resumable: 1.0.0", "Upload-Offset: 0", "Content-Type: application/offset+octet-stream", long}
	form := harness.RawForm(harness.FieldPart("text", "hello"), harness.FilePart("a.txt", strings.Repeat("x", 5000)))[:5000]
	text, key := `{"text":"`, "Idempotency-Key: once"
	return []moment{
		{"nothing at all", "", "", 0},
		{"a head", head("GET /healthz"), "", 0},
		{"a head that trickles", head("GET /healthz"), "X: y\r\n", 0},
		{"the second head", head("GET /healthz") + "\r\n" + head("GET /healthz"), "", 200},
		{"no second request", head("GET /healthz") + "\r\n", "", 200},
		{"a body", head(messages, mine, inJSON, long, key) + "\r\n" + text, "", 400},
		{"a body that trickles", head(messages, mine, inJSON, long, key) + "\r\n" + text, "x", 400},
		{"a body in chunks", head(messages, mine, inJSON, chunked, key) + "\r\n9\r\n" + text + "\r\n", "", 400},
		{"a body that was asked for", head(messages, mine, inJSON, long, key, harness.ExpectContinueHeader) + "\r\n", "", 100},
		{"a form", head(messages, mine, inForm, long, key) + "\r\n" + form, "", 400},
		{"a form that trickles", head(messages, mine, inForm, long, key) + "\r\n" + form, "x", 400},
		{"a file", head(files, mine, raw, long, key) + "\r\nxx", "", 400},
		{"a file that trickles", head(files, mine, raw, long, key) + "\r\nxx", "x", 400},
		{"a file in chunks", head(files, mine, raw, chunked, key) + "\r\n2\r\nxx\r\n", "", 400},
		{"a file that was asked for", head(files, mine, raw, long, key, harness.ExpectContinueHeader) + "\r\n", "", 100},
		{"a chunk of an upload", head("PATCH "+upload, tus...) + "\r\nxx", "", 400},
		{"refused: no token", head(messages, inJSON, long) + "\r\n{", "", 401},
		{"refused: no token, trickling", head(messages, inJSON, long) + "\r\n{", "x", 401},
		{"refused: no token, chunks", head(messages, inJSON, chunked) + "\r\n", "1\r\nx\r\n", 401},
		{"refused: no token, asking", head(messages, inJSON, long, harness.ExpectContinueHeader) + "\r\n", "", 401},
		{"refused: no such route", head("POST /nowhere", long) + "\r\n{", "x", 404},
		{"refused: another method", head("PUT /healthz", long) + "\r\n{", "x", 405},
		{"refused: too large", head(files, mine, raw, "Content-Length: 900000000") + "\r\nxx", "x", 413},
		{"refused: another type", head(messages, mine, raw, long) + "\r\nxx", "x", 415},
		{"a body that nobody wants", head("GET /healthz", long) + "\r\nx", "x", 200},
		{"a small body that nobody wants", head("DELETE /v1/contacts/@nobody", mine, "Content-Length: 9") + "\r\nx", "", 404},
		{"bytes that are no request", strings.Repeat("\r\n", 20), "\r\n", 400},
	}
}

// TestNoConnectionWaitsForEver stops at each moment of a request. The client hears why when there is something to hear,
// the connection ends, and nothing is left of what was begun.
func TestNoConnectionWaitsForEver(t *testing.T) {
	harness.Long(t)
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		folder := filepath.Join(t.TempDir(), "files")
		server := harness.StartServerWithLimits(t, database, &impatience, "--files", folder)
		anna := harness.NewClient(t, server.URL).NewGuest("anna")
		room := anna.CreatePrivateRoom()
		upload := anna.CreateUpload(room.ID, 100_000)
		moments := momentsOf(anna, room, upload)
		t.Run("moments", func(t *testing.T) {
			for _, m := range moments {
				t.Run(m.name, func(t *testing.T) { t.Parallel(); m.play(t, server.URL) })
			}
		})
		anna.HTTP.CloseIdleConnections()
		harness.Eventually(t, "no connection is open", func() bool { return openConnections(server) == 0 })
		harness.Eventually(t, "no request is under way", func() bool { return server.HTTP.Running.Load() == 0 })
		server.Stop()

		patient := harness.StartServer(t, database, "--files", folder)
		s := &harness.FileServer{Client: harness.NewClient(t, patient.URL), Server: patient, Database: database, Folder: folder}
		anna = anna.AtServer(s.URL)
		content := harness.RandomBytes(100_000)
		offset := anna.UploadOffset(upload)
		anna.PatchUpload(upload, offset, append([]byte("xx"), content[2:]...)[offset:]).ExpectStatus(204)
		s.ExpectBlobs(1, 1)
		a := anna.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "first"}, "Idempotency-Key", "once").ExpectStatus(201)
		var m models.Message
		a.Decode(&m)
		if m.ID != 1 || a.Header("Idempotency-Replayed") != "" {
			t.Errorf("a request that was given up left something: %v", a)
		}
		s.ExpectNoLeases()
		anna.PostChunked(harness.RoomPath(room.ID)+"/files", []byte("hello"), "Content-Type", "text/plain", "Idempotency-Key", "once").ExpectStatus(201)
	})
}

// play sends what the moment has, and waits until the server ends the connection.
func (m moment) play(t *testing.T, url string) {
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
	got, err := io.ReadAll(conn) // an error may well be that the peer reset the connection
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatalf("the connection is open, after %q", got)
	}
	status := 0
	if res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(got)), nil); err == nil {
		status = res.StatusCode
		_ = res.Body.Close()
	}
	if status != m.status {
		t.Errorf("got %q, wanted %d", got, m.status)
	}
}

// TestSlowUploadsAreTaken sends files more slowly than a whole body may come, but steadily.
func TestSlowUploadsAreTaken(t *testing.T) {
	harness.Long(t)
	limits := impatience
	limits.Grace = time.Minute
	anna := harness.NewClient(t, harness.StartServerWithLimits(t, harness.NewSQLite(t), &limits).URL).NewGuest("anna")
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

// TestRefusedBodiesSeeWhy sends bodies that are refused to their end before it reads what it was answered.
func TestRefusedBodiesSeeWhy(t *testing.T) {
	t.Parallel()
	anna := harness.NewClient(t, harness.StartServer(t, harness.NewSQLite(t), "--max-file-size", "1MB").URL).NewGuest("anna")
	room := anna.CreatePrivateRoom()
	files, messages := harness.RoomPath(room.ID)+"/files", harness.RoomPath(room.ID)+"/messages"
	nobody := anna.WithoutToken()
	body := strings.Repeat("x", 20<<20)
	for _, r := range []struct {
		who    *harness.Client
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
			w := r.who.DialRaw(r.path, "Content-Type: application/json", framing)
			if framing == harness.ContentLengthHeader(len(body)) {
				w.Write(body)
			} else {
				w.Write(fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body))
			}
			w.ExpectProblem(r.status, r.code)
		}
	}
}

// TestSmallRefusedBodiesKeepTheConnection repeats what is refused on one connection.
func TestSmallRefusedBodiesKeepTheConnection(t *testing.T) {
	t.Parallel()
	nobody := harness.NewClient(t, harness.StartServer(t, harness.NewSQLite(t)).URL)
	w := nobody.DialRaw("/v1/rooms", "Content-Type: application/json", harness.ContentLengthHeader(2))
	w.Write("{}")
	w.ExpectProblem(401, models.CodeUnauthenticated)
	w.Write("GET /healthz HTTP/1.1\r\nHost: parley\r\n\r\n")
	w.ExpectResponse(200, &struct{}{})
}
