package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// behindProxy are the flags of a server behind a proxy. The tests play the proxy.
var behindProxy = []string{"--trusted-proxies", "127.0.0.0/8"}

// from returns the headers of a request that a proxy forwards from an address.
func from(address string) []string { return []string{"X-Forwarded-For", address} }

// TestClientsBehindProxy checks that limits and sessions use the address of the client behind the proxy, and that only
// a trusted proxy can set it.
func TestClientsBehindProxy(t *testing.T) {
	harness.SkipIfShort(t)
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "sessions", Run: testSessionAddress},
		{Name: "passwords", Run: testWrongPasswords},
		{Name: "guests", Run: testGuestsOfNetwork},
	}, behindProxy...)
}

func testSessionAddress(t *testing.T, c *harness.Client) {
	me := *c
	c.Call("POST", "/v1/sessions", models.Credentials{Username: harness.UniqueName("ada"), Guest: true},
		"X-Forwarded-For", "1.2.3.4", "X-Forwarded-For", "2001:db8::7, 127.0.0.9").ExpectStatus(201).Decode(&me.Session)
	if list := harness.Get[models.Page[models.SessionInfo]](&me, "/v1/sessions").Items; len(list) != 1 ||
		list[0].IP != "2001:db8::7" {
		t.Errorf("got the sessions %+v", list)
	}
	withoutProxy := harness.StartServer(t, harness.NewSQLite(t)).URL
	other := harness.NewClient(t, withoutProxy)
	other.Call("POST", "/v1/sessions", models.Credentials{Username: harness.UniqueName("eve"), Guest: true},
		from("1.2.3.4")...).ExpectStatus(201).Decode(&other.Session)
	if list := harness.Get[models.Page[models.SessionInfo]](other, "/v1/sessions").Items; list[0].IP != "127.0.0.1" {
		t.Errorf("without a trusted proxy, X-Forwarded-For was used: %+v", list)
	}
}

// testWrongPasswords checks that wrong passwords limit the network they come from, for that account only.
func testWrongPasswords(_ *testing.T, c *harness.Client) {
	me, other := c.NewAccount("ada"), c.NewAccount("grace")
	right := models.Credentials{Username: me.User.Username, Password: harness.Password}
	wrong := models.Credentials{Username: strings.ToUpper(me.User.Username), Password: "not the password"}
	for range models.MaxWrongPasswords {
		c.Call("POST", "/v1/sessions", wrong, from("2001:db8:5::1")...).ExpectProblem(401, models.CodeBadCredentials)
	}
	expectLimited(c.Call("POST", "/v1/sessions", right, from("2001:db8:5::2")...))
	c.Call("POST", "/v1/sessions", right, from("198.51.100.7")...).ExpectStatus(201)
	c.Call("POST", "/v1/sessions", models.Credentials{Username: other.User.Username, Password: harness.Password},
		from("2001:db8:5::1")...).ExpectStatus(201)
	unknown := models.Credentials{Username: harness.UniqueName("nobody"), Password: "not the password"}
	for range models.MaxWrongPasswords {
		c.Call("POST", "/v1/sessions", unknown, from("2001:db8:6::1")...).ExpectProblem(401, models.CodeBadCredentials)
	}
	// An unknown account has the same limit as an existing one.
	expectLimited(c.Call("POST", "/v1/sessions", unknown, from("2001:db8:6::1")...))
}

// testGuestsOfNetwork creates guests up to the limit, which holds for a network with all its addresses.
func testGuestsOfNetwork(t *testing.T, c *harness.Client) {
	last := signInGuestsFrom(c, t, "2001:db8:9::", models.MaxNewcomersPerMinute+1)
	expectLimited(last)
	c.Call("POST", "/v1/sessions", models.Credentials{Username: harness.UniqueName("g"), Guest: true},
		from("2001:db8:9:1::1")...).ExpectStatus(201)
	c.Call("POST", "/v1/users", models.NewUser{Username: harness.UniqueName("u"), Password: harness.Password},
		from("2001:db8:9::1")...).ExpectStatus(201)
}

// signInGuestsFrom requests n guests from addresses of a network, and returns the last response.
func signInGuestsFrom(c *harness.Client, t *testing.T, network string, n int) *harness.Response {
	t.Helper()
	const workers = 8
	var running sync.WaitGroup
	for k := range workers {
		running.Go(func() {
			for i := k; i < n-1; i += workers {
				// A taken name costs the server little, and counts for the limit as well.
				c.Send("POST", "/v1/sessions", models.Credentials{Username: "taken", Guest: true},
					from(fmt.Sprint(network, i%5000+1))...)
			}
		})
	}
	running.Wait()
	var a *harness.Response
	harness.Eventually(t, "the network has reached its limit", func() bool {
		a = c.Send("POST", "/v1/sessions", models.Credentials{Username: harness.UniqueName("g"), Guest: true},
			from(network+"1")...)
		return a.HTTP.StatusCode == 429
	})
	return a
}

