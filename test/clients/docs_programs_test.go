package clients

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

// TestPythonProgram runs the program of docs/clients.md in Python, which needs no package.
func TestPythonProgram(t *testing.T) {
	testDocsProgram(t, "Python", "python", "python3", "chat.py", "monty: Hello from Python")
}

// TestJavaProgram runs the one in Java, which needs the JDK alone.
func TestJavaProgram(t *testing.T) {
	testDocsProgram(t, "Java", "java", "java", "Chat.java", "duke: Hello from Java")
}

func testDocsProgram(t *testing.T, section, kind, program, file, want string) {
	t.Helper()
	t.Parallel()
	harness.NeedProgram(t, program)
	url := harness.StartServer(t, harness.NewSQLite(t), "--lobby", "lobby").URL
	for _, block := range harness.FencedBlock.FindAllStringSubmatch(harness.ReadSection(t, "docs/clients.md", section), -1) {
		if block[1] != kind {
			continue
		}
		path := filepath.Join(t.TempDir(), file)
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(block[2], "http://"+harness.TourAddress, url)), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(string(harness.RunIn(t, filepath.Dir(path), generatedTime, program, path))); got != want {
			t.Errorf("%s printed %q, wanted %q", file, got, want)
		}
		return
	}
	t.Fatalf("docs/clients.md has no program in %s", section)
}
