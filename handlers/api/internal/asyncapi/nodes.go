package main

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// field returns the value under a key of a mapping, nil if there is none. A nil mapping has none.
func field(mapping *yaml.Node, name string) *yaml.Node {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// find returns the value at a path of keys, or an error that names the path.
func find(node *yaml.Node, path ...string) (*yaml.Node, error) {
	for _, name := range path {
		if node = field(node, name); node == nil {
			return nil, fmt.Errorf("there is no %s", strings.Join(path, " > "))
		}
	}
	return node, nil
}

// value is the text of a scalar, "" if there is none.
func value(node *yaml.Node) string {
	if node == nil {
		return ""
	}
	return node.Value
}

func scalar(text string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode}
	n.SetString(text)
	return n
}

func list(items ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Content: items}
}

// object is a mapping of the pairs of name and value. Pairs whose value is nil are left out.
func object(pairs ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for pair := range slices.Chunk(pairs, 2) {
		name, _ := pair[0].(string)
		switch v := pair[1].(type) {
		case string:
			add(n, name, scalar(v))
		case *yaml.Node:
			add(n, name, v)
		}
	}
	return n
}

func add(mapping *yaml.Node, name string, v *yaml.Node) {
	if v != nil {
		mapping.Content = append(mapping.Content, scalar(name), v)
	}
}

func reference(path ...string) *yaml.Node {
	return object("$ref", "#/"+strings.Join(path, "/"))
}

// references refers to each entry of a mapping that is at a path of the document.
func references(mapping *yaml.Node, path ...string) *yaml.Node {
	all := list()
	for i := 0; i < len(mapping.Content); i += 2 {
		all.Content = append(all.Content, reference(append(slices.Clone(path), mapping.Content[i].Value)...))
	}
	return all
}

// schemaName is the name of the schema that a $ref names, "" for what is none.
func schemaName(ref string) string {
	name, found := strings.CutPrefix(ref, "#/components/schemas/")
	if !found {
		return ""
	}
	return name
}
