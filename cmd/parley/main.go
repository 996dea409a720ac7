// Command parley is a chat backend: a plain HTTP API in, one event stream out.
package main

import "os"

func main() { os.Exit(run(os.Args[1:])) }
