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

// graceTime is how long a command may take after a signal to stop, before it is killed.
const graceTime = 10 * time.Second

// stopOnSignal returns a context that is done at the first signal to stop. It also requests such a signal for when
// the parent dies, because go run does not forward signals to the program that it runs.
func stopOnSignal() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	signalOnParentDeath(syscall.SIGTERM)
	return ctx, stop
}

// runCommand runs the command to its end and returns its exit status: by the shell's convention, 128 plus the
// signal's number if a signal ended it. All processes that the command has left behind are killed.
func runCommand(ctx context.Context, command, environment []string) (int, error) {
	if ctx.Err() != nil {
		return 1, context.Cause(ctx)
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdin, os.Stdout, os.Stderr, environment
	// In its own process group, to reach all that it starts: "go test" does not forward signals to its test programs,
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
	_ = signalGroup(syscall.SIGKILL) // fails if no process is left, which is normal

	if cmd.ProcessState == nil {
		return 1, err
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}
