package generators

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

// TestNewerServer checks that what the programs pass over is really there.
func TestNewerServer(t *testing.T) {
	t.Parallel()
	server := harness.StartServer(t, harness.NewSQLite(t))
	n := harness.StartNewerServer(t, server.URL)
	call := func(method, path, token, body string) map[string]any {
		req, err := http.NewRequestWithContext(t.Context(), method, n.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", "application/json")
		req.Header.Set("Content-Type", "application/json")
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		var decoded map[string]any
		if err := json.NewDecoder(res.Body).Decode(&decoded); err != nil {
			t.Fatal(err)
		}
		return decoded
	}
	session := call("POST", "/v1/sessions", "", `{"username":"ada","guest":true}`)
	token, _ := session["access_token"].(string)
	if user, _ := session["user"].(map[string]any); user["of_a_later_version"] == nil {
		t.Errorf("the session's user has no unknown field: %v", session)
	}
	if missing := call("GET", "/v1/rooms/1", token, ""); missing["code"] != "not_invented_yet" {
		t.Errorf("the problem's code is known: %v", missing)
	}
	items, _ := call("GET", "/v1/events", token, "")["items"].([]any)
	if len(items) == 0 {
		t.Fatal("the page of events is empty")
	}
	if first, _ := items[0].(map[string]any); first["event"] != harness.NewerEventName {
		t.Errorf("the first event is %v", first)
	}
	n.ExpectUnknown(t)
}
