package main

import "fmt"

type versionCmd struct{}

// Run prints the version of the module that the binary was built from.
func (versionCmd) Run() error {
	_, err := fmt.Println("parley", version())
	return err
}
