package server_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// runProgram runs parley until it ends, and returns its exit status and everything that it printed.
func runProgram(t testing.TB, environment []string, args ...string) (status int, printed string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = harness.ProgramEnvironment(append(environment, harness.AsProgramVariable+"=1")...)
	output, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("parley %s: %v\n%s", args, err, output)
	}
	return cmd.ProcessState.ExitCode(), string(output)
}

// expectFailedStart runs parley, which must fail with the exit status and an error text that contains why.
func expectFailedStart(t testing.TB, status int, why string, args ...string) {
	t.Helper()
	got, printed := runProgram(t, nil, args...)
	if got != status || !strings.Contains(printed, why) {
		t.Errorf("parley %s: got exit status %d, want %d with %q:\n%s", args, got, status, why, printed)
	}
	if lines := strings.Count(printed, "\n"); lines > 2 {
		t.Errorf("parley %s printed %d lines, want at most 2:\n%s", args, lines, printed)
	}
}

// TestInvalidSettingsAreReported starts the program with invalid settings. It must print what is wrong in one or two
// lines, without secrets, and create nothing.
func TestInvalidSettingsAreReported(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	serve := func(flags ...string) []string {
		return append([]string{"serve", "--listen", "127.0.0.1:0", "--data-dir", data}, flags...)
	}
	jwt := func(secret string) []string {
		return serve("--jwt-issuer", "me", "--jwt-audience", "you", "--jwt-secret", secret)
	}
	const long = "correct horse battery staple, 43 characters"
	for _, c := range []struct {
		name, variable string
		args           []string
		status         int
		why            string
	}{
		{"an unknown flag", "", serve("--data-base", "x"), 2, "--data-base"},
		{"no command", "", nil, 2, "serve"},
		{"an unknown variable", "PARLEY_DATABSE=postgres://elsewhere/x", serve(), 2, "PARLEY_DATABSE"},
		{
			"a variable of migrate", "PARLEY_DATA_DRI=x", []string{"migrate", "status", "--data-dir", data}, 2,
			"PARLEY_DATA_DRI",
		},
		{"a public address that is none", "", serve("--public-url", "foo"), 2, "--public-url"},
		{"an origin that is none", "", serve("--cors-origins", "https://example.com,foo"), 2, "--cors-origins"},
		{"an origin with a path", "", serve("--cors-origins", "https://example.com/"), 2, "without a path"},
		{"a test's variable", "PARLEY_DATA=x", serve(), 2, "PARLEY_DATA"},
		{"an unsupported database", "", serve("--database", "mysql://root:hidden@db/parley"), 1, "mysql"},
		{"a misspelt database", "", serve("--database", "postgress://root:hidden@db/parley"), 1, "postgress"},
		{"a misspelt database in a variable", "PARLEY_DATABASE=postgres:/db/parley", serve(), 1, "postgres"},
		{"connection keywords", "", serve("--database", "host=db dbname=parley"), 1, "postgres://"},
		{"a database in memory", "", serve("--database", ":memory:"), 1, ":memory:"},
		{"a folder as database", "", serve("--database", filepath.Dir(data)), 1, "folder"},
		{"a folder to migrate", "", []string{"migrate", "up", "--database", filepath.Dir(data)}, 1, "folder"},
		{"an unsupported file storage", "", serve("--data-dir", t.TempDir(), "--files", "gs://bucket"), 1, "gs://"},
		{"a short token secret", "", serve("--token-secret", long[:31]), 1, "--token-secret"},
		{"a placeholder as token secret", "PARLEY_TOKEN_SECRET=" + strings.Repeat("x", 64), serve(), 1, "--token-secret"},
		{"a short JWT secret", "", jwt(long[:31]), 1, "--jwt-secret"},
		{"a placeholder as JWT secret", "", jwt(strings.Repeat("0", 64)), 1, "--jwt-secret"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, printed := runProgram(t, []string{c.variable}, c.args...)
			if status != c.status || !strings.Contains(printed, c.why) || strings.Contains(printed, "hidden") {
				t.Errorf("got exit status %d, want %d with %q:\n%s", status, c.status, c.why, printed)
			}
			if lines := strings.Count(printed, "\n"); lines > 2 || c.status == 2 && !strings.Contains(printed, "--help") {
				t.Errorf("printed %d lines, want at most 2, and a hint at --help:\n%s", lines, printed)
			}
			if _, err := os.Stat(data); err == nil {
				t.Error("the data folder was created")
			}
		})
	}
}

