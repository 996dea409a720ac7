// Package harness is what the tests of the whole share: servers in the test's process and outside of it, a client that
// checks each request and each response against openapi.yaml, event streams, databases and storages.
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
	"github.com/parley-chat/parley/handlers/deadline"
)

// Timeout bounds every wait of the tests. It is not a measure of speed: a test that waits this long has failed.
const Timeout = 60 * time.Second

// Server is a real server in this process, on a port of its own.
type Server struct {
	*server.Server
	T    testing.TB
	once sync.Once
}

// StartServer starts a server on database, with further flags as on the command line, and stops it with the test. It has
// no lobby unless a flag names one: whoever is in it is told of each guest who comes.
func StartServer(t testing.TB, database string, flags ...string) *Server {
	t.Helper()
	return StartServerWithLimits(t, database, nil, flags...)
}

// StartServerWithLimits is StartServer with limits of its own of what a client may take its time with.
func StartServerWithLimits(t testing.TB, database string, limits *deadline.Limits, flags ...string) *Server {
	t.Helper()
	s, err := launchServer(t, database, limits, flags...)
	if err != nil {
		t.Fatal(err)
	}
	ts := &Server{Server: s, T: t}
	t.Cleanup(ts.Stop)
	return ts
}

// TryStartServer is what keeps a server from starting, nil for nothing.
func TryStartServer(t testing.TB, database string, flags ...string) error {
	t.Helper()
	s, err := launchServer(t, database, nil, flags...)
	if err == nil {
		(&Server{Server: s, T: t}).Stop()
	}
	return err
}

func launchServer(t testing.TB, database string, limits *deadline.Limits, flags ...string) (*server.Server, error) {
	t.Helper()
	return StartServerLogging(t, testLog{t}, database, limits, flags...)
}

// StartServerLogging is launchServer with a log of its own.
func StartServerLogging(t testing.TB, log io.Writer, database string, limits *deadline.Limits, flags ...string) (*server.Server, error) {
	t.Helper()
	args := append([]string{
		"--listen", "127.0.0.1:0", "--database", database, "--data-dir", t.TempDir(), "--lobby", "none",
	}, flags...)
	c, err := cli.ServerConfig(args...)
	if err != nil {
		t.Fatal(err)
	}
	c.Limits = limits
	return server.Start(context.Background(), c, log)
}

// Stop stops the server as SIGTERM does, once.
func (s *Server) Stop() {
	s.once.Do(func() {
		if err := s.Server.Stop(); err != nil {
			s.T.Errorf("stop the server: %v", err)
		}
	})
}

// testLog puts the server's log into the test's.
type testLog struct{ t testing.TB }

func (l testLog) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(`"level":"ERROR"`)) {
		l.t.Errorf("the server logged an error: %s", b)
	}
	return len(b), nil
}
