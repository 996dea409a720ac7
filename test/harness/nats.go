package harness

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
)

// asNATS names the environment variable that makes a test binary run as a NATS server. Its value is the server's
// address. As a process of its own, the server can be killed.
const asNATS = "PARLEY_TEST_AS_NATS"

// serveNATS runs a NATS server until standard input ends, which happens when the parent process ends. It returns the
// exit status.
func serveNATS(address string) int {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return 2
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return 2
	}
	s, err := natsserver.NewServer(&natsserver.Options{Host: host, Port: number, NoSigs: true, NoLog: true})
	if err != nil {
		return 1
	}
	s.Start()
	if !s.ReadyForConnections(Timeout) {
		return 1
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// NATSServer is a NATS server in a process of its own.
type NATSServer struct {
	t       testing.TB
	Address string
	cmd     *exec.Cmd
	stdin   io.Closer
}

// StartNATS starts a NATS server on a free port. It is killed at the end of the test.
func StartNATS(t testing.TB) *NATSServer {
	t.Helper()
	n := &NATSServer{t: t, Address: FreeAddress(t)}
	n.Start()
	t.Cleanup(n.Kill)
	return n
}

// Start starts the server and waits until it accepts connections.
func (n *NATSServer) Start() {
	n.t.Helper()
	n.cmd = exec.Command(os.Args[0])
	n.cmd.Env = append(os.Environ(), asNATS+"="+n.Address)
	stdin, err := n.cmd.StdinPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	stdout, err := n.cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	n.stdin = stdin
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	watchdog := time.AfterFunc(Timeout, func() { _ = n.cmd.Process.Kill() })
	defer watchdog.Stop()
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		n.t.Fatalf("NATS did not start: %v", err)
	}
}

// Kill ends the server with SIGKILL, like a crash.
func (n *NATSServer) Kill() {
	if n.cmd != nil {
		_ = n.cmd.Process.Kill()
		_ = n.stdin.Close()
		_ = n.cmd.Wait()
		n.cmd = nil
	}
}
