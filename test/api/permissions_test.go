package api

import (
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/handlers"
	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// matrixRow is a line of the matrix.
type matrixRow struct {
	route string
	about []string // the kind of room and what the request is about
	cells []string // one for each column
}

func (r matrixRow) String() string { return r.route + ", " + strings.Join(r.about, ", ") }

// is reports whether the row has the word.
func (r matrixRow) is(word string) bool { return slices.Contains(r.about, word) }

// method returns the method of the row's route.
func (r matrixRow) method() string { return strings.Fields(r.route)[0] }

// isHidden reports whether the row is about another user's object that no caller may know of.
func (r matrixRow) isHidden() bool {
	mayKnow := func(cell string) bool { return cell != "404" && cell != "." }
	return strings.Contains(r.String(), "another's") && !slices.ContainsFunc(r.cells[1:], mayKnow)
}

// changesCallers reports whether the row's requests change the callers themselves, so that they cannot be used for
// another row.
func (r matrixRow) changesCallers() bool {
	return !strings.Contains(r.route, "{room}") || strings.HasSuffix(r.String(), "blocks them")
}

// readMatrix parses the matrix. Repeated rows and unknown words are errors.
func readMatrix(t *testing.T) (rows []matrixRow) {
	t.Helper()
	known := map[string]bool{}
	route := ""
	for _, line := range strings.Split(permissionMatrix, "\n") {
		about, cells, isRow := strings.Cut(line, ": ")
		if !isRow {
			if line != "" {
				route = line
			}
			continue
		}
		row := matrixRow{route, strings.Split(strings.TrimSpace(about), ", "), strings.Fields(cells)}
		if len(row.cells) <= 2 {
			for last := row.cells[len(row.cells)-1]; len(row.cells) < len(matrixColumns); {
				row.cells = append(row.cells, last)
			}
		}
		for _, word := range row.about {
			if matrixObjects[word] == nil {
				t.Errorf("%v: unknown word %q", row, word)
			}
		}
		if len(row.cells) != len(matrixColumns) || known[row.String()] {
			t.Errorf("%v: got %d cells, want %d, and each row once", row, len(row.cells), len(matrixColumns))
		}
		for i, cell := range row.cells {
			if cell != "." && !isResponse(cell) {
				t.Errorf("%v: no response is %q; write what %q gets", row, cell, matrixColumns[min(i, len(matrixColumns)-1)])
			}
		}
		known[row.String()] = true
		rows = append(rows, row)
	}
	return rows
}

// TestPermissionMatrixIsComplete compares the matrix with the router: there is no route without rows, and no row
// without a route. Each route has rows for its kinds of room and its objects, and a caller who is allowed. The contract
// describes each response.
func TestPermissionMatrixIsComplete(t *testing.T) {
	t.Parallel()
	served := allRoutes(t)
	rows := map[string][]matrixRow{}
	for _, r := range readMatrix(t) {
		rows[r.route] = append(rows[r.route], r)
	}
	for route, of := range rows {
		if !slices.Contains(served, route) {
			t.Errorf("%s has a row, but is not a route", route)
		}
		for _, word := range missingWords(route, of) {
			t.Errorf("%s has no row for: %s", route, word)
		}
		for _, status := range undocumented(route, of) {
			t.Errorf("%s: openapi.yaml does not describe the response %s that the matrix has", route, status)
		}
	}
	for _, route := range served {
		if rows[route] == nil {
			t.Errorf("%s has no row", route)
		}
	}
}

// allRoutes returns all routes of the handlers, like "GET /v1/rooms/{room}".
func allRoutes(t *testing.T) (served []string) {
	t.Helper()
	handler := handlers.New(handlers.Config{
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Stopping: t.Context(),
	})
	router, ok := handler.(chi.Routes)
	if !ok {
		t.Fatalf("the routes of a %T cannot be listed", handler)
	}
	err := chi.Walk(router, func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		served = append(served, method+" "+pattern)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return served
}

// missingWords returns the words for which the route has no row.
func missingWords(route string, rows []matrixRow) (words []string) {
	has := func(word string) bool {
		return slices.ContainsFunc(rows, func(r matrixRow) bool { return r.is(word) })
	}
	if strings.HasPrefix(route, "OPTIONS ") { // this needs no token, and reads nothing
		return nil
	}
	for part, needed := range map[string][]string{
		"{room}":     {"public", "private", "direct"},
		"{message}":  {"own message", "another's message"},
		"{stream}":   {"own stream", "another's stream"},
		"{session}":  {"own session", "another's session"},
		"{identity}": {"own identity", "another's identity"},
		"{user}":     {"themself"},
		"{file}": {
			"public", "private", "direct", "own file", "another's file", "own unsent file", "another's unsent file",
		},
		"{upload}": {"public", "private", "direct", "own upload", "another's upload"},
	} {
		for _, word := range needed {
			if strings.Contains(route, part) && !has(word) {
				words = append(words, word)
			}
		}
	}
	if !slices.ContainsFunc(rows, func(r matrixRow) bool {
		return slices.ContainsFunc(r.cells, func(cell string) bool { return cell[0] == '2' || cell[0] == '3' })
	}) {
		words = append(words, "a caller who is allowed")
	}
	return words
}

// undocumented returns the statuses in the rows of a route that its operation in the contract does not list.
func undocumented(route string, rows []matrixRow) (statuses []string) {
	op, documented := operationOf(route)
	if !documented {
		return nil
	}
	for _, row := range rows {
		for _, cell := range row.cells {
			if cell == "banned" || cell == "blocked" {
				cell = "403"
			}
			if op.Responses.Value(cell) == nil && isResponse(cell) && !slices.Contains(statuses, cell) {
				statuses = append(statuses, cell)
			}
		}
	}
	return statuses
}

// matrixShares is the number of servers, on each database, among which the routes are divided.
const matrixShares = 4

// TestPermissions sends the request of each cell of the matrix. That the allowed callers succeed proves that the
// request is valid. A refused request causes no event.
func TestPermissions(t *testing.T) {
	harness.SkipIfShort(t)
	p := harness.NewOIDCProvider(t)
	var scenarios []harness.Scenario
	byRoute := map[string][]matrixRow{}
	for _, r := range readMatrix(t) {
		if byRoute[r.route] == nil {
			scenarios = append(scenarios, harness.Scenario{Name: r.route, Run: func(t *testing.T, c *harness.Client) {
				var k *callerSet
				for _, row := range byRoute[r.route] {
					if k == nil || row.changesCallers() {
						k = newCallerSet(c, p)
					}
					runRow(t, k, row)
					if row.changesCallers() {
						k = nil
					}
				}
			}})
		}
		byRoute[r.route] = append(byRoute[r.route], r)
	}
	// Each share of the routes has servers of its own, so that no core is idle at the end.
	for share := range matrixShares {
		t.Run(fmt.Sprintf("share %d of %d", share+1, matrixShares), func(t *testing.T) {
			var own []harness.Scenario
			for i, s := range scenarios {
				if i%matrixShares == share {
					own = append(own, s)
				}
			}
			harness.RunScenarios(t, own, "--oidc", p.Flag("mock"))
		})
	}
}

// runRow lets each caller send the row's request, on objects that no other request has changed.
func runRow(t *testing.T, callers *callerSet, row matrixRow) {
	t.Helper()
	var o *objects
	for i, column := range matrixColumns {
		if row.cells[i] == "." {
			continue
		}
		for _, by := range callers.callers[column] {
			if o == nil {
				o = callers.newObjects(row)
			}
			a := o.sendRow(row, by)
			if !matchesCell(a, row.cells[i]) {
				t.Errorf("%v: %s: got %v, want %s", row, column, a, row.cells[i])
			}
			switch {
			case a.HTTP.StatusCode < 400 && row.method() != "GET" && row.method() != "HEAD":
				o = nil
			case a.HTTP.StatusCode >= 400:
				o.expectSame()
			}
		}
	}
	if row.isHidden() {
		if o == nil {
			o = callers.newObjects(row)
		}
		if a := o.sendRow(row, callers.otherMember); a.HTTP.StatusCode >= 300 {
			t.Errorf("%v: the object's owner got %v", row, a)
		}
	}
}

// matrixCodes are the problem codes of the cells.
var matrixCodes = map[string]models.Code{
	"400": models.CodeInvalidRequest, "401": models.CodeUnauthenticated, "403": models.CodeForbidden,
	"404": models.CodeNotFound, "409": models.CodeHandleTaken, "410": models.CodeExpired,
	"banned": models.CodeBanned, "blocked": models.CodeBlocked,
}

// matrixSuccess matches the cells of callers who are allowed.
var matrixSuccess = regexp.MustCompile(`^[23]\d\d$`)

// isResponse reports whether a cell names a response.
func isResponse(cell string) bool { return matrixCodes[cell] != "" || matrixSuccess.MatchString(cell) }

// matchesCell reports whether the response has the status and the code of a cell.
func matchesCell(a *harness.Response, cell string) bool {
	a.T.Helper()
	want := cell
	if cell == "banned" || cell == "blocked" {
		want = "403"
	}
	if fmt.Sprint(a.HTTP.StatusCode) != want {
		return false
	}
	if a.HTTP.StatusCode < 400 || a.Request.Method == "HEAD" {
		return true
	}
	var p models.Problem
	a.Decode(&p)
	return p.Code == matrixCodes[cell]
}
