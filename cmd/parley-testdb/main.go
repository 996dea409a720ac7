//go:build unix

// Command parley-testdb runs a command beside a private PostgreSQL and a private S3 server, which live as long as the
// command does:
//
//	go run ./cmd/parley-testdb -- go test -race ./...
//
// The command finds PostgreSQL's address in PARLEY_TEST_POSTGRES. The server listens on a unix socket in a
// temporary folder and nowhere else, so any number of them run side by side and none can be reached from outside.
// It syncs to disk as a production server does. With -fast it does not, and all temporary files are in memory if there
// is enough of it: that is for tests, which kill Parley, but not this PostgreSQL, and lose nothing by it. Measurements
// need the disk.
// The S3 server's address is in PARLEY_TEST_S3, as Parley's --files takes it; it listens on a port of 127.0.0.1.
//
// If a variable is set already, that server is used. If PostgreSQL is not installed, or the S3 server cannot be
// built, the command runs without the variable, except in continuous integration (CI=true), where that is an error: a
// run that silently skips half of the tests must not look like one that passes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"

	"github.com/parley-chat/parley/test/cluster"
)

// The environment variables with the servers' addresses.
const (
	addressVariable = "PARLEY_TEST_POSTGRES"
	s3Variable      = "PARLEY_TEST_S3"
)

const usage = `usage: parley-testdb [-fast] [--] command [argument...]
       parley-testdb -find

Runs the command with the address of a private PostgreSQL in ` + addressVariable + `,
and that of a private S3 server in ` + s3Variable + `.
With -fast, PostgreSQL does not sync to the disk, and temporary files are in
memory if there is enough.
With -find, prints the folder of PostgreSQL's programs, or fails when there are none.
`

func main() {
	// The kernel's parent-death signal follows the thread that started a child, not its process. So everything here is
	// started from the main thread, which lives to the end.
	runtime.LockOSThread()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("parley-testdb", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	find := flags.Bool("find", false, "")
	fast := flags.Bool("fast", false, "")
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
	status, err := runBesideServers(ctx, flags.Args(), *fast, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "parley-testdb:", err)
	}
	return status
}

// runBesideServers runs the command with the servers that are available: those named in the environment, private ones,
// or none.
func runBesideServers(ctx context.Context, command []string, fast bool, stderr io.Writer) (int, error) {
	environment := os.Environ()
	postgres := cluster.Start
	if fast {
		postgres = cluster.StartUnsynced
	}
	var stops []func()
	// Deferred, so that the servers and their folders are also removed after a panic.
	defer func() {
		for _, stop := range slices.Backward(stops) {
			stop()
		}
	}()
	if fast {
		environment = append(environment, "GOTMPDIR="+goTempDir())
		remove, err := useMemory(stderr)
		if err != nil {
			return 1, err
		}
		stops = append(stops, remove)
		environment = append(environment, "TMPDIR="+os.TempDir())
	}
	for _, server := range []struct {
		variable string
		start    func(context.Context, io.Writer) (address string, stop func(), err error)
	}{{addressVariable, startPostgres(postgres)}, {s3Variable, startObjectStorage}} {
		if os.Getenv(server.variable) != "" {
			continue
		}
		address, stop, err := server.start(ctx, stderr)
		var none unavailable
		switch {
		case err == nil:
			stops = append(stops, stop)
			environment = append(environment, server.variable+"="+address)
		case ctx.Err() != nil, os.Getenv("CI") == "true", !errors.As(err, &none):
			return 1, err
		default:
			fmt.Fprintf(stderr, "parley-testdb: %v; running the command without it\n", err)
		}
	}
	return runCommand(ctx, command, environment)
}

// useMemory moves the temporary folder of this process into memory where that is possible. It returns a function that
// removes the folder.
func useMemory(stderr io.Writer) (remove func(), err error) {
	folder, err := makeMemoryFolder()
	if err != nil {
		return nil, err
	}
	if folder == "" {
		fmt.Fprintln(stderr, "parley-testdb: temporary files are on the disk: there is no room for them in memory")
		return func() {}, nil
	}
	if err := os.Setenv("TMPDIR", folder); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return func() {
		if err := os.RemoveAll(folder); err != nil {
			fmt.Fprintln(stderr, "parley-testdb:", err)
		}
	}, nil
}

// goTempDir returns the folder in which the go command builds: not in memory, where the tests' files may be.
func goTempDir() string {
	if folder := os.Getenv("GOTMPDIR"); folder != "" {
		return folder
	}
	return os.TempDir()
}

func startPostgres(
	start func(context.Context) (*cluster.Cluster, error),
) func(context.Context, io.Writer) (string, func(), error) {
	return func(ctx context.Context, stderr io.Writer) (address string, stop func(), err error) {
		if _, err := cluster.FindPrograms(ctx); err != nil {
			return "", nil, unavailable{err}
		}
		server, err := start(ctx)
		if err != nil {
			return "", nil, err
		}
		return server.Address(), func() {
			if err := server.Stop(); err != nil {
				fmt.Fprintln(stderr, "parley-testdb:", err)
			}
		}, nil
	}
}

func startObjectStorage(ctx context.Context, stderr io.Writer) (address string, stop func(), err error) {
	program, err := s3Program(ctx, stderr)
	if err != nil {
		return "", nil, unavailable{err}
	}
	server, err := startS3(ctx, program)
	if err != nil {
		return "", nil, err
	}
	return server.address, server.stop, nil
}

// unavailable is the reason why a server is not available, as opposed to one that failed.
type unavailable struct{ error }

// printPrograms implements -find: a script uses it to find out whether PostgreSQL has to be installed.
func printPrograms(ctx context.Context, stdout, stderr io.Writer) int {
	programs, err := cluster.FindPrograms(ctx)
	if err != nil {
		fmt.Fprintln(stderr, "parley-testdb:", err)
		return 1
	}
	fmt.Fprintln(stdout, programs)
	return 0
}
