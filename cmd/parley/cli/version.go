package cli

import (
	"fmt"

	"github.com/parley-chat/parley/cmd/parley/version"
)

type versionCommand struct{}

// Run prints the version, the commit and its date, and the version of Go.
func (versionCommand) Run() error {
	_, err := fmt.Println("parley", version.Current())
	return err
}
