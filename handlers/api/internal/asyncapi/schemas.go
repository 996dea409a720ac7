package main

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// schemas collects the schemas of the contract that the events need, in JSON Schema's form.
type schemas struct {
	source  *yaml.Node // components.schemas of the contract
	wanted  []string
	present map[string]bool
}

// use asks for a schema, and for all that it refers to.
func (s *schemas) use(name string) error {
	if s.present[name] {
		return nil
	}
	s.present[name] = true
	schema, err := find(s.source, name)
	if err != nil {
		return err
	}
	s.wanted = append(s.wanted, name)
	return s.useAllOf(schema)
}

func (s *schemas) useAllOf(node *yaml.Node) error {
	if name := schemaName(value(field(node, "$ref"))); name != "" {
		return s.use(name)
	}
	for _, child := range node.Content {
		if err := s.useAllOf(child); err != nil {
			return err
		}
	}
	return nil
}

// all has the schemas that were asked for, events first, in the order in which they were.
func (s *schemas) all() (*yaml.Node, error) {
	converted := object()
	for _, name := range s.wanted {
		schema, err := toJSONSchema(field(s.source, name))
		if err != nil {
			return nil, fmt.Errorf("schema %s: %w", name, err)
		}
		add(converted, name, schema)
	}
	return converted, nil
}

// toJSONSchema converts a schema of OpenAPI 3.0 to JSON Schema draft 7, of which AsyncAPI's schemas are a superset.
func toJSONSchema(schema *yaml.Node) (*yaml.Node, error) {
	// OpenAPI needs the allOf for a description beside a reference. A generator would make of it a type without a name.
	if all := field(schema, "allOf"); all != nil && len(all.Content) == 1 && field(schema, "type") == nil {
		return plain(all.Content[0]), nil
	}
	converted := object()
	converted.Style = schema.Style
	for i := 0; i < len(schema.Content); i += 2 {
		name, v := schema.Content[i].Value, schema.Content[i+1]
		var err error
		switch name {
		// No event needs these, but for the allOf above. None of them can be copied as it is.
		case "x-go-type", "xml", "discriminator", "nullable", "exclusiveMinimum", "exclusiveMaximum",
			"allOf", "oneOf", "anyOf", "not":
			err = fmt.Errorf("%q is not converted", name)
		case "example":
			name, v = "examples", list(plain(v))
		case "enum":
			name, v = constant(v)
		case "properties":
			v, err = eachField(v)
		case "items", "additionalProperties":
			if v.Kind == yaml.MappingNode {
				v, err = toJSONSchema(v)
			}
		default:
			v = plain(v)
		}
		if err != nil {
			return nil, err
		}
		add(converted, name, v)
	}
	return converted, nil
}

// constant returns an enum of one value as the constant that it is: generators make a literal type of it.
func constant(enum *yaml.Node) (name string, v *yaml.Node) {
	if len(enum.Content) == 1 {
		return "const", plain(enum.Content[0])
	}
	return "enum", plain(enum)
}

func eachField(mapping *yaml.Node) (*yaml.Node, error) {
	converted := object()
	for i := 0; i < len(mapping.Content); i += 2 {
		schema, err := toJSONSchema(mapping.Content[i+1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", mapping.Content[i].Value, err)
		}
		add(converted, mapping.Content[i].Value, schema)
	}
	return converted, nil
}

// plain is a copy of a node without the comments around it.
func plain(node *yaml.Node) *yaml.Node {
	if node == nil {
		return nil
	}
	c := *node
	c.HeadComment, c.LineComment, c.FootComment = "", "", ""
	c.Content = make([]*yaml.Node, len(node.Content))
	for i, child := range node.Content {
		c.Content[i] = plain(child)
	}
	return &c
}
