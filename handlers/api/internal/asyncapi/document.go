package main

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	streamPath = "/v1/events"
	channel    = "events"
	// mediaType is that of the channel: a payload has the fields of an event as the stream sends them, which are those
	// of the contract's schemas Event….
	mediaType = "text/event-stream"
)

// streamParameters are the query parameters of the stream. The route has others, for pages of the log and polyfills.
var streamParameters = []string{"last_event_id", "room"}

// convert makes the AsyncAPI document from the contract. The document is the server's, which sends the events.
func convert(contract *yaml.Node) (*yaml.Node, error) {
	operation, err := find(contract, "paths", streamPath, "get")
	if err != nil {
		return nil, err
	}
	info, err := newInfo(contract)
	if err != nil {
		return nil, err
	}
	schemes, err := newSecuritySchemes(contract, operation)
	if err != nil {
		return nil, err
	}
	query, err := newQuery(operation)
	if err != nil {
		return nil, err
	}
	events, err := newEvents(contract, operation)
	if err != nil {
		return nil, err
	}
	return object(
		"asyncapi", "3.0.0",
		"info", info,
		"defaultContentType", mediaType,
		"servers", newServers(),
		"channels", object(channel, object(
			"address", streamPath,
			"title", plain(field(operation, "summary")),
			"messages", events.byName("components", "messages"),
		)),
		"operations", object(value(field(operation, "operationId")), object(
			"action", "send",
			"channel", reference("channels", channel),
			"title", plain(field(operation, "summary")),
			"description", plain(field(operation, "description")),
			"security", references(schemes, "components", "securitySchemes"),
			"bindings", object("http", object("method", "GET", "query", query, "bindingVersion", "0.3.0")),
			"messages", references(events.messages, "channels", channel, "messages"),
		)),
		"components", object("securitySchemes", schemes, "messages", events.messages, "schemas", events.schemas),
	), nil
}

const aboutDocument = "\n" +
	"This document describes the event stream alone. It is generated from the whole contract, `/openapi.yaml`,\n" +
	"which has the requests too. A payload is an event as the stream sends it: the text of `event:` and `id:`, and\n" +
	"the parsed JSON of `data:`. A client ignores events and fields that it does not know.\n"

// newInfo has the contract's name, version, licence and contact, and the first sentence of its description.
func newInfo(contract *yaml.Node) (*yaml.Node, error) {
	info, err := find(contract, "info")
	if err != nil {
		return nil, err
	}
	first, _, _ := strings.Cut(strings.Join(strings.Fields(value(field(info, "description"))), " "), ". ")
	return object(
		"title", value(field(info, "title"))+": the event stream",
		"version", plain(field(info, "version")),
		"description", first+".\n"+aboutDocument,
		"contact", plain(field(info, "contact")),
		"license", plain(field(info, "license")),
	), nil
}

// newServers names a server anywhere: OpenAPI lets it be the one that the document came from, AsyncAPI does not.
func newServers() *yaml.Node {
	return object("parley", object(
		"host", "{host}",
		"protocol", "http",
		"description", "A server of Parley. Behind a proxy with TLS, the protocol is https.",
		"variables", object("host", object(
			"default", "127.0.0.1:8080",
			"description", "Its name or address, with the port.",
		)),
	))
}

// newSecuritySchemes has the schemes that open the stream, with AsyncAPI's word for a key in a cookie.
func newSecuritySchemes(contract, operation *yaml.Node) (*yaml.Node, error) {
	alternatives, err := find(operation, "security")
	if err != nil {
		return nil, err
	}
	schemes := object()
	for _, alternative := range alternatives.Content {
		for i := 0; i < len(alternative.Content); i += 2 {
			name := alternative.Content[i].Value
			scheme, err := find(contract, "components", "securitySchemes", name)
			if err != nil {
				return nil, err
			}
			scheme = plain(scheme)
			if kind := field(scheme, "type"); value(kind) == "apiKey" {
				kind.Value = "httpApiKey"
			}
			add(schemes, name, scheme)
		}
	}
	return schemes, nil
}

// newQuery is the schema of the stream's query.
func newQuery(operation *yaml.Node) (*yaml.Node, error) {
	parameters, err := find(operation, "parameters")
	if err != nil {
		return nil, err
	}
	properties := object()
	for _, parameter := range parameters.Content {
		name := value(field(parameter, "name"))
		if value(field(parameter, "in")) != "query" || !slices.Contains(streamParameters, name) {
			continue
		}
		schema, err := toJSONSchema(field(parameter, "schema"))
		if err != nil {
			return nil, fmt.Errorf("parameter %s: %w", name, err)
		}
		add(schema, "description", plain(field(parameter, "description")))
		add(schema, "examples", list(plain(field(parameter, "example"))))
		add(properties, name, schema)
	}
	if found := len(properties.Content) / 2; found != len(streamParameters) {
		return nil, fmt.Errorf("%s has %d of the query parameters %s", streamPath, found, streamParameters)
	}
	return object("type", "object", "properties", properties), nil
}
