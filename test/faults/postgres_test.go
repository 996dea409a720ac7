//go:build unix

package faults

import (
	"context"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/test/harness"
)

// killPostgres kills all processes of PostgreSQL, as a power failure does, and starts it again.
var killPostgres = &fault{name: "kill-postgres", lasts: time.Second, allNodes: true, inject: func(t *trial) func() {
	ctx, cancel := context.WithTimeout(context.Background(), harness.Timeout)
	defer cancel()
	if err := t.postgres.Kill(ctx); err != nil {
		t.reportFlaw("PostgreSQL could not be killed: %v", err)
	}
	return t.restartPostgres
}}

func (t *trial) restartPostgres() {
	if err := t.postgres.Restart(context.Background()); err != nil {
		t.reportFlaw("PostgreSQL does not start again: %v", err)
	}
}

// cutPostgres separates one node from PostgreSQL: in even runs its connections are closed and new ones are refused, in
// odd runs packets are dropped.
var cutPostgres = &fault{name: "cut-postgres", lasts: 8 * time.Second, isolates: true, inject: func(t *trial) func() {
	if t.run%2 == 0 {
		t.addNote("cut")
		t.node.postgres.cut()
		return t.node.postgres.restore
	}
	t.addNote("silent")
	return t.node.postgres.dropAll()
}}

// killBackends terminates PostgreSQL processes that are committing, again and again: their commits succeed, but the
// nodes cannot know. In between it terminates some that have not begun to commit, whose changes are rolled back. In the
// end it kills one, upon which PostgreSQL ends all others too and recovers.
var killBackends = &fault{name: "kill-backends", allNodes: true, inject: func(t *trial) func() {
	ctx, cancel := context.WithTimeout(context.Background(), harness.Timeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, t.postgres.Address())
	if err != nil {
		t.reportFlaw("PostgreSQL did not respond: %v", err)
		return func() {}
	}
	defer func() { _ = conn.Close(context.Background()) }()
	during, before := 0, 0
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); pauseBriefly(ctx) {
		during += t.terminateOne(ctx, conn, "state = 'active' AND query ILIKE 'commit%'")
		before += t.terminateOne(ctx, conn, "backend_xid IS NOT NULL AND query NOT ILIKE 'commit%'")
	}
	t.addNote("%d terminated during, %d before a commit", during, before)
	if during == 0 || before == 0 {
		t.reportFlaw("%d PostgreSQL processes were terminated during a commit and %d before one, want at least 1 of each",
			during, before)
	}
	t.killBackend(ctx, conn)
	return func() {}
}}

// terminateOne terminates one process for which the SQL condition is true, if there is one, and returns how many it
// terminated.
func (t *trial) terminateOne(ctx context.Context, conn *pgx.Conn, condition string) (terminated int) {
	err := conn.QueryRow(ctx, `SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND `+condition+` LIMIT 1) AS one`,
	).Scan(&terminated)
	if err != nil {
		t.reportFlaw("terminate a process of PostgreSQL: %v", err)
	}
	return terminated
}

// killBackend kills one process with SIGKILL. The server then ends all others, and recovers from its write-ahead log.
func (t *trial) killBackend(ctx context.Context, conn *pgx.Conn) {
	var pid int
	err := conn.QueryRow(ctx, `SELECT pid FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY state = 'active' DESC LIMIT 1`).Scan(&pid)
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil {
		t.reportFlaw("kill a process of PostgreSQL: %v", err)
	}
}
