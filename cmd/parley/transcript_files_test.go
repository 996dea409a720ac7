package main

import (
	"bufio"
	"bytes"
	"fmt"
	"image"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/parley-chat/parley/models"
)

// brings sends a message into the room with the files that come along, of which it becomes the one with that id.
func (a *actor) brings(room models.Room, id int64, n models.NewMessage, files ...part) sent {
	a.t.Helper()
	parts := []part{{field: "text", content: n.Text}}
	if n.Type != "" {
		parts = append(parts, part{field: "type", content: string(n.Type)})
	}
	body, mediaType := form(a.t, append(parts, files...)...)
	return a.wrote(a.call("POST", roomPath(room.ID)+"/messages", body, "Content-Type", mediaType), room, id, n, files...)
}

// stored wants f to be the file that the part is, in the room.
func (a *actor) stored(room models.Room, f models.File, p part) models.File {
	a.t.Helper()
	want := models.File{
		ID: f.ID, RoomID: room.ID, Name: p.name, MediaType: p.mediaType, Size: int64(len(p.content)),
		SHA256: digestOf([]byte(p.content)), URL: "/v1/files/" + f.ID + "/content", CreatedAt: a.dated(f.CreatedAt),
	}
	if picture, _, err := image.DecodeConfig(strings.NewReader(p.content)); err == nil {
		want.Width, want.Height, want.ThumbnailURL = picture.Width, picture.Height, "/v1/files/"+f.ID+"/thumbnail"
	}
	if f.ID == "" || f != want {
		a.t.Errorf("a file is %+v\nwanted %+v", f, want)
	}
	return want
}

// downloaded wants each of the actors to get the bytes of the message's files.
func (s sent) downloaded(by ...*actor) sent {
	s.t.Helper()
	for _, a := range by {
		for _, f := range s.Files {
			if got := a.content(f).status(200); digestOf(got.body) != f.SHA256 || got.header("Content-Type") != f.MediaType {
				s.t.Errorf("%s got %d bytes of %s: %v", a.User.Username, len(got.body), f.Name, got.response.Header)
			}
		}
	}
	return s
}

// hidden wants the message's files not to be there for each of the actors.
func (s sent) hidden(from ...*actor) sent {
	s.t.Helper()
	for _, a := range from {
		for _, f := range s.Files {
			a.content(f).problem(404, models.CodeNotFound)
			a.call("GET", "/v1/files/"+f.ID, nil).problem(404, models.CodeNotFound)
		}
	}
	return s
}

// whenReady makes a request whose body is sent only when the server has said that it is ready for it; if it ever is.
func (c *client) whenReady(method, path string, body []byte, headers ...string) (ready bool, a *answer) {
	c.t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.AccessToken)
	req.Header.Set("Expect", "100-continue")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", method, path, req.URL.Host, len(body))
	_ = req.Header.Write(&head) // never fails
	a = &answer{t: c.t, request: req, sent: body}
	answers := bufio.NewReader(connection)
	send := func(b []byte) {
		if _, err := connection.Write(b); err != nil {
			c.t.Fatal(err)
		}
		if a.response, err = http.ReadResponse(answers, req); err != nil {
			c.t.Fatal(err)
		}
	}
	send(append(head.Bytes(), "\r\n"...))
	if ready = a.response.StatusCode == http.StatusContinue; ready {
		send(body)
	}
	defer func() { _ = a.response.Body.Close() }()
	if a.body, err = io.ReadAll(a.response.Body); err != nil {
		c.t.Fatal(err)
	}
	a.check(true)
	return ready, a
}

// readyFor wants the server to be ready for the body, and answers what it said after it had come.
func (c *client) readyFor(method, path string, body []byte, headers ...string) *answer {
	c.t.Helper()
	ready, a := c.whenReady(method, path, body, headers...)
	if !ready {
		c.t.Fatalf("%v\ncame before the body, in place of 100 Continue", a)
	}
	return a
}

// notReadyFor wants the server to answer without having waited for the body.
func (c *client) notReadyFor(method, path string, body []byte, headers ...string) *answer {
	c.t.Helper()
	ready, a := c.whenReady(method, path, body, headers...)
	if ready {
		c.t.Errorf("the server was ready for a body that it refused: %v", a)
	}
	return a
}
