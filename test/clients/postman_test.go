package clients

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/test/harness"
)

// TestPostman has openapi.yaml made into a Postman collection, as its readers would, and newman run it from sign-up to
// log-out, with statuses and contents checked on the way. No operation may be left out but those that take a browser
// and somebody else's server.
func TestPostman(t *testing.T) {
	harness.NeedNode(t)
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		output := harness.RunNode(t, 2*time.Minute, "postman.mjs", harness.StartServer(t, database).URL)
		var done struct {
			Called     []string `json:"called"`
			Assertions int      `json:"assertions"`
		}
		if err := json.Unmarshal(output, &done); err != nil {
			t.Fatalf("%v in %s", err, output)
		}
		social := []string{"BeginAuth", "FinishAuth"}
		for _, op := range harness.Operations() {
			if called := slices.Contains(done.Called, op.Summary); called == slices.Contains(social, op.OperationID) {
				t.Errorf("%s (%q): called is %v", op.OperationID, op.Summary, called)
			}
		}
		if done.Assertions < 2*len(done.Called) {
			t.Errorf("%d assertions on %d operations", done.Assertions, len(done.Called))
		}
	})
}
