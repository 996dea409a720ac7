package bench

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/parley-chat/parley/test/databases"
)

// machine describes the machine and the versions of the software in one line.
func machine(b *testing.B) string {
	b.Helper()
	parts := []string{fmt.Sprintf("%d cores of %s", runtime.GOMAXPROCS(0), cpuModel()), runtime.Version()}
	for _, d := range benchDatabases() {
		if d.driver == "pgx" && os.Getenv(databases.PostgresVariable) == "" {
			continue
		}
		var version string
		if err := d.open(b, d.make(b)).QueryRow(d.version).Scan(&version); err != nil {
			b.Fatal(err)
		}
		parts = append(parts, d.title+" "+version)
	}
	return "Measured on " + strings.Join(parts, ", ") + "."
}

// cpuModel returns the model name of the processor, or the architecture if the system does not provide the name.
func cpuModel() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range bytes.Lines(info) {
		if name, value, found := strings.Cut(string(line), ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
