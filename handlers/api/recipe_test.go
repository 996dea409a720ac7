package api_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/parley-chat/parley/handlers/api"
)

// root is the root of the repository.
const root = "../.."

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

// read returns the content of the one file with this name, wherever it is in the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	var content []byte
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && path != root):
			return fs.SkipDir
		case d.Name() != name:
			return nil
		}
		content, err = os.ReadFile(path)
		return err
	})
	if err != nil || content == nil {
		t.Fatalf("there is no %s: %v", name, err)
	}
	return string(content)
}

// TestChangelogMentionsEachRoute fails for a route that CHANGELOG.md does not mention, and prints the line to add.
func TestChangelogMentionsEachRoute(t *testing.T) {
	changelog := read(t, "CHANGELOG.md")
	for _, r := range routes(t) {
		if !strings.Contains(changelog, "`"+r.name+"`") {
			t.Errorf("CHANGELOG.md does not mention a new route; add a line such as\n- `%s`: %s.", r.name, r.Summary)
		}
	}
}

// TestStoryCallsEachOperation fails for an operation that the story of TestPostman does not call, and prints a step for
// it. Those of a log-in through a provider need a browser.
func TestStoryCallsEachOperation(t *testing.T) {
	story := read(t, "postman-story.mjs")
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
			caller = "nobody"
		}
		t.Errorf(
			"postman-story.mjs does not call %s; add a step such as\n  %s(%q, %s),", r.OperationID, caller, r.Summary, status,
		)
	}
}

// TestMatrixHasEachRoute fails for a route without a row in the matrix of callers, and prints the row of a caller
// without a token and of an object that does not exist.
func TestMatrixHasEachRoute(t *testing.T) {
	matrix := read(t, "permissions_matrix_test.go")
	for _, r := range routes(t) {
		if strings.Contains(matrix, "\n"+r.name+"\n") {
			continue
		}
		noToken, others := "200", "200"
		if r.secured {
			noToken = "401"
		}
		rows := ""
		if strings.Contains(r.name, "{room}") {
			for _, kind := range []string{"public:", "private:", "direct:"} {
				stranger := "200"
				if kind != "public:" && r.Responses.Value("404") != nil {
					stranger = "404"
				}
				rows += fmt.Sprintf("\n  %-33s %s  %s  ?    ?    ?       ?    ?", kind, noToken, stranger)
			}
		} else {
			rows = fmt.Sprintf("\n  anybody:                          %s  %s", noToken, others)
		}
		t.Errorf("permissions_matrix_test.go has no row of a new route; add rows such as\n%s%s", r.name, rows)
	}
}
