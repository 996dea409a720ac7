package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/parley-chat/parley/test/harness"
)

// streamOpened is how the answer to a request for a stream begins.
const streamOpened = "HTTP/1.1 200"

// openRaw opens a member's stream into the room and reads no more of it than that it was opened: from there on it gets
// all that is sent. cursor is where it begins; "" for now.
func openRaw(ctx context.Context, url string, c chat, member *harness.Client, cursor string) (net.Conn, error) {
	host := strings.TrimPrefix(url, "http://")
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(conn, "GET /v1/events?room=%d&last_event_id=%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nAccept: text/event-stream\r\n\r\n",
		c.roomID, cursor, host, member.AccessToken)
	if err != nil {
		return nil, err
	}
	var status [len(streamOpened)]byte
	if _, err := io.ReadFull(conn, status[:]); err != nil {
		return nil, err
	}
	if string(status[:]) != streamOpened {
		return nil, fmt.Errorf("a stream was refused: %s", status[:])
	}
	return conn, nil
}
