package main

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// events are the messages of the channel, by the names of the events, and the schemas that they need.
type events struct {
	messages, schemas *yaml.Node
}

func newEvents(contract, operation *yaml.Node) (events, error) {
	listed, err := find(operation, "responses", "200", "content", mediaType, "x-events")
	if err != nil {
		return events{}, err
	}
	source, err := find(contract, "components", "schemas")
	if err != nil {
		return events{}, err
	}
	id, err := exampleID(operation)
	if err != nil {
		return events{}, err
	}
	s := schemas{source: source, present: map[string]bool{}}
	messages := object()
	for i := 0; i < len(listed.Content); i += 2 {
		name, schema := listed.Content[i].Value, schemaName(value(field(listed.Content[i+1], "$ref")))
		if err := s.use(schema); err != nil {
			return events{}, err
		}
		message, err := newMessage(source, name, schema, id)
		if err != nil {
			return events{}, fmt.Errorf("schema %s: %w", schema, err)
		}
		add(messages, name, message)
	}
	all, err := s.all()
	return events{messages, all}, err
}

// exampleID is an example of an event's id: that of the header with which a stream continues after one.
func exampleID(operation *yaml.Node) (*yaml.Node, error) {
	parameters, err := find(operation, "parameters")
	if err != nil {
		return nil, err
	}
	for _, parameter := range parameters.Content {
		if value(field(parameter, "name")) == "Last-Event-ID" {
			return find(parameter, "example")
		}
	}
	return nil, fmt.Errorf("%s has no parameter Last-Event-ID", streamPath)
}

// newMessage describes an event: what it tells, to whom, and how it looks.
func newMessage(source *yaml.Node, name, schema string, id *yaml.Node) (*yaml.Node, error) {
	event, err := find(source, schema)
	if err != nil {
		return nil, err
	}
	properties, err := find(event, "properties")
	if err != nil {
		return nil, err
	}
	data, err := find(source, schemaName(value(field(field(properties, "data"), "$ref"))))
	if err != nil {
		return nil, err
	}
	example := plain(field(event, "example"))
	if example == nil {
		if field(properties, "id") == nil {
			id = nil
		}
		example = object("id", plain(id), "event", name, "data", plain(field(data, "example")))
	}
	return object(
		"name", name,
		"title", schema,
		"summary", plain(field(data, "description")),
		"description", plain(field(event, "description")),
		"payload", reference("components", "schemas", schema),
		"examples", list(object("payload", example)),
	), nil
}

// byName refers to each message from a place of its own name.
func (e events) byName(path ...string) *yaml.Node {
	named := object()
	for i, to := range references(e.messages, path...).Content {
		add(named, e.messages.Content[2*i].Value, to)
	}
	return named
}
