//go:build unix

package cluster

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Kill ends the server as a power failure does, all its processes at once and without cleanup, and returns when they
// have ended. The folder stays, for Restart.
func (c *Cluster) Kill(ctx context.Context) error {
	processes, err := c.processes(ctx)
	if err != nil {
		return err
	}
	// The parent first: it would restart its children.
	for _, pid := range append([]int{c.server.Process.Pid}, processes...) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("kill process %d: %w", pid, err)
		}
	}
	<-c.exited
	// The list lacks connections that were just being accepted. Such a process ends by itself when it sees that its
	// parent has ended, and until then holds shared memory that prevents a start.
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for _, pid := range processes {
		for syscall.Kill(pid, 0) == nil {
			select {
			case <-again.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// processes returns the server's child processes, according to the server.
func (c *Cluster) processes(ctx context.Context) ([]int, error) {
	conn, err := pgx.Connect(ctx, c.Address())
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx, "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int])
}
