package harness

import (
	"flag"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/cmd/parley/cli"
	"github.com/parley-chat/parley/handlers/auth/token/tokentest"
)

// AsProgramVariable names the environment variable that makes a test binary run as parley itself, so that tests can
// start, kill and restart the code under test, including its race detector.
const AsProgramVariable = "PARLEY_TEST_AS_PROGRAM"

// ProductionCosts is the value of AsProgramVariable with which passwords cost what they do in production. With any
// other value they are cheap.
const ProductionCosts = "production"

// profileVariable names the file that the program writes its CPU profile to: go test's own flag profiles only the
// clients.
const profileVariable = "PARLEY_BENCH_PROFILE"

// isTestVariable reports whether an environment variable belongs to the project's tests and benchmarks. The program
// rejects such variables, as it rejects every PARLEY_ variable that is not a setting.
func isTestVariable(name string) bool {
	for _, prefix := range []string{"PARLEY_TEST", "PARLEY_BENCH", "PARLEY_FAULT", "PARLEY_BIN"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// ProgramEnvironment returns the environment for a program that a test starts and that may be parley: without the
// variables of the tests, and with more added.
func ProgramEnvironment(more ...string) []string {
	own := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return isTestVariable(name)
	})
	return append(own, more...)
}

// SkipIfShort skips a test in short mode (go test -short, as in "make check"). Tests call it that take more than a few
// seconds, kill processes, or run third-party programs.
func SkipIfShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped in short mode")
	}
}

// Main is the TestMain of every package that tests a whole server. Depending on the environment, the test binary runs
// as parley or as a NATS server, or it runs its tests and checks that they leave no goroutines behind.
func Main(m *testing.M) {
	if address := os.Getenv(asNATS); address != "" {
		os.Exit(serveNATS(address))
	}
	if value := os.Getenv(AsProgramVariable); value != "" {
		if value != ProductionCosts {
			tokentest.CheapPasswords()
		}
		os.Exit(runProgram())
	}
	// Passwords are not cheap in benchmarks, which measure production's costs.
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() == "" {
		tokentest.CheapPasswords()
	}
	// gorm's cache of prepared statements has a goroutine that cannot be stopped. toxiproxy leaves goroutines behind when
	// a connection breaks while it forwards data.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("gorm.io/gorm/internal/lru.NewLRU[...].func1"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).write"))
}

// runProgram runs as parley, and returns the exit status.
func runProgram() int {
	if file := os.Getenv(profileVariable); file != "" {
		out, err := os.Create(file)
		if err == nil {
			err = pprof.StartCPUProfile(out)
		}
		if err != nil {
			panic(err)
		}
		defer pprof.StopCPUProfile()
	}
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); isTestVariable(name) {
			_ = os.Unsetenv(name)
		}
	}
	return cli.Main(os.Args[1:])
}
