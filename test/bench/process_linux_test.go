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

// host is a server that runs as a process of its own, so that its CPU time and memory can be measured without those of
// its clients.
type host struct {
	b      *testing.B
	url    string
	cmd    *exec.Cmd
	output bytes.Buffer
}

// startParley starts Parley on a database, with the defaults but without rate limits and lobby, and with assignments of
// environment variables.
func startParley(b *testing.B, database string, variables ...string) *host {
	b.Helper()
	address := harness.FreeAddress(b)
	variables = append(variables, harness.AsProgramVariable+"="+harness.ProductionCosts)
	h := startHost(b, harness.Program(), variables,
		"serve", "--listen", address, "--database", database, "--data-dir", b.TempDir(),
		"--lobby", "none", "--rate-limit", "off")
	h.url = "http://" + address
	return h
}

// startBareServer starts the server that Parley is compared with.
func startBareServer(b *testing.B) *host {
	b.Helper()
	address := harness.FreeAddress(b)
	h := startBenchmark(b, "BenchmarkBareServer", bareServerVariable, address)
	h.url = "http://" + address
	return h
}

// startBenchmark starts one of the benchmarks that serve others, with a variable set to a value.
func startBenchmark(b *testing.B, name, variable, value string) *host {
	b.Helper()
	return startHost(b, os.Args[0], []string{variable + "=" + value},
		"-test.run", "^$", "-test.bench", "^"+name+"$", "-test.benchtime", "1x", "-test.timeout", "0")
}

// startHost starts a program, with assignments of environment variables, and waits until it prints that it is ready.
func startHost(b *testing.B, program string, variables []string, args ...string) *host {
	b.Helper()
	h := &host{b: b, cmd: exec.Command(program, args...)}
	h.cmd.Env = append(os.Environ(), variables...)
	if program != os.Args[0] { // a released parley, which would reject the variables of tests
		h.cmd.Env = harness.ProgramEnvironment()
		for _, v := range variables {
			if !strings.HasPrefix(v, "PARLEY_") {
				h.cmd.Env = append(h.cmd.Env, v)
			}
		}
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
	var printed bytes.Buffer
	for lines := bufio.NewScanner(stdout); lines.Scan(); fmt.Fprintln(&printed, lines.Text()) {
		if strings.HasSuffix(lines.Text(), " is ready.") {
			return h
		}
	}
	_ = h.cmd.Wait()
	b.Fatalf("the server did not start: %s%s", printed.String(), h.output.String())
	return nil
}

// stop ends the server with SIGTERM. It may be called more than once. All clients must have disconnected before.
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
		h.b.Log("the server printed: ", h.output.String())
	}
}

// cpuTime returns the CPU time of the server so far: of all its threads, in user mode and in the kernel.
func (h *host) cpuTime() time.Duration {
	h.b.Helper()
	var t unix.Timespec
	clock := int32(^h.cmd.Process.Pid<<3 | 2) // as clock_getcpuclockid(3) computes it
	if err := unix.ClockGettime(clock, &t); err != nil {
		h.b.Fatal(err)
	}
	return time.Duration(t.Nano())
}

// resident returns the server's resident memory in bytes.
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
