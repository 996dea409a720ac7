// Command parley is a chat backend: a plain HTTP API in, one event stream out.
package main

import (
	"os"

	"github.com/parley-chat/parley/cmd/parley/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
