package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// asProgram makes the test binary be parley itself, so that tests can start, kill and restart the very code under test,
// with its race detector.
const asProgram = "PARLEY_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if address := os.Getenv(asNATS); address != "" {
		os.Exit(serveNATS(address))
	}
	if address := os.Getenv(asBare); address != "" {
		os.Exit(serveBare(address))
	}
	if os.Getenv(asProgram) != "" {
		os.Exit(run(os.Args[1:]))
	}
	// gorm's cache of prepared statements has a goroutine that nothing can stop. A process opens one store, so one it is.
	// toxiproxy forgets what it was about to pass on when a connection breaks.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("gorm.io/gorm/internal/lru.NewLRU[...].func1"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).write"))
}