// TestNetworksHaveSeparateLimits uses up a network's requests with refused ones. Users with a token can still send
// requests from this network, and all users from other networks.
func TestNetworksHaveSeparateLimits(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		server := harness.StartServerWith(t, database, withFewRequests, behindProxy...)
		testSeparateNetworks(t, harness.NewClient(t, server.URL))
	})
}

func testSeparateNetworks(t *testing.T, c *harness.Client) {
	me := c.NewAccount("ada")
	network := from("203.0.113.66")
	refused := []func() *harness.Response{
		func() *harness.Response { return c.Send("GET", "/v1/users/me", nil, network...) },
		func() *harness.Response { return c.WithToken("nonsense").Send("GET", "/v1/users/me", nil, network...) },
		func() *harness.Response { return c.WithToken("nonsense").Send("GET", "/v1/events", nil, network...) },
		func() *harness.Response { return c.Send("GET", "/nowhere", nil, network...) },
		func() *harness.Response { return c.Send("OPTIONS", "/nowhere", nil, network...) },
		func() *harness.Response { return c.Send("PUT", "/v1/users", nil, network...) },
		func() *harness.Response { return c.Send("POST", "/v1/sessions", []byte("{"), network...) },
		func() *harness.Response { return c.Send("GET", "/v1/auth/providers?a=%00", nil, network...) },
	}
	for i, send := range refused {
		if left := remainingQuota(send(), "requests", fewRequests); left != fewRequests-i-1 {
			t.Errorf("after %d refused requests: got %d remaining requests", i+1, left)
		}
	}
	harness.Eventually(t, "the network has reached its limit", func() bool {
		return refused[3]().HTTP.StatusCode == 429
	})
	for _, send := range refused {
		if a := send(); a.HTTP.StatusCode != 429 && a.HTTP.Header.Get("Retry-After") == "" {
			t.Errorf("got %v, want 429", a)
		}
	}
	me.Call("GET", "/v1/users/me", nil, network...).ExpectStatus(200)
	c.Call("POST", "/v1/sessions", models.Credentials{Username: me.User.Username, Password: harness.Password},
		from("198.51.100.7")...).ExpectStatus(201)
	metrics := string(c.Send("GET", "/metrics", nil).Body)
	for _, reason := range []string{"requests", "not_found"} {
		if !strings.Contains(metrics, `parley_requests_refused_total{reason="`+reason+`"}`) {
			t.Errorf("the metrics have no refused requests for the reason %s", reason)
		}
	}
}

// logLines collects what a server logs.
type logLines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// requests returns the logged requests so far.
func (l *logLines) requests(t *testing.T) (list []map[string]any) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range bytes.Lines(l.text.Bytes()) {
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			t.Fatal(err)
		}
		if fields["msg"] == "request" {
			list = append(list, fields)
		}
	}
	return list
}

// TestRequestLog checks that the log line of a request has the method, the path, the user and the client's address.
// Probes are not logged, and neither are the codes of invites.
func TestRequestLog(t *testing.T) {
	log := &logLines{}
	s, err := harness.StartServerLogging(t, log, harness.NewSQLite(t), behindProxy...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup((&harness.Server{Server: s, T: t}).Stop)
	c := harness.NewClient(t, s.URL)
	me := c.NewGuest("ada")
	for _, probe := range []string{"/healthz", "/readyz", "/metrics"} {
		c.Send("GET", probe, nil).ExpectStatus(200)
	}
	me.Call("POST", "/v1/invites/abcdefghijklmnopqrstuvwxyz", nil).ExpectStatus(404)
	me.Call("GET", "/v1/users/me", nil, append(from("203.0.113.9"), "X-Request-Id", "mine")...).ExpectStatus(200)
	var list []map[string]any
	harness.Eventually(t, "the request is logged", func() bool {
		list = log.requests(t)
		return len(list) > 0 && list[len(list)-1]["request_id"] == "mine"
	})
	line := list[len(list)-1]
	for field, want := range map[string]any{
		"method": "GET", "path": "/v1/users/me", "status": 200.0, "client": "203.0.113.9", "user": float64(me.User.ID),
		"request_id": "mine",
	} {
		if line[field] != want {
			t.Errorf("got %s = %v, want %v, in %v", field, line[field], want, line)
		}
	}
	if took, _ := line["took"].(string); !strings.HasSuffix(took, "s") {
		t.Errorf("got took = %v, want a duration", line["took"])
	}
	for _, line := range list {
		path, _ := line["path"].(string)
		if !strings.HasPrefix(path, "/v1/") || strings.Contains(path, "abcdefghijklmnopqrstuvwxyz") {
			t.Errorf("got the log line %v", line)
		}
	}
}

// TestLastSessionDeletesGuest checks that a guest is deleted at once with their last session, and that the name is free
// then.
func TestLastSessionDeletesGuest(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "a guest logs out", Run: testGuestLogsOut},
		{Name: "an account logs out", Run: testAccountLogsOut},
	})
}

