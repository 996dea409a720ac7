package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/parley-chat/parley/cmd/parley/version"
)

// cli is the command line. Flags of a subcommand can be given as environment variables too, which kong reads: no other
// code looks at the environment.
type cli struct {
	Serve   serveCmd   `cmd:"" help:"Run the server."`
	Migrate migrateCmd `cmd:"" help:"Bring the database to the newest schema, or show where it is."`
	Bench   loadCmd    `cmd:"" help:"Put load on a running server, and measure what it carries."`
	Replay  replayCmd  `cmd:"" help:"Play chat logs through a running server, and check that all of it arrived."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// The exit statuses of a command that did not do what it was told to.
const (
	statusFailed     = 1
	statusWrongUsage = 2
)

// run is the program; it returns the exit status.
func run(args []string) int {
	var c cli
	parser, err := kong.New(&c, kong.Name("parley"),
		kong.Description("A chat backend that you run yourself: a plain HTTP API in, one event stream out."))
	if err != nil {
		fmt.Fprintln(os.Stderr, "parley:", err)
		return statusWrongUsage
	}
	parsed, err := parser.Parse(args)
	if err == nil && readsSettings(parsed.Command()) {
		err = checkEnvironment(parser.Model, os.Environ())
	}
	if err != nil {
		return wrongUsage(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err := parsed.Run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "parley:", err)
		return statusFailed
	}
	return 0
}

// wrongUsage prints what is wrong and where help is. The help itself would push the fault off the screen.
func wrongUsage(err error) int {
	command := "parley"
	var failed *kong.ParseError
	if errors.As(err, &failed) && failed.Context.Selected() != nil {
		command = failed.Context.Selected().FullPath()
	}
	fmt.Fprintf(os.Stderr, "parley: %v\nRun \"%s --help\" for help.\n", err, command)
	return statusWrongUsage
}

// readsSettings reports whether a command is one that the variables PARLEY_… are for.
func readsSettings(command string) bool {
	return strings.HasPrefix(command, "serve") || strings.HasPrefix(command, "migrate")
}

type versionCmd struct{}

// Run prints the version, the commit and its date, and the version of Go.
func (versionCmd) Run() error {
	_, err := fmt.Println("parley", version.Current())
	return err
}
