package clients

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/test/harness"
)

// TestPostman converts openapi.yaml into a Postman collection, as a user of Postman would, and lets newman run it from
// sign-up to log-out, with checks of statuses and contents. Every operation must be called, except those that need a
// browser and another login provider.
func TestPostman(t *testing.T) {
	harness.NeedNode(t)
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		output := harness.RunNode(t, 10*time.Minute, "postman.mjs", harness.StartServer(t, database).URL)
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
				t.Errorf("%s (%q): called is %v, want %v", op.OperationID, op.Summary, called, !called)
			}
		}
		if done.Assertions < 2*len(done.Called) {
			t.Errorf("got %d assertions for %d operations, want at least 2 for each", done.Assertions, len(done.Called))
		}
	})
}
