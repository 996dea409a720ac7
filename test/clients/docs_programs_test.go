package clients

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

// TestPythonProgram runs the Python program of docs/clients.md, which needs no packages.
func TestPythonProgram(t *testing.T) {
	testDocsProgram(t, "Python", "python", "python3", "chat.py", "monty: Hello from Python")
}

// TestJavaProgram runs the Java program of docs/clients.md, which needs only the JDK.
func TestJavaProgram(t *testing.T) {
	testDocsProgram(t, "Java", "java", "java", "Chat.java", "duke: Hello from Java")
}

func testDocsProgram(t *testing.T, section, kind, program, file, want string) {
	t.Helper()
	t.Parallel()
	harness.NeedProgram(t, program)
	url := harness.StartServer(t, harness.NewSQLite(t), "--lobby", "lobby").URL
	text := harness.ReadSection(t, "docs/clients.md", section)
	for _, block := range harness.FencedBlock.FindAllStringSubmatch(text, -1) {
		if block[1] != kind {
			continue
		}
		path := filepath.Join(t.TempDir(), file)
		source := strings.ReplaceAll(block[2], "http://"+harness.DocumentedAddress, url)
		if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		output := harness.RunCommand(t, filepath.Dir(path), generatedTimeout, program, path)
		if got := strings.TrimSpace(string(output)); got != want {
			t.Errorf("%s printed %q, want %q", file, got, want)
		}
		return
	}
	t.Fatalf("docs/clients.md has no program in section %s", section)
}
