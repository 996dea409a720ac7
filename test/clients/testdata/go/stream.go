package main

import (
	"bufio"
	"encoding/json"
	"io"
	"iter"
	"strings"

	"example.com/chat/parley"
)

// frame is an event of a stream, with its fields as JSON.
type frame struct {
	ID    string          `json:"id,omitempty"`
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
}

func (f frame) event() (event parley.PolledEvent) {
	whole, err := json.Marshal(f)
	check(err)
	check(json.Unmarshal(whole, &event))
	return event
}

// eventsOf returns the events of a stream, until it ends.
func eventsOf(stream io.Reader) iter.Seq[parley.PolledEvent] {
	return func(yield func(parley.PolledEvent) bool) {
		var f frame
		for lines := bufio.NewReader(stream); ; {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			switch field, value, _ := strings.Cut(strings.TrimSpace(line), ": "); field {
			case "id":
				f.ID = value
			case "event":
				f.Event = value
			case "data":
				f.Data = json.RawMessage(value)
			case "":
				if f.Event != "" && !yield(f.event()) {
					return
				}
				f = frame{}
			}
		}
	}
}
