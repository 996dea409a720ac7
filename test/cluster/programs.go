//go:build unix

package cluster

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// installFolders are the folders outside of PATH where packages install a server's programs, one folder per version.
var installFolders = []string{
	"/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                                   // Fedora, Red Hat
	"/opt/homebrew/opt/postgresql@*/bin",                 // Homebrew on Apple silicon
	"/usr/local/opt/postgresql@*/bin",                    // Homebrew on Intel
	"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",    // Homebrew on Linux
	"/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
}

// FindPrograms returns the folder of PostgreSQL's initdb and postgres.
func FindPrograms(ctx context.Context) (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil && hasServer(filepath.Dir(initdb)) {
		return filepath.Dir(initdb), nil
	}
	// pg_config may be installed with the client's headers alone, so the folder is only a candidate.
	if output, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		if folder := strings.TrimSpace(string(output)); hasServer(folder) {
			return folder, nil
		}
	}
	if folder, found := newestServer(installFolders); found {
		return folder, nil
	}
	return "", errors.New("PostgreSQL is not installed (no initdb and postgres in PATH or at the usual places)")
}

// newestServer returns the folder of the highest version that matches one of the patterns.
func newestServer(patterns []string) (string, bool) {
	var folders []string
	for _, pattern := range patterns {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			continue
		}
		folders = append(folders, slices.DeleteFunc(matches, func(folder string) bool { return !hasServer(folder) })...)
	}
	if len(folders) == 0 {
		return "", false
	}
	return slices.MaxFunc(folders, func(a, b string) int { return slices.Compare(version(a), version(b)) }), true
}

var versionInPath = regexp.MustCompile(`(\d+)(?:\.(\d+))?/bin$`)

// version parses 15 from …/postgresql/15/bin, and 9 and 6 from …/pgsql-9.6/bin, so that 9 sorts before 15.
func version(folder string) []int {
	var numbers []int
	for _, digits := range versionInPath.FindStringSubmatch(folder) {
		if number, err := strconv.Atoi(digits); err == nil {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

func hasServer(folder string) bool {
	for _, program := range []string{"initdb", "postgres"} {
		info, err := os.Stat(filepath.Join(folder, program))
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}
