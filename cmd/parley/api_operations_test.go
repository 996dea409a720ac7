package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/parley-chat/parley/cmd/parley/version"
	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/models"
)

func TestOperations(t *testing.T) {
	play(t, []scenario{
		{"health and metrics", testHealth},
		{"streams in the metrics", testStreamGauges},
		{"the contract and its page", testDocs},
		{"the web client", testClient},
		{"request ids", testRequestIDs},
		{"no other origins", testNoOrigins},
	})
}

func testHealth(t *testing.T, c *client) {
	for _, path := range []string{"/healthz", "/readyz"} {
		for _, headers := range [][]string{nil, {"Accept", "text/plain"}, {"Authorization", "Bearer nonsense"}} {
			if a := c.call("GET", path, nil, headers...).status(200); strings.TrimSpace(string(a.body)) != `{"status":"ok"}` {
				t.Errorf("got %v", a)
			}
		}
	}
	c.wrong("GET", "/v1/rooms/1/x", nil).status(404)
	metrics := string(c.call("GET", "/metrics", nil).status(200).body)
	for _, line := range []string{
		`parley_http_requests_total{method="GET",route="/healthz",status="200"} 3`,
		`parley_http_requests_total{method="GET",route="none",status="404"} 1`,
		`,version="` + version.Current().Version + `"} 1`,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics have no line %s:\n%s", line, metrics)
		}
	}
}

// testStreamGauges counts streams and those who have them, as they come and go.
func testStreamGauges(_ *testing.T, c *client) {
	ada, bob := c.newcomer("ada"), c.newcomer("bob")
	first, second := ada.open(""), ada.open("")
	other := bob.open("")
	c.awaitMetric("parley_streams_open 3")
	c.awaitMetric("parley_users_online 2")
	first.cancel()
	c.awaitMetric("parley_streams_open 2")
	c.awaitMetric("parley_users_online 2")
	second.cancel()
	other.cancel()
	c.awaitMetric("parley_streams_open 0")
	c.awaitMetric("parley_users_online 0")
}

// testDocs: the reference page is whole without any outside host, and the contract is the one that the tests know.
func testDocs(t *testing.T, c *client) {
	contract := c.send("GET", "/openapi.yaml", nil).status(200)
	if !bytes.Equal(contract.body, api.Contract) || contract.header("ETag") == "" {
		t.Errorf("/openapi.yaml is %d bytes long, with the ETag %q", len(contract.body), contract.header("ETag"))
	}
	c.send("GET", "/openapi.yaml", nil, "If-None-Match", contract.header("ETag")).status(304)
	page := c.send("GET", "/docs", nil).status(200)
	policy := page.header("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "http") {
		t.Errorf("the page's policy is %q", policy)
	}
	links := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(string(page.body), -1)
	for _, link := range links {
		if strings.HasPrefix(link[1], "data:") {
			continue
		}
		if !strings.HasPrefix(link[1], "/docs/") {
			t.Errorf("the page loads %s", link[1])
		}
		c.send("GET", link[1], nil).status(200)
	}
	if len(links) == 0 {
		t.Error("the page loads nothing")
	}
}

func testRequestIDs(t *testing.T, c *client) {
	mine := c.call("GET", "/v1/rooms", nil, "X-Request-Id", "mine-1").problem(401, models.CodeUnauthenticated)
	if mine.RequestID != "mine-1" {
		t.Errorf("the client's own id came back as %q", mine.RequestID)
	}
	made := map[string]bool{}
	for _, bad := range []string{"", "a b", strings.Repeat("x", 65), "schön", "a\tb"} {
		p := c.call("GET", "/v1/rooms", nil, "X-Request-Id", bad).problem(401, models.CodeUnauthenticated)
		if p.RequestID == bad || p.RequestID == "" || made[p.RequestID] {
			t.Errorf("for %q came %q", bad, p.RequestID)
		}
		made[p.RequestID] = true
	}
}

const exposed = "Event-Id, Event-Cursor, Location, Idempotency-Replayed, Retry-After"

func testNoOrigins(t *testing.T, c *client) {
	me := c.newcomer("ada")
	for _, a := range []*answer{
		me.call("GET", "/v1/rooms", nil, "Origin", "https://chat.example"),
		me.send("OPTIONS", "/v1/rooms", nil, "Origin", "https://chat.example", "Access-Control-Request-Method", "POST"),
	} {
		if got := a.header("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%v\nlets %q in", a, got)
		}
	}
}

// TestOrigins lets the pages of one other origin in, and of no more.
func TestOrigins(t *testing.T) {
	// What browsers' clients send, as browsers ask for it.
	sentAcross := []string{
		"authorization,cache-control,last-event-id,x-requested-with", // polyfills of EventSource
		"authorization,content-type,tus-resumable,upload-length,upload-metadata",
		"content-type,tus-resumable,upload-checksum,upload-concat,upload-defer-length,upload-offset,x-http-method-override,x-request-id",
		"authorization,idempotency-key,parley-act-as", "if-match,if-modified-since,if-none-match,if-range,pragma,range",
	}
	const friend = "https://chat.example"
	play(t, []scenario{{"requests and streams", func(t *testing.T, c *client) {
		me := c.newcomer("ada")
		for origin, want := range map[string]string{
			friend: friend, "http://chat.example": "", "https://chat.example.evil.example": "", "https://evil.example": "", "null": "",
		} {
			preflight := me.nobody().send("OPTIONS", "/v1/rooms", nil, "Origin", origin, "Access-Control-Request-Method", "POST",
				"Access-Control-Request-Headers", "authorization,content-type,idempotency-key").status(204)
			a := me.call("GET", "/v1/rooms", nil, "Origin", origin).status(200)
			problem := me.nobody().call("GET", "/v1/rooms", nil, "Origin", origin)
			problem.problem(401, models.CodeUnauthenticated)
			stream := me.response("GET", "", "Origin", origin)
			for what, got := range map[string]string{
				"preflight": preflight.header("Access-Control-Allow-Origin"), "answer": a.header("Access-Control-Allow-Origin"),
				"problem": problem.header("Access-Control-Allow-Origin"), "stream": stream.Header.Get("Access-Control-Allow-Origin"),
			} {
				if got != want {
					t.Errorf("the %s for %s lets %q in, not %q", what, origin, got, want)
				}
			}
			if want == "" {
				continue
			}
			for _, names := range sentAcross {
				a := me.nobody().send("OPTIONS", "/v1/events", nil, "Origin", origin, "Access-Control-Request-Method", "GET",
					"Access-Control-Request-Headers", names).status(204)
				if a.header("Access-Control-Allow-Origin") != want {
					t.Errorf("pages cannot send %s", names)
				}
			}
			for _, name := range strings.Split(exposed, ", ") {
				if !strings.Contains(a.header("Access-Control-Expose-Headers"), name) {
					t.Errorf("pages cannot read %s: %q", name, a.header("Access-Control-Expose-Headers"))
				}
			}
			if a.header("Access-Control-Allow-Credentials") != "true" || !strings.Contains(preflight.header("Access-Control-Allow-Methods"), "POST") ||
				!strings.Contains(a.header("Vary"), "Origin") {
				t.Errorf("%v, %v", preflight.response.Header, a.response.Header)
			}
		}
	}}}, "--cors-origins", friend)
}