func testGuestLogsOut(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	room := other.CreatePublicRoom(me)
	stream := me.OpenStream("")
	me.Call("DELETE", "/v1/sessions/current", nil).ExpectStatus(204)
	stream.Expect(models.EventSessionRevoked, nil)
	stream.ExpectEnd()
	other.Call("GET", "/v1/users/@"+me.User.Username, nil).ExpectProblem(404, models.CodeNotFound)
	again := c.NewGuestNamed(me.User.Username)
	if again.User.ID == me.User.ID {
		t.Error("the new guest has the id of the old one")
	}
	harness.Eventually(t, "the old guest has left the room", func() bool {
		return other.GetRoom(room.ID).MemberCount == 1
	})
	me.Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeSessionRevoked)
	c.Call("POST", harness.RefreshPath, harness.RefreshBody(me.RefreshToken)).ExpectProblem(401, models.CodeSessionRevoked)
	c.Call("POST", harness.RefreshPath, harness.RefreshBody("nobody's")).ExpectProblem(401, models.CodeUnauthenticated)
}

func testAccountLogsOut(_ *testing.T, c *harness.Client) {
	me := c.NewAccount("ada")
	me.Call("DELETE", "/v1/sessions/current", nil).ExpectStatus(204)
	me.LogIn().Call("DELETE", "/v1/sessions/current", nil).ExpectStatus(204)
	me.LogIn()
}

// TestBytesOfUserAreLimited checks the limit of bytes that a user can send in an hour.
func TestBytesOfUserAreLimited(t *testing.T) {
	c := harness.NewClient(t, harness.StartServer(t, harness.NewSQLite(t)).URL)
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	big := []byte(`{"text":"x"` + strings.Repeat(" ", models.MaxBodyBytes-100) + "}")
	path := harness.RoomPath(me.CreatePublicRoom(other).ID) + "/messages"
	var last *harness.Response
	for range models.MaxBytesPerHour/len(big) + 1 {
		last = me.Send("POST", path, big)
	}
	expectLimited(last)
	remainingQuota(last, "bytes", models.MaxBytesPerHour)
	me.Call("GET", path, nil).ExpectStatus(200)
	other.Call("POST", path, models.NewMessage{Text: "x"}).ExpectStatus(201)
}

// TestSimultaneousUploadsShareQuota checks that simultaneous uploads count together for the quota.
func TestSimultaneousUploadsShareQuota(t *testing.T) {
	const size = 600
	me := harness.NewClient(t, harness.StartServer(t, harness.NewSQLite(t), "--file-quota", "1000").URL).NewGuest("ada")
	room := me.CreatePublicRoom()
	begin := func() net.Conn {
		conn, err := net.Dial("tcp", strings.TrimPrefix(me.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, err = fmt.Fprintf(conn, "POST %s/files?name=a HTTP/1.1\r\nHost: parley\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: text/plain\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", harness.RoomPath(room.ID),
			me.AccessToken, size)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	first := begin()
	if status := statusOn(t, first); status != http.StatusContinue {
		t.Fatalf("the first upload: got the status %d", status)
	}
	second := begin()
	if status := statusOn(t, second); status != http.StatusRequestEntityTooLarge {
		t.Errorf("the second upload, during the first: got the status %d", status)
	}
	_ = first.Close()
	harness.Eventually(t, "the first upload does not count after its client has disconnected", func() bool {
		return statusOn(t, begin()) == http.StatusContinue
	})
}

// statusOn reads the status from the first line of a response.
func statusOn(t *testing.T, conn net.Conn) (status int) {
	t.Helper()
	line := make([]byte, len("HTTP/1.1 100"))
	for n := 0; n < len(line); {
		k, err := conn.Read(line[n:])
		if n += k; err != nil && !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
	}
	if _, err := fmt.Sscanf(string(line), "HTTP/1.1 %d", &status); err != nil {
		t.Fatal(err)
	}
	return status
}
