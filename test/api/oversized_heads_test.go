package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestOversizedHeads sends requests with more in their heads than any client needs: bytes, media types and ranges. The
// first two are refused, and the ranges are ignored.
func TestOversizedHeads(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "size", Run: testHeadSize},
		{Name: "media types", Run: testAcceptSize},
		{Name: "ranges", Run: testRangesOfFile},
	})
}

// testHeadSize sends heads that are larger than the limit: in one header, in the path, and in many headers.
func testHeadSize(_ *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	long := strings.Repeat("x", models.MaxHeadBytes)
	for _, name := range []string{
		"X-Anything", "Accept", "Cookie", "If-None-Match", "Idempotency-Key", "Forwarded", "X-Forwarded-For", "Last-Event-ID",
	} {
		a := callUnchecked(anna, "GET", "/v1/rooms", nil, name, long)
		a.ExpectProblem(431, models.CodeTooLarge)
	}
	callUnchecked(anna, "GET", "/v1/rooms?a="+long, nil).ExpectProblem(431, models.CodeTooLarge)
	var many []string
	for i := range 4000 {
		many = append(many, fmt.Sprintf("X-%d", i), "x")
	}
	callUnchecked(anna, "GET", "/v1/rooms", nil, many...).ExpectProblem(431, models.CodeTooLarge)
	callUnchecked(anna, "GET", "/v1/rooms", nil, "X-Anything", long[:models.MaxHeadBytes-2000]).ExpectStatus(200)
}

func testAcceptSize(_ *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	ranges := func(n int) string { return strings.Repeat("a/b, ", n-1) + "application/json" }
	callUnchecked(anna, "GET", "/v1/rooms", nil, "Accept", ranges(models.MaxAcceptRanges)).ExpectStatus(200)
	p := callUnchecked(anna, "GET", "/v1/rooms", nil, "Accept", ranges(models.MaxAcceptRanges+1)).
		ExpectProblem(400, models.CodeInvalidRequest)
	if len(p.Errors) != 1 || p.Errors[0].Field != "Accept" {
		anna.T.Errorf("got %+v", p)
	}
}

func testRangesOfFile(_ *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	f := anna.UploadFile(anna.CreatePrivateRoom().ID, "a.txt", "text/plain", []byte(strings.Repeat("x", 100_000)))
	ranges := func(n int) string { return "bytes=" + strings.Repeat("0-0,", n-1) + "5-5" }
	content := "/v1/files/" + f.ID + "/content"
	callUnchecked(anna, "GET", content, nil, "Range", ranges(models.MaxRanges)).ExpectStatus(206)
	// With more ranges than allowed, the response is the whole file.
	callUnchecked(anna, "GET", content, nil, "Range", ranges(models.MaxRanges+1)).ExpectStatus(200)
}

// callUnchecked sends a request without checking it against the contract, and returns the response.
func callUnchecked(c *harness.Client, method, path string, body any, headers ...string) *harness.Response {
	c.T.Helper()
	a, err := c.TryCall(c.T.Context(), method, path, body, headers...)
	if err != nil {
		c.T.Fatal(err)
	}
	return a
}
