//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/test/cluster"
)

// asProgram, if set, makes the test binary run the program itself. The tests run it as a child.
const asProgram = "PARLEY_TESTDB_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		runtime.LockOSThread()
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// program returns a run of parley-testdb with additional environment variables.
func program(t *testing.T, environment []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", addressVariable+"=", s3Variable+"=s3://elsewhere/", "CI=")
	cmd.Env = append(cmd.Env, environment...)
	return cmd
}

func needPostgres(t *testing.T) {
	t.Helper()
	if _, err := cluster.FindPrograms(t.Context()); err != nil {
		t.Skip(err)
	}
}

func exitStatus(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	exit := (*exec.ExitError)(nil)
	if !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return exit.ExitCode()
}

// startWaiting starts the program, which runs a command that prints the address and then waits on its standard
// input, and returns that address; release ends the wait.
func startWaiting(t *testing.T, flags ...string) (cmd *exec.Cmd, address string, release func() error) {
	t.Helper()
	cmd = program(t, nil, append(flags, "--", "sh", "-c", `echo "$PARLEY_TEST_POSTGRES"; read line; exit 7`)...)
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	if !lines.Scan() {
		t.Fatalf("the command printed nothing: %v", cmd.Wait())
	}
	return cmd, lines.Text(), input.Close
}

func folderOf(t *testing.T, address string) string {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Query().Get("host")
}

// mustBeGone fails the test if the server's folder or a server at its address is left.
func mustBeGone(t *testing.T, address string) {
	t.Helper()
	if _, err := os.Stat(folderOf(t, address)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the server's folder is still there: %v", err)
	}
	if conn, err := pgx.Connect(t.Context(), address); err == nil {
		_ = conn.Close(context.WithoutCancel(t.Context()))
		t.Error("the server still accepts connections")
	}
}

func TestServerLivesAsLongAsTheCommand(t *testing.T) {
	t.Parallel()
	needPostgres(t)
	for name, test := range map[string]struct {
		flags  []string
		synced string
	}{"synced": {nil, "on"}, "fast": {[]string{"-fast"}, "off"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testServerLives(t, test.synced, test.flags...)
		})
	}
}

func testServerLives(t *testing.T, synced string, flags ...string) {
	cmd, address, release := startWaiting(t, flags...)

	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{
		"fsync": synced, "full_page_writes": synced, "synchronous_commit": synced,
		"listen_addresses": "", "max_connections": "200", "server_encoding": "UTF8",
	} {
		var got string
		if err := conn.QueryRow(t.Context(), "SELECT current_setting($1)", setting).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	if _, err := conn.Exec(t.Context(), "CREATE DATABASE one_per_test"); err != nil {
		t.Error(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Error(err)
	}

	if err := release(); err != nil {
		t.Fatal(err)
	}
	if status := exitStatus(t, cmd.Wait()); status != 7 {
		t.Errorf("exit status %d, want the command's own 7", status)
	}
	mustBeGone(t, address)
}

func TestSignalsEndCommandAndServer(t *testing.T) {
	t.Parallel()
	needPostgres(t)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			cmd, address, _ := startWaiting(t)
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if status, want := exitStatus(t, cmd.Wait()), 128+int(syscall.SIGTERM); status != want {
				t.Errorf("exit status %d, want %d", status, want)
			}
			mustBeGone(t, address)
		})
	}
}

func TestChildrenOfTheCommandAreKilled(t *testing.T) {
	t.Parallel()
	// The child keeps the write end of the pipe open: the output ends only when the child ends.
	cmd := program(t, []string{addressVariable + "=postgres://elsewhere/"}, "--", "sh", "-c", "sleep 600 & echo started")
	if output, err := cmd.CombinedOutput(); err != nil || string(output) != "started\n" {
		t.Errorf("%v, output %q", err, output)
	}
}

func TestServerInTheEnvironmentIsUsed(t *testing.T) {
	t.Parallel()
	const elsewhere = "postgres://elsewhere/"
	cmd := program(t, []string{addressVariable + "=" + elsewhere}, "sh", "-c", `printf %s "$PARLEY_TEST_POSTGRES"`)
	if output, err := cmd.CombinedOutput(); err != nil || string(output) != elsewhere {
		t.Errorf("%v, output %q", err, output)
	}
}

func TestS3ServerLivesAsLongAsTheCommand(t *testing.T) {
	t.Parallel()
	environment := []string{addressVariable + "=postgres://elsewhere/", s3Variable + "="}
	cmd := program(t, environment, "sh", "-c", `echo "$PARLEY_TEST_S3"; read line`)
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	if !lines.Scan() {
		t.Fatalf("the command printed nothing: %v", cmd.Wait())
	}
	address, err := url.Parse(lines.Text())
	if err != nil {
		t.Fatal(err)
	}
	endpoint := address.Query().Get("endpoint")
	refused, err := http.Get(endpoint + "/bucket")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(refused.Body)
	if err = errors.Join(err, refused.Body.Close()); err != nil || !strings.Contains(string(body), "NoSuchBucket") {
		t.Errorf("%v, the response is not from an S3 server: %s", err, body)
	}
	if err := errors.Join(input.Close(), cmd.Wait()); exitStatus(t, err) != 1 {
		t.Errorf("%v, want the exit status of a read without a line", err)
	}
	if res, err := http.Get(endpoint); err == nil {
		t.Errorf("the server still responds: %s", res.Status)
	}
}

func TestInvalidArguments(t *testing.T) {
	t.Parallel()
	elsewhere := []string{addressVariable + "=postgres://elsewhere/"}
	for name, test := range map[string]struct {
		args   []string
		status int
	}{
		"no command":      {nil, 2},
		"an unknown flag": {[]string{"-x"}, 2},
		"help":            {[]string{"-h"}, 0},
		"no such program": {[]string{"--", "parley-no-such-program"}, 127},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := program(t, elsewhere, test.args...)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if status := exitStatus(t, cmd.Run()); status != test.status {
				t.Errorf("exit status %d, want %d", status, test.status)
			}
			if !strings.Contains(stderr.String(), "parley-testdb") {
				t.Errorf("the error message does not help: %q", stderr.String())
			}
		})
	}
}
