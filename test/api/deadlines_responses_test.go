package api

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// requestWithoutReading sends a request the given number of times on one connection, and reads nothing of the
// responses.
func requestWithoutReading(c *harness.Client, path string, times int) net.Conn {
	c.T.Helper()
	host := strings.TrimPrefix(c.URL, "http://")
	conn, err := (&net.Dialer{}).DialContext(c.T.Context(), "tcp", host)
	if err != nil {
		c.T.Fatal(err)
	}
	c.T.Cleanup(func() { _ = conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(16 << 10); err != nil {
		c.T.Fatal(err)
	}
	one := "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nAuthorization: Bearer " + c.AccessToken + "\r\n\r\n"
	if _, err := io.WriteString(conn, strings.Repeat(one, times)); err != nil {
		c.T.Fatal(err)
	}
	return conn
}

// bulk makes a page of a room and a file that are larger than the buffers of a connection.
func bulk(c *harness.Client) (page, content string) {
	c.T.Helper()
	room := c.CreatePrivateRoom()
	for range 100 {
		c.SendText(room.ID, strings.Repeat("\x01x", models.MaxTextLength/2))
	}
	f := c.UploadFile(room.ID, "large.bin", harness.OctetStream, harness.RandomBytes(20<<20))
	return harness.RoomPath(room.ID) + "/messages?limit=200", "/v1/files/" + f.ID + "/content"
}

// TestUnreadResponsesAreAbandoned leaves responses unread: the server abandons each, and closes its connection.
func TestUnreadResponsesAreAbandoned(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		folder := t.TempDir()
		patient := harness.StartServer(t, database, "--files", folder)
		anna := harness.NewClient(t, patient.URL).NewGuest("anna")
		page, content := bulk(anna)
		patient.Stop()
		server := harness.StartServerWith(t, database, withLimits(&shortLimits), "--files", folder)
		anna = anna.AtServer(server.URL)
		requestWithoutReading(anna, page, 20)
		requestWithoutReading(anna, content, 1)
		requestWithoutReading(anna, "/openapi.yaml", 40)
		anna.HTTP.CloseIdleConnections()
		harness.Eventually(t, "no connection is open", func() bool { return openConnections(server) == 0 })
		harness.Eventually(t, "no request is running", func() bool { return server.HTTP.Running.Load() == 0 })
		anna.Call("GET", page, nil).ExpectStatus(200)
	})
}

// TestStopWithStalledConnections stops the program while clients are stalled at each point of a request, and streams
// and responses are not read. It stops cleanly and soon. What was acknowledged is stored, and the rest can be
// continued.
func TestStopWithStalledConnections(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		p := harness.StartProcess(t, database, "--files", t.TempDir())
		anna := harness.NewClient(t, p.URL).NewGuest("anna")
		room := anna.CreatePrivateRoom()
		said := anna.SendText(room.ID, "acknowledged")
		upload := anna.CreateUpload(room.ID, 100_000)
		page, content := bulk(anna)
		var conns []net.Conn
		for _, m := range stalledRequests(anna, room, upload) {
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(p.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			if _, err := io.WriteString(conn, m.sent); err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
		conns = append(conns, requestWithoutReading(anna, page, 20), requestWithoutReading(anna, content, 1),
			requestWithoutReading(anna, "/v1/events", 1))
		stream := anna.OpenStream("")

		stopped := make(chan int, 1)
		go func() { stopped <- p.Terminate() }()
		stream.Expect(models.EventServerClosing, nil)
		select {
		case status := <-stopped:
			if status != 0 {
				t.Errorf("got the exit status %d: %s", status, p.Output.String())
			}
		case <-time.After(15 * time.Second): // the time that the documentation promises
			t.Errorf("the server is still running after 15 s, with %d connections open", len(conns))
			<-stopped
		}

		p.Start()
		if got := harness.Get[models.Message](anna, harness.MessagePath(said)); got.Text != said.Text {
			t.Errorf("got %+v, want %+v", got, said)
		}
		offset := anna.UploadOffset(upload)
		anna.PatchUpload(upload, offset, harness.RandomBytes(100_000)[offset:]).ExpectStatus(204)
		anna.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "again"}, "Idempotency-Key", "once").
			ExpectStatus(201)
	})
}
