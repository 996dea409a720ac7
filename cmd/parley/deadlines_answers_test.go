package main

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// askAndLeave makes a request so many times on one connection, and reads nothing of what is answered.
func (c *client) askAndLeave(path string, times int) net.Conn {
	c.t.Helper()
	host := strings.TrimPrefix(c.url, "http://")
	conn, err := (&net.Dialer{}).DialContext(c.t.Context(), "tcp", host)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(16 << 10); err != nil {
		c.t.Fatal(err)
	}
	one := "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nAuthorization: Bearer " + c.AccessToken + "\r\n\r\n"
	if _, err := io.WriteString(conn, strings.Repeat(one, times)); err != nil {
		c.t.Fatal(err)
	}
	return conn
}

// bulk makes a page of a room, and a file, that are larger than what the buffers of a connection take.
func bulk(c *client) (page, content string) {
	c.t.Helper()
	room := c.privateRoom()
	for range 100 {
		c.say(room.ID, strings.Repeat("\x01x", models.MaxTextLength/2))
	}
	f := c.upload(room.ID, "large.bin", anyType, noise(20<<20))
	return roomPath(room.ID) + "/messages?limit=200", "/v1/files/" + f.ID + "/content"
}

// TestAnswersThatNobodyReads leaves answers unread: the server gives each up, and the connection with it.
func TestAnswersThatNobodyReads(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		folder := t.TempDir()
		patient := startServer(t, database, "--files", folder)
		anna := newClient(t, patient.url).newcomer("anna")
		page, content := bulk(anna)
		patient.halt()
		server := startImpatient(t, database, &impatience, "--files", folder)
		anna = anna.at(server.url)
		anna.askAndLeave(page, 20)
		anna.askAndLeave(content, 1)
		anna.askAndLeave("/openapi.yaml", 40)
		anna.http.CloseIdleConnections()
		eventually(t, "no connection is open", func() bool { return server.open() == 0 })
		eventually(t, "no request is under way", func() bool { return server.http.running.Load() == 0 })
		anna.call("GET", page, nil).status(200)
	})
}

// TestStopWithEverythingOpen asks the program to stop while a client stands still at each moment of a request, and streams
// and answers are not read. It stops in order and soon; what was acknowledged is there, and what was not can be gone on with.
func TestStopWithEverythingOpen(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		p := startProcess(t, database, "--files", t.TempDir())
		anna := newClient(t, p.url).newcomer("anna")
		room := anna.privateRoom()
		said := anna.say(room.ID, "acknowledged")
		upload := anna.begin(room.ID, 100_000)
		page, content := bulk(anna)
		var conns []net.Conn
		for _, m := range momentsOf(anna, room, upload) {
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(p.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			if _, err := io.WriteString(conn, m.sent); err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
		conns = append(conns, anna.askAndLeave(page, 20), anna.askAndLeave(content, 1), anna.askAndLeave("/v1/events", 1))
		stream := anna.open("")

		stopped := make(chan int, 1)
		go func() { stopped <- p.terminate() }()
		stream.expect(models.EventServerClosing, nil)
		select {
		case status := <-stopped:
			if status != 0 {
				t.Errorf("the exit status is %d: %s", status, p.output.String())
			}
		case <-time.After(15 * time.Second): // which is promised to whoever runs it
			t.Errorf("it has not stopped after 15 s, with %d connections open", len(conns))
			<-stopped
		}

		p.start()
		if got := get[models.Message](anna, messagePath(said)); got.Text != said.Text {
			t.Errorf("%+v became %+v", said, got)
		}
		offset := anna.offset(upload)
		anna.patch(upload, offset, noise(100_000)[offset:]).status(204)
		anna.call("POST", roomPath(room.ID)+"/messages", models.NewMessage{Text: "again"}, "Idempotency-Key", "once").status(201)
	})
}
