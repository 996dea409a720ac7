// Package cli is the command line of parley. There is a file for each subcommand, which reads the flags and calls the
// package that does the work. No other package reads the environment.
package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// commandLine is the command line. Flags can also be set by environment variables, which kong reads: no other code
// reads the environment.
type commandLine struct {
	Serve   serveCommand   `cmd:"" help:"Run the server."`
	Migrate migrateCommand `cmd:"" help:"Migrate the database, or list its migrations."`
	Bench   benchCommands  `cmd:"" help:"Put load on a running server, and measure throughput and latency."`
	Replay  replayCommand  `cmd:"" help:"Send chat logs to a running server, and check that everything arrived."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// The exit statuses of a command that failed.
const (
	statusFailed     = 1
	statusWrongUsage = 2
)

// newParser returns the parser of the command line, which fills c.
func newParser(c *commandLine, options ...kong.Option) (*kong.Kong, error) {
	return kong.New(c, append(options, kong.Name("parley"),
		kong.PostBuild(func(k *kong.Kong) error { return addHelpTexts(k.Model.Node) }),
		kong.Description("A chat backend that you run yourself: a plain HTTP API, and one event stream."))...)
}

// parse parses a command line and runs nothing.
func parse(args []string) (c commandLine, err error) {
	parser, err := newParser(&c, kong.Exit(func(int) {}))
	if err == nil {
		_, err = parser.Parse(args)
	}
	return c, err
}

// Model returns the description of all subcommands and their flags.
func Model() (*kong.Application, error) {
	parser, err := newParser(&commandLine{})
	if err != nil {
		return nil, err
	}
	return parser.Model, nil
}

// Main runs the program with these arguments and returns the exit status.
func Main(args []string) int {
	var c commandLine
	parser, err := newParser(&c)
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

// wrongUsage prints the error and how to get help. The whole help would push the error off the screen.
func wrongUsage(err error) int {
	command := "parley"
	var failed *kong.ParseError
	if errors.As(err, &failed) && failed.Context.Selected() != nil {
		command = failed.Context.Selected().FullPath()
	}
	fmt.Fprintf(os.Stderr, "parley: %v\nRun \"%s --help\" for help.\n", err, command)
	return statusWrongUsage
}

// readsSettings reports whether a command reads environment variables PARLEY_….
func readsSettings(command string) bool {
	return strings.HasPrefix(command, "serve") || strings.HasPrefix(command, "migrate")
}

// checkURL returns an error for a value of a flag that is not the URL of a server.
func checkURL(flag, address string) error {
	if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("--%s must be like http://127.0.0.1:8080, not %q", flag, address)
	}
	return nil
}
