package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/parley-chat/parley/test/harness"
)

// host is a server that is measured as a program of its own, so that what it takes of the machine can be told from what
// its clients take.
type host struct {
	b      *testing.B
	url    string
	cmd    *exec.Cmd
	output bytes.Buffer
}

// startParley starts Parley on a database as its users start it, without a bound on what one of them may do.
func startParley(b *testing.B, database string) *host {
	b.Helper()
	address := harness.FreeAddress(b)
	h := startHost(b, harness.Program(), harness.AsProgramVariable+"=1", "serve", "--listen", address, "--database", database,
		"--data-dir", b.TempDir(), "--lobby", "none", "--rate-limit", "off")
	h.url = "http://" + address
	return h
}

// startBareServer starts what stands beside Parley.
func startBareServer(b *testing.B) *host {
	b.Helper()
	address := harness.FreeAddress(b)
	h := startBenchmark(b, "BenchmarkBareServer", bareServerVariable, address)
	h.url = "http://" + address
	return h
}

// startBenchmark starts one of the benchmarks that serve others.
func startBenchmark(b *testing.B, name, mode, value string) *host {
	b.Helper()
	return startHost(b, os.Args[0], mode+"="+value, "-test.run", "^$", "-test.bench", "^"+name+"$", "-test.benchtime", "1x", "-test.timeout", "0")
}

// startHost starts a program and waits until it says that it is ready.
func startHost(b *testing.B, program, mode string, args ...string) *host {
	b.Helper()
	h := &host{b: b, cmd: exec.Command(program, args...)}
	h.cmd.Env = append(os.Environ(), mode)
	if program != os.Args[0] { // a parley that knows nothing of tests
		h.cmd.Env = harness.ProgramEnvironment()
	}
	h.cmd.Stderr = &h.output
	stdout, err := h.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(h.stop)
	var said bytes.Buffer
	for lines := bufio.NewScanner(stdout); lines.Scan(); fmt.Fprintln(&said, lines.Text()) {
		if strings.HasSuffix(lines.Text(), " is ready.") {
			return h
		}
	}
	_ = h.cmd.Wait()
	b.Fatalf("the server did not start: %s%s", said.String(), h.output.String())
	return nil
}

// stop ends the server as SIGTERM does, once. Its clients have gone by then.
func (h *host) stop() {
	h.b.Helper()
	if h.cmd.ProcessState != nil {
		return
	}
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		h.b.Error(err)
	}
	if err := h.cmd.Wait(); err != nil {
		h.b.Error("the server: ", err)
	}
	if h.b.Failed() {
		h.b.Log("the server said: ", h.output.String())
	}
}

// cpuTime is what the server has had of the processors so far, in all its threads, for itself and in the kernel.
func (h *host) cpuTime() time.Duration {
	h.b.Helper()
	var t unix.Timespec
	clock := int32(^h.cmd.Process.Pid<<3 | 2) // as clock_getcpuclockid(3) makes it
	if err := unix.ClockGettime(clock, &t); err != nil {
		h.b.Fatal(err)
	}
	return time.Duration(t.Nano())
}

// resident is the memory that the server holds, in bytes.
func (h *host) resident() float64 {
	h.b.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(h.cmd.Process.Pid) + "/status")
	if err != nil {
		h.b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "\nVmRSS:")
	value, _, found := strings.Cut(rest, " kB\n")
	kilobytes, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	if !found || err != nil {
		h.b.Fatalf("no resident memory in %s", status)
	}
	return float64(kilobytes << 10)
}
