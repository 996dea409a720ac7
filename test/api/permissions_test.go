package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

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

func (r matrixRow) is(word string) bool { return slices.Contains(r.about, word) }

func (r matrixRow) method() string { return strings.Fields(r.route)[0] }

// hides reports whether the row is about what somebody else has, and nobody may know of.
func (r matrixRow) hides() bool {
	mayKnow := func(cell string) bool { return cell != "404" && cell != "." }
	return strings.Contains(r.String(), "another's") && !slices.ContainsFunc(r.cells[1:], mayKnow)
}

// marks reports whether what the row's callers do, or what is done to them, stays with them when they go on to another
// room.
func (r matrixRow) marks() bool {
	return !strings.Contains(r.route, "{room}") || strings.HasSuffix(r.String(), "blocks them")
}

// readMatrix reads the table. What it says twice, or in words that have no meaning, is a mistake.
func readMatrix(t *testing.T) (rows []matrixRow) {
	t.Helper()
	known := map[string]bool{}
	route := ""
	for _, line := range strings.Split(matrix, "\n") {
		about, answers, isRow := strings.Cut(line, ": ")
		if !isRow {
			if line != "" {
				route = line
			}
			continue
		}
		row := matrixRow{route, strings.Split(strings.TrimSpace(about), ", "), strings.Fields(answers)}
		if len(row.cells) <= 2 {
			for last := row.cells[len(row.cells)-1]; len(row.cells) < len(matrixColumns); {
				row.cells = append(row.cells, last)
			}
		}
		for _, word := range row.about {
			if matrixObjects[word] == nil {
				t.Errorf("%v: nobody knows what %q is", row, word)
			}
		}
		if len(row.cells) != len(matrixColumns) || known[row.String()] {
			t.Errorf("%v: has %d cells, or stands there twice", row, len(row.cells))
		}
		known[row.String()] = true
		rows = append(rows, row)
	}
	return rows
}

// TestMatrixIsComplete holds the matrix against the router: no route without rows, and no rows without a route. Of each
// there are the kinds of room and the objects that it may be about, and somebody who may.
func TestMatrixIsComplete(t *testing.T) {
	t.Parallel()
	served := routesOf(t, harness.StartServer(t, harness.NewSQLite(t)))
	rows := map[string][]matrixRow{}
	for _, r := range readMatrix(t) {
		rows[r.route] = append(rows[r.route], r)
	}
	for route, of := range rows {
		if !slices.Contains(served, route) {
			t.Errorf("%s has a row, and is no route", route)
		}
		for _, word := range lacking(route, of) {
			t.Errorf("%s has no row for: %s", route, word)
		}
	}
	for _, route := range served {
		if rows[route] == nil {
			t.Errorf("%s has no row", route)
		}
	}
}

// routesOf are all routes that a server has, as in "GET /v1/rooms/{room}".
func routesOf(t *testing.T, s *harness.Server) (served []string) {
	t.Helper()
	router, ok := s.HTTP.Routes.(chi.Routes)
	if !ok {
		t.Fatalf("the routes of a %T cannot be listed", s.HTTP.Routes)
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

// lacking is what the rows of a route do not speak of.
func lacking(route string, rows []matrixRow) (words []string) {
	has := func(word string) bool {
		return slices.ContainsFunc(rows, func(r matrixRow) bool { return r.is(word) })
	}
	if strings.HasPrefix(route, "OPTIONS ") { // which is open, and looks at nothing
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
		words = append(words, "somebody who may")
	}
	return words
}

// matrixShares is the number of servers, on each database, among which the routes are divided.
const matrixShares = 4

// TestMatrix makes the request of each cell of the matrix. Those who may do it prove that to the others it was not
// refused by chance; what is refused leaves no event.
func TestMatrix(t *testing.T) {
	harness.Long(t)
	p := harness.NewOIDCProvider(t)
	var scenarios []harness.Scenario
	byRoute := map[string][]matrixRow{}
	for _, r := range readMatrix(t) {
		if byRoute[r.route] == nil {
			scenarios = append(scenarios, harness.Scenario{Name: r.route, Play: func(t *testing.T, c *harness.Client) {
				var k *cast
				for _, row := range byRoute[r.route] {
					if k == nil || row.marks() {
						k = newCast(c, p)
					}
					playRow(t, k, row)
					if row.marks() {
						k = nil
					}
				}
			}})
		}
		byRoute[r.route] = append(byRoute[r.route], r)
	}
	// Each share of the routes is played on servers of its own, so that the last of them does not keep one core waiting.
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

// playRow lets each caller try, on a set that nobody has changed yet.
func playRow(t *testing.T, cast *cast, row matrixRow) {
	t.Helper()
	var on *set
	for i, column := range matrixColumns {
		if row.cells[i] == "." {
			continue
		}
		for _, by := range cast.callers[column] {
			if on == nil {
				on = cast.newSet(row)
			}
			a := on.try(row, by)
			if !matchesCell(a, row.cells[i]) {
				t.Errorf("%v: %s: wanted %s: %v", row, column, row.cells[i], a)
			}
			switch {
			case a.HTTP.StatusCode < 400 && row.method() != "GET" && row.method() != "HEAD":
				on = nil
			case a.HTTP.StatusCode >= 400:
				on.stillSo()
			}
		}
	}
	if row.hides() {
		if on == nil {
			on = cast.newSet(row)
		}
		if a := on.try(row, cast.beside); a.HTTP.StatusCode >= 300 {
			t.Errorf("%v: whose it is gets %v", row, a)
		}
	}
}

// matrixCodes are the codes that go with the statuses of the matrix.
var matrixCodes = map[string]models.Code{
	"400": models.CodeInvalidRequest, "401": models.CodeUnauthenticated, "403": models.CodeForbidden,
	"404": models.CodeNotFound, "409": models.CodeHandleTaken, "410": models.CodeExpired,
	"banned": models.CodeBanned, "blocked": models.CodeBlocked,
}

// matchesCell reports whether the answer is as a cell has it.
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
