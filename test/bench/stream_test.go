package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/parley-chat/parley/test/harness"
)

// streamOpened is the start of the response to a request for a stream.
const streamOpened = "HTTP/1.1 200"

// openRaw opens a member's stream with presence in the room, and reads only the status of the response: from then on
// the stream gets everything that is sent. It begins after cursor; "" is now.
func openRaw(ctx context.Context, url string, c chat, member *harness.Client, cursor string) (net.Conn, error) {
	host := strings.TrimPrefix(url, "http://")
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(conn, "GET /v1/events?room=%d&last_event_id=%s HTTP/1.1\r\nHost: %s\r\n"+
		"Authorization: Bearer %s\r\nAccept: text/event-stream\r\n\r\n",
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
