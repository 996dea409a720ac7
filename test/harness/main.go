package harness

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/cmd/parley/cli"
	"github.com/parley-chat/parley/handlers/auth/token/tokentest"
)

// AsProgramVariable names the variable that makes a test binary run as parley itself, so that tests can start, kill and
// restart the very code under test, with its race detector.
const AsProgramVariable = "PARLEY_TEST_AS_PROGRAM"

// isTestVariable reports whether a variable belongs to the project's tests and benchmarks. The program refuses those,
// as all variables that are no settings.
func isTestVariable(name string) bool {
	for _, prefix := range []string{"PARLEY_TEST", "PARLEY_BENCH", "PARLEY_FAULT", "PARLEY_BIN"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// ProgramEnvironment returns the environment, with more added, for a program that a test starts and that may be parley.
func ProgramEnvironment(more ...string) []string {
	own := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return isTestVariable(name)
	})
	return append(own, more...)
}

// Long leaves a test out of "make check" (go test -short), which is for the time between two changes. It is called by what
// takes more than a few seconds, kills processes, or runs the programs of others.
func Long(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out by -short")
	}
}

// Main is the TestMain of every package that tests a whole server. Depending on the environment the test binary is
// parley itself, a NATS server, or runs its tests and looks for goroutines that they left.
func Main(m *testing.M) {
	if address := os.Getenv(asNATS); address != "" {
		os.Exit(serveNATS(address))
	}
	if os.Getenv(AsProgramVariable) != "" {
		for _, variable := range os.Environ() {
			if name, _, _ := strings.Cut(variable, "="); isTestVariable(name) {
				_ = os.Unsetenv(name)
			}
		}
		os.Exit(cli.Main(os.Args[1:]))
	}
	// Neither in the program that tests start nor in benchmarks, which measure what production takes.
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() == "" {
		tokentest.CheapPasswords()
	}
	// gorm's cache of prepared statements has a goroutine that nothing can stop. A process opens one store, so one it is.
	// toxiproxy forgets what it was about to pass on when a connection breaks.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("gorm.io/gorm/internal/lru.NewLRU[...].func1"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).write"))
}
