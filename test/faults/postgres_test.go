//go:build unix

package faults

import (
	"context"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/test/harness"
)

// killPostgres kills all of PostgreSQL as a power cut does, and starts it again.
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

// cutPostgres takes PostgreSQL away from one node: every other time its connections break and new ones are refused, and
// every other time they fall silent.
var cutPostgres = &fault{name: "cut-postgres", lasts: 8 * time.Second, isolates: true, inject: func(t *trial) func() {
	if t.run%2 == 0 {
		t.addNote("cut")
		t.node.postgres.cut()
		return t.node.postgres.restore
	}
	t.addNote("silent")
	return t.node.postgres.dropAll()
}}

// killBackends ends those processes of PostgreSQL that are committing, again and again: the commits take place, and the
// nodes cannot know. In between it ends some that are about to commit, whose changes are undone. At last one is killed,
// so that PostgreSQL breaks off all others too, and recovers.
var killBackends = &fault{name: "kill-backends", allNodes: true, inject: func(t *trial) func() {
	ctx, cancel := context.WithTimeout(context.Background(), harness.Timeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, t.postgres.Address())
	if err != nil {
		t.reportFlaw("PostgreSQL does not answer: %v", err)
		return func() {}
	}
	defer func() { _ = conn.Close(context.Background()) }()
	during, before := 0, 0
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); pauseBriefly(ctx) {
		during += t.terminateOne(ctx, conn, "state = 'active' AND query ILIKE 'commit%'")
		before += t.terminateOne(ctx, conn, "backend_xid IS NOT NULL AND query NOT ILIKE 'commit%'")
	}
	t.addNote("%d ended during, %d before a commit", during, before)
	if during == 0 || before == 0 {
		t.reportFlaw("%d processes of PostgreSQL were ended while they committed, and %d before", during, before)
	}
	t.killBackend(ctx, conn)
	return func() {}
}}

// terminateOne ends one process of which something is so, if there is one.
func (t *trial) terminateOne(ctx context.Context, conn *pgx.Conn, condition string) (ended int) {
	err := conn.QueryRow(ctx, `SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND `+condition+" LIMIT 1) AS one").Scan(&ended)
	if err != nil {
		t.reportFlaw("ask PostgreSQL what its processes do: %v", err)
	}
	return ended
}

// killBackend kills a process outright. The server then ends all the others, and comes back from its log.
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
