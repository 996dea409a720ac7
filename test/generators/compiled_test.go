package generators

// runGo runs the section's program with the address of the server in place of the documented one. With -trimpath the
// output does not depend on the folder, so Go's cache serves all later runs.
const runGo = `mkdir -p docs-run
sed "s|http://127.0.0.1:8080|$1|" docs/main.go >docs-run/main.go
go run -trimpath ./docs-run`

// buildRust compiles both programs with what Cargo.lock pins. The packages are compiled once for all runs, without what
// only a debugger or the next change of a program needs.
const buildRust = `export CARGO_TARGET_DIR="$PARLEY_GENERATORS/cargo" CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0
cargo build --quiet --locked
mkdir bin
cp "$CARGO_TARGET_DIR/debug/chat" "$CARGO_TARGET_DIR/debug/story" bin`

// compiledGenerators are those for Go and Rust.
var compiledGenerators = []generator{
	{
		name: "ogen", section: "Go with ogen",
		needs: []string{"bash", "go"},
		files: map[string]string{"go": "docs/main.go"},
		build: "go build -trimpath -o bin/ . ./docs",
		docs:  runGo, run: `bin/chat "$1"`,
		greeting: "rob: Hello from Go",
	},
	{
		name: "rust", section: "Rust",
		needs: []string{"bash", "cargo", "java"},
		files: map[string]string{"toml": "Cargo.toml", "rust": "src/main.rs"},
		build: buildRust,
		docs:  `bin/chat "$1"`, run: `bin/story "$1"`,
		greeting: "ferris: Hello from Rust",
	},
}
