// Command asyncapi writes what openapi.yaml says of the event stream as an AsyncAPI document, for the tools that know
// streams. "make generate" runs it. It adds no fact of its own about an event: names, descriptions, schemas and
// examples are those of openapi.yaml.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"

	"go.yaml.in/yaml/v3"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: asyncapi openapi.yaml asyncapi.yaml")
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(source, target string) error {
	text, err := os.ReadFile(source) //nolint:gosec // the one who runs it names the files
	if err != nil {
		return err
	}
	var file yaml.Node
	if err := yaml.Unmarshal(text, &file); err != nil {
		return err
	}
	if len(file.Content) != 1 {
		return fmt.Errorf("%s is empty", source)
	}
	document, err := convert(file.Content[0])
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	written := bytes.NewBufferString("# Generated from openapi.yaml by \"make generate\"; never edited.\n")
	encoder := yaml.NewEncoder(written)
	encoder.SetIndent(2)
	if err := encoder.Encode(document); err != nil {
		return err
	}
	return os.WriteFile(target, written.Bytes(), 0o644) //nolint:gosec // likewise; and it is read like all others
}
