package remote

import (
	"bufio"
	"io"
	"strings"
)

// Event is one server-sent event.
type Event struct {
	ID, Name, Data string
}

// ReadEvents reads an event stream until it ends or take fails. It skips comments and retry fields.
func ReadEvents(stream io.Reader, take func(Event) error) error {
	lines := bufio.NewReaderSize(stream, 64<<10)
	var e Event
	for {
		line, err := lines.ReadString('\n')
		if err != nil { // an incomplete event is dropped
			return err
		}
		field, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case strings.Trim(line, "\r\n") == "":
			if e.Data != "" {
				if err := take(e); err != nil {
					return err
				}
			}
			e = Event{}
		case field == "id":
			e.ID = value
		case field == "event":
			e.Name = value
		case field == "data" && e.Data != "":
			e.Data += "\n" + value
		case field == "data":
			e.Data = value
		}
	}
}
