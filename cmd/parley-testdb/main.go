//go:build unix

// Command parley-testdb runs a command beside a private PostgreSQL that lives as long as the command does:
//
//	go run ./cmd/parley-testdb -- go test -race ./...
//
// The command finds the server's address in PARLEY_TEST_POSTGRES. The server listens on a unix socket in a
// temporary folder and nowhere else, so any number of them run side by side and none can be reached from outside.
// It syncs to disk as a production server does, because the tests kill Parley and then count what survived.
//
// Where PARLEY_TEST_POSTGRES is set already, that server is used. Where PostgreSQL is not installed, the command
// runs without the variable, except in continuous integration (CI=true), where that is a failure: a run that
// silently skipped half of the tests must not look like one that passed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
)

// addressVariable names the environment variable that carries the server's address to the tests.
const addressVariable = "PARLEY_TEST_POSTGRES"

const usage = `usage: parley-testdb [--] command [argument...]
       parley-testdb -find

Runs the command with the address of a private PostgreSQL in ` + addressVariable + `.
With -find, prints the folder of PostgreSQL's programs, or fails when there are none.
`

func main() {
	// The kernel's parent-death signal follows the thread that started a child, not its process, so
	// everything that is started here is started from the main thread, which lives to the end.
	runtime.LockOSThread()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program: it returns the status to exit with.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("parley-testdb", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	find := flags.Bool("find", false, "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case !*find && flags.NArg() == 0:
		flags.Usage()
		return 2
	}

	ctx, stop := stopOnSignal()
	defer stop()
	if *find {
		return printPrograms(ctx, stdout, stderr)
	}
	status, err := runBesideServer(ctx, flags.Args(), stderr)
	if err != nil {
		fmt.Fprintln(stderr, "parley-testdb:", err)
	}
	return status
}

// runBesideServer runs the command with whichever server there is: the one named in the environment, a private
// one, or none.
func runBesideServer(ctx context.Context, command []string, stderr io.Writer) (int, error) {
	if os.Getenv(addressVariable) != "" {
		return runCommand(ctx, command, os.Environ())
	}
	programs, err := findPrograms(ctx)
	if err != nil {
		if os.Getenv("CI") == "true" {
			return 1, err
		}
		fmt.Fprintf(stderr, "parley-testdb: %v; the command runs without it\n", err)
		return runCommand(ctx, command, os.Environ())
	}

	server, err := startCluster(ctx, programs)
	if err != nil {
		return 1, err
	}
	// Deferred, so that the server and its folder also go when something below panics.
	defer server.stop()
	return runCommand(ctx, command, append(os.Environ(), addressVariable+"="+server.address))
}

// printPrograms answers -find, by which a script learns whether PostgreSQL has yet to be installed.
func printPrograms(ctx context.Context, stdout, stderr io.Writer) int {
	programs, err := findPrograms(ctx)
	if err != nil {
		fmt.Fprintln(stderr, "parley-testdb:", err)
		return 1
	}
	fmt.Fprintln(stdout, programs)
	return 0
}
