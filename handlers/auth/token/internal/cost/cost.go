// Package cost is what a password's hash costs. It is a package of its own so that tokentest can lower it, and nothing
// else: Go lets only the packages below handlers/token import it.
package cost

// The cost of argon2id that OWASP's password storage cheat sheet names first: 19 MiB, 2 passes, 1 thread.
var (
	Memory uint32 = 19 * 1024 // KiB
	Time   uint32 = 2         // passes over the memory
)

// Threads is how many threads compute a hash.
const Threads = 1
