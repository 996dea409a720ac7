package main

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/handlers/token/tokentest"
)

// asProgram makes the test binary be parley itself, so that tests can start, kill and restart the very code under test,
// with its race detector.
const asProgram = "PARLEY_TEST_AS_PROGRAM"

// ofTests reports whether a variable is one of the project's own tests and benches. The program refuses those like all
// that are no settings.
func ofTests(name string) bool {
	for _, prefix := range []string{"PARLEY_TEST", "PARLEY_BENCH", "PARLEY_FAULT", "PARLEY_BIN"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// programEnvironment is the environment of a program that a test starts, which may be parley.
func programEnvironment(more ...string) []string {
	own := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return ofTests(name)
	})
	return append(own, more...)
}

// long leaves a test out of "make check" (go test -short), which is for the time between two changes. It is called by what
// takes more than a few seconds, kills processes, or runs the programs of others.
func long(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out by -short")
	}
}

func TestMain(m *testing.M) {
	if address := os.Getenv(asNATS); address != "" {
		os.Exit(serveNATS(address))
	}
	if os.Getenv(asProgram) != "" {
		for _, variable := range os.Environ() {
			if name, _, _ := strings.Cut(variable, "="); ofTests(name) {
				_ = os.Unsetenv(name)
			}
		}
		os.Exit(run(os.Args[1:]))
	}
	// Neither in the program that tests start nor in benchmarks, which measure what production takes.
	if flag.Parse(); flag.Lookup("test.bench").Value.String() == "" {
		tokentest.CheapPasswords()
	}
	// gorm's cache of prepared statements has a goroutine that nothing can stop. A process opens one store, so one it is.
	// toxiproxy forgets what it was about to pass on when a connection breaks.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("gorm.io/gorm/internal/lru.NewLRU[...].func1"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).write"))
}
