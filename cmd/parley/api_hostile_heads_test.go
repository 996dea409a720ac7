package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestHostileHeads sends requests whose heads are larger than any client needs. Each is told so.
func TestHostileHeads(t *testing.T) {
	play(t, []scenario{{"size", testHeadSize}, {"media types", testAcceptSize}, {"ranges", testRangesOfFile}})
}

func testHeadSize(_ *testing.T, c *client) {
	anna := c.newcomer("anna")
	long := strings.Repeat("x", models.MaxHeadBytes)
	for _, name := range []string{
		"X-Anything", "Accept", "Cookie", "If-None-Match", "Idempotency-Key", "Forwarded", "X-Forwarded-For", "Last-Event-ID",
	} {
		a := anna.raw("GET", "/v1/rooms", nil, name, long)
		a.problem(431, models.CodeTooLarge)
	}
	anna.raw("GET", "/v1/rooms?a="+long, nil).problem(431, models.CodeTooLarge)
	var many []string
	for i := range 4000 {
		many = append(many, fmt.Sprintf("X-%d", i), "x")
	}
	anna.raw("GET", "/v1/rooms", nil, many...).problem(431, models.CodeTooLarge)
	anna.raw("GET", "/v1/rooms", nil, "X-Anything", long[:models.MaxHeadBytes-2000]).status(200)
}

func testAcceptSize(_ *testing.T, c *client) {
	anna := c.newcomer("anna")
	ranges := func(n int) string { return strings.Repeat("a/b, ", n-1) + "application/json" }
	anna.raw("GET", "/v1/rooms", nil, "Accept", ranges(models.MaxAcceptRanges)).status(200)
	p := anna.raw("GET", "/v1/rooms", nil, "Accept", ranges(models.MaxAcceptRanges+1)).problem(400, models.CodeInvalidRequest)
	if len(p.Errors) != 1 || p.Errors[0].Field != "Accept" {
		anna.t.Errorf("got %+v", p)
	}
}

func testRangesOfFile(_ *testing.T, c *client) {
	anna := c.newcomer("anna")
	f := anna.upload(anna.privateRoom().ID, "a.txt", "text/plain", []byte(strings.Repeat("x", 100_000)))
	ranges := func(n int) string { return "bytes=" + strings.Repeat("0-0,", n-1) + "5-5" }
	content := "/v1/files/" + f.ID + "/content"
	anna.raw("GET", content, nil, "Range", ranges(models.MaxRanges)).status(206)
	anna.raw("GET", content, nil, "Range", ranges(models.MaxRanges+1)).status(200) // the whole, for which there is one head
}

// raw makes a request that need not be one of the contract's, and answers whatever came.
func (c *client) raw(method, path string, body any, headers ...string) *answer {
	c.t.Helper()
	a, err := c.try(c.t.Context(), method, path, body, headers...)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}
