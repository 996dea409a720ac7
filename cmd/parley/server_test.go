package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/parley-chat/parley/handlers/deadline"
)

// patience bounds every wait of the tests. It is not a measure of speed: a test that waits this long has failed.
const patience = 60 * time.Second

// testServer is a real server in this process, on a port of its own.
type testServer struct {
	*server
	t    testing.TB
	once sync.Once
}

// startServer starts a server on database, with further flags as on the command line, and stops it with the test. It has
// no lobby unless a flag names one: whoever is in it is told of each guest who comes.
func startServer(t testing.TB, database string, flags ...string) *testServer {
	t.Helper()
	return startImpatient(t, database, nil, flags...)
}

// startImpatient is startServer with limits of its own of what a client may take its time with.
func startImpatient(t testing.TB, database string, limits *deadline.Limits, flags ...string) *testServer {
	t.Helper()
	s, err := launchServer(t, database, limits, flags...)
	if err != nil {
		t.Fatal(err)
	}
	ts := &testServer{server: s, t: t}
	t.Cleanup(ts.halt)
	return ts
}

// tryStart is what keeps a server from starting, nil for nothing.
func tryStart(t testing.TB, database string, flags ...string) error {
	t.Helper()
	s, err := launchServer(t, database, nil, flags...)
	if err == nil {
		(&testServer{server: s, t: t}).halt()
	}
	return err
}

func launchServer(t testing.TB, database string, limits *deadline.Limits, flags ...string) (*server, error) {
	t.Helper()
	return launchLogging(t, testLog{t}, database, limits, flags...)
}

// launchLogging is launchServer with a log of its own.
func launchLogging(t testing.TB, log io.Writer, database string, limits *deadline.Limits, flags ...string) (*server, error) {
	t.Helper()
	var c cli
	parser, err := kong.New(&c, kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{
		"serve", "--listen", "127.0.0.1:0", "--database", database, "--data-dir", t.TempDir(), "--lobby", "none",
	}, flags...)
	if _, err := parser.Parse(args); err != nil {
		t.Fatal(err)
	}
	c.Serve.Limits = limits
	return c.Serve.start(context.Background(), log)
}

// halt stops the server as SIGTERM does, once.
func (s *testServer) halt() {
	s.once.Do(func() {
		if err := s.stop(); err != nil {
			s.t.Errorf("stop the server: %v", err)
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

// otherProgram names a build of parley to be tested in place of the code that the tests are built with.
const otherProgram = "PARLEY_TEST_PROGRAM"

// program is what runs as parley: this very binary, unless another is named.
func program() string {
	if other := os.Getenv(otherProgram); other != "" {
		return other
	}
	return os.Args[0]
}

// process is parley as a program of its own, which can be killed.
type process struct {
	t      testing.TB
	args   []string
	url    string
	mu     sync.Mutex
	cmd    *exec.Cmd
	stdout io.Reader
	output bytes.Buffer
}

// startProcess starts the program on database and waits until it is ready. It is killed with the test.
func startProcess(t testing.TB, database string, flags ...string) *process {
	t.Helper()
	p := launchProcess(t, database, flags...)
	p.waitReady()
	return p
}

// launchProcess is startProcess without the wait.
func launchProcess(t testing.TB, database string, flags ...string) *process {
	t.Helper()
	long(t)
	address := freeAddress(t)
	p := &process{
		t: t, url: "http://" + address,
		args: append([]string{"serve", "--listen", address, "--database", database, "--data-dir", t.TempDir(), "--lobby", "none"}, flags...),
	}
	p.launch()
	t.Cleanup(p.kill)
	return p
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// start starts the program again and waits until it is ready.
func (p *process) start() {
	p.t.Helper()
	p.launch()
	p.waitReady()
}

func (p *process) launch() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd := exec.Command(program(), p.args...)
	// Little garbage, so that what its memory holds is what it needs.
	cmd.Env = programEnvironment("GOGC=25")
	if program() == os.Args[0] {
		cmd.Env = append(cmd.Env, asProgram+"=1")
	}
	cmd.Stderr = &p.output
	var err error
	if p.stdout, err = cmd.StdoutPipe(); err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.cmd = cmd // only now is there something to kill
}

// waitReady waits for the first line, which says that it is ready; none comes from one that ended.
func (p *process) waitReady() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := io.ReadAtLeast(p.stdout, make([]byte, 1), 1); err != nil {
		_ = p.cmd.Wait()
		p.t.Fatalf("parley did not start: %v\n%s", err, p.output.String())
	}
}

// kill ends the process as a crash does.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		p.cmd = nil
	}
	if crash := bytes.Index(p.output.Bytes(), []byte("goroutine ")); crash >= 0 {
		p.t.Errorf("parley crashed:\n%s", p.output.Bytes()[max(0, crash-500):])
	}
}

// terminate asks the process to stop and answers its exit status.
func (p *process) terminate() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	_ = p.cmd.Wait()
	status := p.cmd.ProcessState.ExitCode()
	p.cmd = nil
	return status
}

// signal sends the process a signal that it outlives.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// newHTTP is a client that keeps no connection beyond the test: a leak check runs after it.
func newHTTP(t testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}
