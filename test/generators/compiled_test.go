package generators

// runGo runs the section's program with the address of the server in place of the documented one. With -trimpath the
// output does not depend on the folder, so Go's cache serves all later runs.
const runGo = `mkdir -p docs-run
sed "s|http://127.0.0.1:8080|$1|" docs/main.go >docs-run/main.go
go run -trimpath ./docs-run`

// compiledGenerators are those for Go.
var compiledGenerators = []generator{
	{
		name: "ogen", section: "Go with ogen",
		needs: []string{"bash", "go"},
		files: map[string]string{"go": "docs/main.go"},
		build: "go build -trimpath -o bin/ . ./docs",
		docs:  runGo, run: `bin/chat "$1"`,
		greeting: "rob: Hello from Go",
	},
}
