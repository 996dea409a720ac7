package cli

import (
	"fmt"

	"github.com/alecthomas/kong"
)

// helpTexts are the help texts of a command's flags and arguments, by their names. They are not in the struct tags,
// which cannot be broken into lines. ${default} stands for the default value.
type helpTexts map[string]string

// documented is a command that has flags or arguments.
type documented interface{ helpTexts() helpTexts }

// addHelpTexts sets the help texts of all flags and arguments below node. One without a text is an error.
func addHelpTexts(node *kong.Node) error {
	texts := helpTexts{}
	if command, ok := node.Target.Interface().(documented); ok {
		texts = command.helpTexts()
	}
	values := append([]*kong.Value{}, node.Positional...)
	for _, flag := range node.Flags {
		values = append(values, flag.Value)
	}
	for _, value := range values {
		if value.Help != "" { // --help itself
			continue
		}
		if value.Help = texts[value.Name]; value.Help == "" {
			return fmt.Errorf("%s has no help text", value.ShortSummary())
		}
		value.OrigHelp = value.Help
	}
	for _, child := range node.Children {
		if err := addHelpTexts(child); err != nil {
			return err
		}
	}
	return nil
}