// TestKubernetesVariablesAreIgnored runs the program with the variables that Kubernetes sets for services of its name.
func TestKubernetesVariablesAreIgnored(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	status, printed := runProgram(t, []string{
		"PARLEY_PORT=tcp://10.0.0.1:8080", "PARLEY_PORT_8080_TCP=tcp://10.0.0.1:8080", "PARLEY_PORT_8080_TCP_ADDR=10.0.0.1",
		"PARLEY_SERVICE_HOST=10.0.0.1", "PARLEY_SERVICE_PORT=8080", "PARLEY_SERVICE_PORT_HTTP=8080",
		"PARLEY_NATS_SERVICE_HOST=10.0.0.2", "PARLEY_NATS_PORT=tcp://10.0.0.2:4222", "PARLEY_NATS_PORT_4222_TCP_PROTO=tcp",
	}, "migrate", "up", "--data-dir", data)
	if status != 0 {
		t.Errorf("exit status %d:\n%s", status, printed)
	}
}

// TestOneServerPerDataFolder starts second servers while one runs: on its folder, on its database, or on both. All must
// fail, and the first server must keep working. Once it is killed, a new one can start.
func TestOneServerPerDataFolder(t *testing.T) {
	t.Parallel()
	data, other := t.TempDir(), t.TempDir()
	first := harness.StartProcess(t, "", "--data-dir", data)
	database := filepath.Join(data, "parley.db")
	link := filepath.Join(other, "link.db")
	if err := os.Symlink(database, link); err != nil {
		t.Fatal(err)
	}
	me := harness.NewClient(t, first.URL).NewGuestNamed("anna")
	room := me.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	stream := me.OpenStream("")
	serve := []string{"serve", "--listen", "127.0.0.1:0"}
	for _, flags := range [][]string{
		{"--data-dir", data},
		{"--data-dir", data, "--database", filepath.Join(other, "own.db")},
		{"--data-dir", other, "--database", database},
		{"--data-dir", other, "--database", link},
	} {
		expectFailedStart(t, 1, "another Parley process uses", append(serve, flags...)...)
	}
	expectFailedStart(t, 1, "another Parley process uses", "migrate", "up", "--data-dir", data)
	status, printed := runProgram(t, nil, "migrate", "status", "--data-dir", data)
	if status != 0 || strings.Contains(printed, "pending") {
		t.Errorf("migrate status: got exit status %d\n%s", status, printed)
	}
	said := me.SendText(room.ID, "still here")
	var received models.Message
	stream.Expect(models.EventMessageCreated, &received)
	if received.ID != said.ID {
		t.Errorf("got %+v, want message %d", received, said.ID)
	}
	cursor := stream.LastID
	first.Kill()
	first.Start()
	if s := me.OpenStream("", "Last-Event-ID", cursor); !s.Ready.Resumed {
		t.Error("the failed starts changed the epoch")
	}
}

// TestNewerSchemaIsRefused starts the program on a database that a newer version has migrated.
func TestNewerSchemaIsRefused(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		s.Stop()
		harness.Execute(t, database, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)")
		before := contentOf(t, database)
		serve := []string{"serve", "--listen", "127.0.0.1:0", "--database", database, "--data-dir", t.TempDir()}
		expectFailedStart(t, 1, "newer version", serve...)
		expectFailedStart(t, 1, "newer version", "migrate", "up", "--database", database)
		if !bytes.Equal(before, contentOf(t, database)) {
			t.Error("the database has changed")
		}
	})
}

// contentOf returns the bytes of a SQLite file, and nothing for PostgreSQL.
func contentOf(t testing.TB, database string) []byte {
	t.Helper()
	if strings.HasPrefix(database, "postgres") {
		return nil
	}
	content, err := os.ReadFile(database)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
