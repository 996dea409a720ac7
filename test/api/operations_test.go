package api

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/parley-chat/parley/cmd/parley/version"
	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

func TestOperationalEndpoints(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "health and metrics", Run: testHealth},
		{Name: "streams in the metrics", Run: testStreamGauges},
		{Name: "the contract and the reference page", Run: testDocs},
		{Name: "the web client", Run: testWebClient},
		{Name: "request ids", Run: testRequestIDs},
		{Name: "no other origins", Run: testNoOtherOrigins},
	})
}

func testHealth(t *testing.T, c *harness.Client) {
	for _, path := range []string{"/healthz", "/readyz"} {
		for _, headers := range [][]string{nil, {"Accept", "text/plain"}, {"Authorization", "Bearer nonsense"}} {
			a := c.Call("GET", path, nil, headers...).ExpectStatus(200)
			if strings.TrimSpace(string(a.Body)) != `{"status":"ok"}` {
				t.Errorf("got %v", a)
			}
		}
	}
	c.CallInvalid("GET", "/v1/rooms/1/x", nil).ExpectStatus(404)
	metrics := string(c.Call("GET", "/metrics", nil).ExpectStatus(200).Body)
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

// testStreamGauges checks the numbers of streams and online users in the metrics while streams open and close.
func testStreamGauges(_ *testing.T, c *harness.Client) {
	ada, bob := c.NewGuest("ada"), c.NewGuest("bob")
	first, second := ada.OpenStream(""), ada.OpenStream("")
	other := bob.OpenStream("")
	c.AwaitMetric("parley_streams_open 3")
	c.AwaitMetric("parley_users_online 2")
	first.Cancel()
	c.AwaitMetric("parley_streams_open 2")
	c.AwaitMetric("parley_users_online 2")
	second.Cancel()
	other.Cancel()
	c.AwaitMetric("parley_streams_open 0")
	c.AwaitMetric("parley_users_online 0")
}

// testDocs checks that the reference page loads nothing from other hosts, and that the served contract is the one of
// the tests.
func testDocs(t *testing.T, c *harness.Client) {
	contract := c.Send("GET", "/openapi.yaml", nil).ExpectStatus(200)
	if !bytes.Equal(contract.Body, api.Contract) || contract.Header("ETag") == "" {
		t.Errorf("/openapi.yaml: got %d bytes with the ETag %q", len(contract.Body), contract.Header("ETag"))
	}
	c.Send("GET", "/openapi.yaml", nil, "If-None-Match", contract.Header("ETag")).ExpectStatus(304)
	page := c.Send("GET", "/docs", nil).ExpectStatus(200)
	policy := page.Header("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "http") {
		t.Errorf("got the Content-Security-Policy %q", policy)
	}
	links := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(string(page.Body), -1)
	for _, link := range links {
		if strings.HasPrefix(link[1], "data:") {
			continue
		}
		if !strings.HasPrefix(link[1], "/docs/") {
			t.Errorf("the page loads %s", link[1])
		}
		c.Send("GET", link[1], nil).ExpectStatus(200)
	}
	if len(links) == 0 {
		t.Error("the page loads nothing")
	}
}

func testRequestIDs(t *testing.T, c *harness.Client) {
	mine := c.Call("GET", "/v1/rooms", nil, "X-Request-Id", "mine-1").ExpectProblem(401, models.CodeUnauthenticated)
	if mine.RequestID != "mine-1" {
		t.Errorf("got the request id %q, want the client's own", mine.RequestID)
	}
	made := map[string]bool{}
	for _, bad := range []string{"", "a b", strings.Repeat("x", 65), "schön", "a\tb"} {
		p := c.Call("GET", "/v1/rooms", nil, "X-Request-Id", bad).ExpectProblem(401, models.CodeUnauthenticated)
		if p.RequestID == bad || p.RequestID == "" || made[p.RequestID] {
			t.Errorf("for the id %q: got the request id %q, want a new one", bad, p.RequestID)
		}
		made[p.RequestID] = true
	}
}

// exposed are the response headers that pages of other origins may read.
const exposed = "ETag, Event-Id, Event-Cursor, Location, Idempotency-Replayed, Retry-After, RateLimit, " +
	"RateLimit-Policy, X-Request-Id"

func testNoOtherOrigins(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	for _, a := range []*harness.Response{
		me.Call("GET", "/v1/rooms", nil, "Origin", "https://chat.example"),
		me.Send("OPTIONS", "/v1/rooms", nil, "Origin", "https://chat.example", "Access-Control-Request-Method", "POST"),
	} {
		if got := a.Header("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%v\nallows the origin %q", a, got)
		}
	}
}

