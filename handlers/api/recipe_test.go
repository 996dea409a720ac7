package api_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/parley-chat/parley/handlers/api"
)

// The lists of the routes that are written by hand.
const (
	changelogFile = "CHANGELOG.md"
	storyFile     = "test/clients/node/postman-story.mjs"
	matrixFile    = "test/api/permissions_matrix_test.go"
)

// route is an operation of the contract with its route, such as "GET /v1/rooms".
type route struct {
	name string
	*openapi3.Operation
	secured bool
}

func routes(t *testing.T) (list []route) {
	t.Helper()
	contract, err := openapi3.NewLoader().LoadFromData(api.Contract)
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range contract.Paths.Map() {
		for method, op := range item.Operations() {
			secured := op.Security == nil || len(*op.Security) > 0
			list = append(list, route{method + " " + path, op, secured})
		}
	}
	slices.SortFunc(list, func(a, b route) int { return strings.Compare(a.name, b.name) })
	return list
}

// read returns the content of a file, whose name is relative to the root of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestSchemasAreTypesOfModels fails for a schema that has a type in models, but got another one in the generated code,
// and prints what overlay.yaml lacks.
func TestSchemasAreTypesOfModels(t *testing.T) {
	generated := read(t, "handlers/api/api.gen.go")
	files, err := filepath.Glob("../../models/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("found the files %v of models: %v", files, err)
	}
	for _, file := range files {
		source := read(t, "models/"+filepath.Base(file))
		for _, declared := range regexp.MustCompile(`(?m)^type (\w+) `).FindAllStringSubmatch(source, -1) {
			name := declared[1]
			if !regexp.MustCompile(`(?m)^type ` + name + ` [^=]`).MatchString(generated) {
				continue
			}
			t.Errorf(`%s is a type of models and another one of the generated code; add to handlers/api/overlay.yaml
  - target: $.components.schemas.%s
    update: { x-go-type: "models.%s", x-go-type-import: { path: github.com/parley-chat/parley/models } }
and run make generate`, name, name, name)
		}
	}
}

// TestChangelogMentionsEachRoute fails for a route that CHANGELOG.md does not mention, and says where to add it.
func TestChangelogMentionsEachRoute(t *testing.T) {
	changelog := read(t, changelogFile)
	for _, r := range routes(t) {
		if !strings.Contains(changelog, "`"+r.name+"`") {
			t.Errorf("%s does not mention a new route; add it to the list \"Routes\" of what is unreleased:\n- %s: `%s`.",
				changelogFile, strings.Join(r.Tags, ", "), r.name)
		}
	}
}

// TestStoryCallsEachOperation fails for an operation that the story of TestPostman does not call, and prints a step for
// it. Those of a log-in through a provider need a browser.
func TestStoryCallsEachOperation(t *testing.T) {
	story := read(t, storyFile)
	for _, r := range routes(t) {
		if r.OperationID == "BeginAuth" || r.OperationID == "FinishAuth" {
			continue
		}
		if strings.Contains(story, "'"+r.Summary+"'") || strings.Contains(story, `"`+r.Summary+`"`) {
			continue
		}
		status := "200"
		for code := range r.Responses.Map() {
			if strings.HasPrefix(code, "2") {
				status = code
			}
		}
		caller := "ada"
		if !r.secured {
			caller = "anonymous"
		}
		summary := "'" + r.Summary + "'"
		if strings.Contains(r.Summary, "'") {
			summary = `"` + r.Summary + `"`
		}
		t.Errorf("%s does not call %s; add a step such as this to the part about its subject\n"+
			"  %s(%s, %s, { check: (pm) => … }),", storyFile, r.OperationID, caller, summary, status)
	}
}

// TestMatrixHasEachRoute fails for a route without rows in the matrix of permissions, and prints rows to fill in. What
// follows from the kind of the room is there already: who was banned from a private room, or left it, does not know of
// it, and direct rooms have two members and nobody else.
func TestMatrixHasEachRoute(t *testing.T) {
	matrix := read(t, matrixFile)
	for _, r := range routes(t) {
		if strings.Contains(matrix, "\n"+r.name+"\n") {
			continue
		}
		noToken := "?"
		if r.secured {
			noToken = "401"
		}
		rows := fmt.Sprintf("\n  anybody:                          %-3s  ?", noToken)
		if strings.Contains(r.name, "{room}") {
			rows = "\n  public:                           " + noToken + "  ?    ?    ?    banned  ?    ?" +
				"\n  private:                          " + noToken + "  404  ?    404  404     ?    ?" +
				"\n  direct:                           " + noToken + "  404  ?    .    .       .    ."
		}
		t.Errorf("%s has no rows for a new route; add these, with a status for each ?, and with the objects of the request "+
			"after the kind of room, as in the rows of similar routes\n%s%s", matrixFile, r.name, rows)
	}
}
