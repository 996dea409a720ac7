//go:build unix

package main

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/parley-chat/parley/test/cluster"
)

// graceTime is how long a command that was told to end may take before it is killed.
const graceTime = 10 * time.Second

// stopOnSignal returns a context that ends at the first signal to stop, and has such a signal sent when the
// parent dies: go run passes no signal on to the program that it runs.
func stopOnSignal() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	signalOnParentDeath(syscall.SIGTERM)
	return ctx, stop
}

// runCommand runs the command to its end and returns its exit status, by the shell's convention 128 and the signal's
// number for one that a signal ended. Whatever the command has started and left behind ends with it.
func runCommand(ctx context.Context, command, environment []string) (int, error) {
	if ctx.Err() != nil {
		return 1, context.Cause(ctx)
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdin, os.Stdout, os.Stderr, environment
	// A group of its own, to reach all that it starts: "go test" does not pass a signal on to its test programs,
	// nor do those to the servers that they started.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cluster.DieWithParent(cmd.SysProcAttr, syscall.SIGTERM)
	signalGroup := func(s syscall.Signal) error { return syscall.Kill(-cmd.Process.Pid, s) }
	cmd.Cancel = func() error { return signalGroup(syscall.SIGTERM) }
	cmd.WaitDelay = graceTime

	if err := cmd.Start(); err != nil {
		return 127, err
	}
	err := cmd.Wait()
	_ = signalGroup(syscall.SIGKILL) // fails where nothing is left, which is the rule

	if cmd.ProcessState == nil {
		return 1, err
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}
