package handlers

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/auth"
)

// contractRoutes are the operations of the contract by route, such as "GET /v1/rooms".
func contractRoutes(t *testing.T) (routes map[string]*openapi3.Operation, contract *openapi3.T) {
	t.Helper()
	contract, err := openapi3.NewLoader().LoadFromData(api.Contract)
	if err != nil {
		t.Fatal(err)
	}
	routes = map[string]*openapi3.Operation{}
	for path, item := range contract.Paths.Map() {
		for method, operation := range item.Operations() {
			routes[method+" "+path] = operation
		}
	}
	return routes, contract
}

// TestPoliciesAreThoseOfTheContract compares the policy of each route with its security in the contract.
func TestPoliciesAreThoseOfTheContract(t *testing.T) {
	routes, contract := contractRoutes(t)
	for route, operation := range routes {
		security := contract.Security
		if operation.Security != nil {
			security = *operation.Security
		}
		var schemes []string
		for _, requirement := range security {
			names := slices.Sorted(maps.Keys(requirement))
			schemes = append(schemes, strings.Join(names, "+"))
		}
		want := auth.TokenRequired
		switch {
		case !slices.Contains(schemes, "bearerAuth"): // the refresh token is checked by its handler
			want = auth.Public
		case slices.Contains(schemes, ""):
			want = auth.TokenOptional
		case len(schemes) > 1:
			want = auth.TokenOrCookie
		}
		if strings.HasPrefix(route, "HEAD ") {
			continue // it has the policy of GET, or that of an upload
		}
		if got := policies[route]; got != want {
			t.Errorf("%s: the policy is %d, and the contract has the schemes %q", route, got, schemes)
		}
	}
}

// TestRoutesOfTables looks for the routes of the tables in route_policies.go: one that was renamed would be no
// exception any more.
func TestRoutesOfTables(t *testing.T) {
	routes, _ := contractRoutes(t)
	var listed []string
	listed = slices.AppendSeq(listed, maps.Keys(policies))
	listed = slices.AppendSeq(listed, maps.Keys(unboundedRoutes))
	listed = slices.AppendSeq(listed, maps.Keys(routesOnFullDisk))
	for _, route := range listed {
		if routes[route] == nil {
			t.Errorf("%s is not in the contract", route)
		}
	}
}

// TestTokens sends each operation without a token, with a bad one, and with the token of a session that has ended. Only
// a refresh without a refresh token is 401 as well.
func TestTokens(t *testing.T) {
	s := newTestServer(t, Settings{})
	ada := s.signUp("ada")
	if a := s.do(http.MethodDelete, "/v1/sessions/current", ada.AccessToken, nil); a.status != http.StatusNoContent {
		t.Fatal(a)
	}
	routes, _ := contractRoutes(t)
	for route := range routes {
		method, path, _ := strings.Cut(route, " ")
		path = strings.NewReplacer("{room}", "7", "{user}", "15", "{message}", "3", "{", "", "}", "").Replace(path)
		policy := policies[strings.Replace(route, "HEAD ", "GET ", 1)]
		for _, c := range []struct {
			name, token string
			refused     bool
		}{
			{"no token", "", policy == auth.TokenRequired || policy == auth.TokenOrCookie},
			{"a bad token", "nonsense", policy != auth.Public},
			{"a token of an ended session", ada.AccessToken, policy != auth.Public},
		} {
			a := s.do(method, path, c.token, nil, "Accept", "application/json")
			if refused := a.status == http.StatusUnauthorized; refused != c.refused && path != "/v1/sessions/refresh" {
				t.Errorf("%s with %s: %v", route, c.name, a)
			}
		}
	}
}

// TestFullDisk has no space on the disk: writes are refused, except for the routes that go on.
func TestFullDisk(t *testing.T) {
	full := false
	s := newTestServerWith(t, Settings{}, func(c *Config) {
		c.Space = func() error {
			if full {
				return errors.New("full")
			}
			return nil
		}
		c.Ready = func(context.Context) error { return nil }
	})
	ada := s.signUp("ada")
	full = true
	if a := s.do(
		http.MethodPost, "/v1/rooms", ada.AccessToken, []byte(`{"name":"Tea"}`),
	); a.status != http.StatusInternalServerError {
		t.Errorf("a room is created: %v", a)
	}
	if a := s.do(http.MethodGet, "/v1/rooms", ada.AccessToken, nil); a.status != http.StatusOK {
		t.Errorf("nothing can be read: %v", a)
	}
	if a := s.do(
		http.MethodPost, "/v1/sessions", "", []byte(`{"username":"ada","password":"correct horse"}`),
	); a.status != http.StatusCreated {
		t.Errorf("nobody can log in: %v", a)
	}
	if a := s.do(http.MethodDelete, "/v1/users/me", ada.AccessToken, nil); a.status != http.StatusNoContent {
		t.Errorf("nothing can be deleted: %v", a)
	}
}