// TestOnlyAllowedOriginsMayRead starts a server that allows the pages of one other origin: no further origin may read
// responses.
func TestOnlyAllowedOriginsMayRead(t *testing.T) {
	// The headers that clients in browsers send, as browsers write them in a preflight request.
	sentAcross := []string{
		"authorization,cache-control,last-event-id,x-requested-with", // polyfills of EventSource
		"authorization,content-type,tus-resumable,upload-length,upload-metadata",
		"content-type,tus-resumable,upload-checksum,upload-concat,upload-defer-length,upload-offset," +
			"x-http-method-override,x-request-id",
		"authorization,idempotency-key,parley-act-as", "if-match,if-modified-since,if-none-match,if-range,pragma,range",
	}
	const friend = "https://chat.example"
	harness.RunScenarios(t, []harness.Scenario{{Name: "requests and streams", Run: func(t *testing.T, c *harness.Client) {
		me := c.NewGuest("ada")
		for origin, want := range map[string]string{
			friend: friend, "http://chat.example": "", "https://chat.example.evil.example": "", "https://evil.example": "",
			"null": "",
		} {
			preflight := me.WithoutToken().
				Send("OPTIONS", "/v1/rooms", nil, "Origin", origin, "Access-Control-Request-Method", "POST",
					"Access-Control-Request-Headers", "authorization,content-type,idempotency-key").ExpectStatus(204)
			a := me.Call("GET", "/v1/rooms", nil, "Origin", origin).ExpectStatus(200)
			problem := me.WithoutToken().Call("GET", "/v1/rooms", nil, "Origin", origin)
			problem.ExpectProblem(401, models.CodeUnauthenticated)
			stream := me.OpenResponse("GET", "", "Origin", origin)
			for what, got := range map[string]string{
				"preflight": preflight.Header("Access-Control-Allow-Origin"), "response": a.Header("Access-Control-Allow-Origin"),
				"problem": problem.Header("Access-Control-Allow-Origin"),
				"stream":  stream.Header.Get("Access-Control-Allow-Origin"),
			} {
				if got != want {
					t.Errorf("the %s for %s: got the allowed origin %q, want %q", what, origin, got, want)
				}
			}
			if want == "" {
				continue
			}
			for _, names := range sentAcross {
				a := me.WithoutToken().Send("OPTIONS", "/v1/events", nil, "Origin", origin, "Access-Control-Request-Method", "GET",
					"Access-Control-Request-Headers", names).ExpectStatus(204)
				if a.Header("Access-Control-Allow-Origin") != want {
					t.Errorf("pages cannot send the headers %s", names)
				}
			}
			for _, name := range strings.Split(exposed, ", ") {
				if !strings.Contains(strings.ToLower(a.Header("Access-Control-Expose-Headers")), strings.ToLower(name)) {
					t.Errorf("pages cannot read the header %s: got %q", name, a.Header("Access-Control-Expose-Headers"))
				}
			}
			if a.Header("Access-Control-Allow-Credentials") != "true" ||
				!strings.Contains(preflight.Header("Access-Control-Allow-Methods"), "POST") ||
				!strings.Contains(a.Header("Vary"), "Origin") {
				t.Errorf("got the headers %v and %v", preflight.HTTP.Header, a.HTTP.Header)
			}
		}
	}}}, "--cors-origins", friend)
}
