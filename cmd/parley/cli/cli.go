// Package cli is the command line of parley: a file a subcommand, which reads the flags and calls what they are for. It
// is the only reader of the environment.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// commandLine is the command line. Flags of a subcommand can be given as environment variables too, which kong reads:
// no other code looks at the environment.
type commandLine struct {
	Serve   serveCommand   `cmd:"" help:"Run the server."`
	Migrate migrateCommand `cmd:"" help:"Bring the database to the newest schema, or show where it is."`
	Bench   benchCommand   `cmd:"" help:"Put load on a running server, and measure what it carries."`
	Replay  replayCommand  `cmd:"" help:"Play chat logs through a running server, and check that all of it arrived."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// The exit statuses of a command that did not do what it was told to.
const (
	statusFailed     = 1
	statusWrongUsage = 2
)

// newParser is the parser of the command line, which fills c.
func newParser(c *commandLine, options ...kong.Option) (*kong.Kong, error) {
	return kong.New(c, append(options, kong.Name("parley"),
		kong.Description("A chat backend that you run yourself: a plain HTTP API in, one event stream out."))...)
}

// parse reads a command line, and runs nothing.
func parse(args []string) (c commandLine, err error) {
	parser, err := newParser(&c, kong.Exit(func(int) {}))
	if err == nil {
		_, err = parser.Parse(args)
	}
	return c, err
}

// Model describes all subcommands with their flags.
func Model() (*kong.Application, error) {
	parser, err := newParser(&commandLine{})
	if err != nil {
		return nil, err
	}
	return parser.Model, nil
}

// Main is the program; it returns the exit status.
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
