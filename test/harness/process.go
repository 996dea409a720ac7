package harness

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
)

// ProgramVariable names the environment variable with the path of a parley program. If it is set, the tests start that
// program in place of the code with which they are built.
const ProgramVariable = "PARLEY_TEST_PROGRAM"

// Program returns the path of the program that runs as parley: this test binary, unless ProgramVariable names another.
func Program() string {
	if other := os.Getenv(ProgramVariable); other != "" {
		return other
	}
	return os.Args[0]
}

// Process is parley in a process of its own, which can be killed and started again. Mu guards Cmd.
type Process struct {
	T           testing.TB
	Args        []string
	URL         string
	Mu          sync.Mutex
	Cmd         *exec.Cmd
	environment []string // in addition to that of the tests
	stdout      io.Reader
	Output      bytes.Buffer
}

// StartProcess starts the program on database and waits until it is ready. It is killed at the end of the test.
func StartProcess(t testing.TB, database string, flags ...string) *Process {
	t.Helper()
	p := LaunchProcess(t, database, flags...)
	p.WaitReady()
	return p
}

// StartMeasuredProcess is StartProcess for tests that measure memory: frequent garbage collection keeps the heap close
// to what is in use.
func StartMeasuredProcess(t testing.TB, database string, flags ...string) *Process {
	t.Helper()
	p := newProcess(t, database, flags...)
	p.environment = []string{"GOGC=25"}
	p.Launch()
	p.WaitReady()
	return p
}

// LaunchProcess is StartProcess without the wait.
func LaunchProcess(t testing.TB, database string, flags ...string) *Process {
	t.Helper()
	p := newProcess(t, database, flags...)
	p.Launch()
	return p
}

// newProcess returns a process that is not started yet. It is killed at the end of the test.
func newProcess(t testing.TB, database string, flags ...string) *Process {
	t.Helper()
	SkipIfShort(t)
	address := FreeAddress(t)
	p := &Process{
		T: t, URL: "http://" + address,
		Args: append([]string{
			"serve", "--listen", address, "--database", database, "--data-dir", t.TempDir(), "--lobby", "none",
		}, flags...),
	}
	t.Cleanup(p.Kill)
	return p
}

// FreeAddress returns an address of this machine whose port is free.
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// Start starts the program again and waits until it is ready.
func (p *Process) Start() {
	p.T.Helper()
	p.Launch()
	p.WaitReady()
}

// Launch starts the program again and does not wait.
func (p *Process) Launch() {
	p.T.Helper()
	p.Mu.Lock()
	defer p.Mu.Unlock()
	cmd := exec.Command(Program(), p.Args...)
	cmd.Env = ProgramEnvironment(p.environment...)
	if Program() == os.Args[0] {
		cmd.Env = append(cmd.Env, AsProgramVariable+"=1")
	}
	cmd.Stderr = &p.Output
	var err error
	if p.stdout, err = cmd.StdoutPipe(); err != nil {
		p.T.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.T.Fatal(err)
	}
	p.Cmd = cmd // only now: Kill kills what is in Cmd
}

// WaitReady waits for the first byte of output, which the program prints when it is ready. The test fails if the
// program ends before.
func (p *Process) WaitReady() {
	p.T.Helper()
	p.Mu.Lock()
	defer p.Mu.Unlock()
	if _, err := io.ReadAtLeast(p.stdout, make([]byte, 1), 1); err != nil {
		_ = p.Cmd.Wait()
		p.T.Fatalf("parley did not start: %v\n%s", err, p.Output.String())
	}
}

// Kill ends the process with SIGKILL, like a crash. The test fails if the process has crashed by itself.
func (p *Process) Kill() {
	p.Mu.Lock()
	defer p.Mu.Unlock()
	if p.Cmd != nil {
		_ = p.Cmd.Process.Kill()
		_ = p.Cmd.Wait()
		p.Cmd = nil
	}
	if crash := bytes.Index(p.Output.Bytes(), []byte("goroutine ")); crash >= 0 {
		p.T.Errorf("parley crashed:\n%s", p.Output.Bytes()[max(0, crash-500):])
	}
}

// Terminate stops the process with SIGTERM and returns its exit status.
func (p *Process) Terminate() int {
	p.Mu.Lock()
	defer p.Mu.Unlock()
	if err := p.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.T.Fatal(err)
	}
	_ = p.Cmd.Wait()
	status := p.Cmd.ProcessState.ExitCode()
	p.Cmd = nil
	return status
}

// Signal sends the process a signal that does not end it.
func (p *Process) Signal(s syscall.Signal) {
	p.T.Helper()
	p.Mu.Lock()
	defer p.Mu.Unlock()
	if err := p.Cmd.Process.Signal(s); err != nil {
		p.T.Fatal(err)
	}
}
