// Package harness has what the tests of the whole server share: servers inside and outside of the test's process, a
// client that checks each request and each response against openapi.yaml, event streams, databases and file storages.
package harness

import (
	"bytes"
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/cmd/parley/cli"
	"github.com/parley-chat/parley/cmd/parley/server"
)

// Timeout is the limit of every wait in the tests. It is not a measure of speed: a test that waits this long fails.
const Timeout = 2 * time.Minute

// Server is a real server in this process, on a port of its own.
type Server struct {
	*server.Server
	T    testing.TB
	once sync.Once
}

// StartServer starts a server on database, with further flags as on the command line, and stops it at the end of the
// test. It has no lobby unless a flag names one, because the members of a lobby get an event for each new guest.
func StartServer(t testing.TB, database string, flags ...string) *Server {
	t.Helper()
	return StartServerWith(t, database, func(*server.Config) {}, flags...)
}

// StartServerWith is StartServer with a change of what no flag sets, such as the limits of the contract.
func StartServerWith(t testing.TB, database string, change func(*server.Config), flags ...string) *Server {
	t.Helper()
	s, err := launchServer(t, testLog{t}, database, change, flags...)
	if err != nil {
		t.Fatal(err)
	}
	ts := &Server{Server: s, T: t}
	t.Cleanup(ts.Stop)
	return ts
}

// TryStartServer starts a server, stops it again, and returns the error of the start.
func TryStartServer(t testing.TB, database string, flags ...string) error {
	t.Helper()
	s, err := StartServerLogging(t, testLog{t}, database, flags...)
	if err == nil {
		(&Server{Server: s, T: t}).Stop()
	}
	return err
}

// StartServerLogging starts a server that logs to log. The caller must stop it.
func StartServerLogging(t testing.TB, log io.Writer, database string, flags ...string) (*server.Server, error) {
	t.Helper()
	return launchServer(t, log, database, func(*server.Config) {}, flags...)
}

func launchServer(
	t testing.TB, log io.Writer, database string, change func(*server.Config), flags ...string,
) (*server.Server, error) {
	t.Helper()
	args := append([]string{
		"--listen", "127.0.0.1:0", "--database", database, "--data-dir", t.TempDir(), "--lobby", "none",
	}, flags...)
	c, err := cli.ServerConfig(args...)
	if err != nil {
		t.Fatal(err)
	}
	change(&c)
	return server.Start(context.Background(), c, log)
}

// Stop stops the server as SIGTERM does. Further calls have no effect.
func (s *Server) Stop() {
	s.once.Do(func() {
		if err := s.Server.Stop(); err != nil {
			s.T.Errorf("stop the server: %v", err)
		}
	})
}

// testLog is the log output of a server under test.
type testLog struct{ t testing.TB }

// Write fails the test if the server logs an error.
func (l testLog) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(`"level":"ERROR"`)) {
		l.t.Errorf("the server logged an error: %s", b)
	}
	return len(b), nil
}
