package main

import (
	"bufio"
	"io"
	"strings"
)

// replayPushed is one server-sent event as it came.
type replayPushed struct {
	id, name, data string
}

// readPushed reads an event stream until it ends or take fails. Comments and retry: are passed over.
func readPushed(stream io.Reader, take func(replayPushed) error) error {
	lines := bufio.NewReaderSize(stream, 64<<10)
	var e replayPushed
	for {
		line, err := lines.ReadString('\n')
		if err != nil { // what is left of an event that was cut off is no event
			return err
		}
		field, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case strings.Trim(line, "\r\n") == "":
			if e.data != "" {
				if err := take(e); err != nil {
					return err
				}
			}
			e = replayPushed{}
		case field == "id":
			e.id = value
		case field == "event":
			e.name = value
		case field == "data" && e.data != "":
			e.data += "\n" + value
		case field == "data":
			e.data = value
		}
	}
}
