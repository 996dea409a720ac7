package cli

import (
	"fmt"

	"github.com/parley-chat/parley/cmd/parley/version"
)

type versionCommand struct{}

// Run prints the version of the module that the binary was built from.
func (versionCommand) Run() error {
	_, err := fmt.Println("parley", version.String())
	return err
}
