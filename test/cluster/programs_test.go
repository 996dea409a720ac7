//go:build unix

package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindsTheNewestServer(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, folder := range []string{"9.6/bin", "14/bin", "15/bin", "16/bin", "x/bin"} {
		folder = filepath.Join(root, folder)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"initdb", "postgres"} {
			if strings.HasSuffix(folder, "16/bin") && name == "postgres" {
				continue // only the client's programs
			}
			if err := os.WriteFile(filepath.Join(folder, name), nil, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, found := newestServer([]string{filepath.Join(root, "nowhere/*/bin"), filepath.Join(root, "*/bin")})
	if want := filepath.Join(root, "15/bin"); !found || got != want {
		t.Errorf("got %q (%v), want %q", got, found, want)
	}
	if got, found := newestServer([]string{filepath.Join(root, "nowhere/*/bin")}); found {
		t.Errorf("got %q, want nothing", got)
	}
}
