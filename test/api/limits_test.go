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

// behindProxy are the flags of a server with a proxy in front, which the tests are.
var behindProxy = []string{"--trusted-proxies", "127.0.0.0/8"}

// from are the headers of a request that a proxy hands on from an address.
func from(address string) []string { return []string{"X-Forwarded-For", address} }

// TestClientsBehindProxy: limits, sessions and the log know the client behind the proxy, and believe nobody else.
func TestClientsBehindProxy(t *testing.T) {
	harness.Long(t)
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "sessions", Play: testSessionAddress},
		{Name: "passwords", Play: testWrongPasswords},
		{Name: "guests", Play: testGuestsOfNetwork},
		{Name: "one spends, others go on", Play: testNetworksApart},
	}, behindProxy...)
}

func testSessionAddress(t *testing.T, c *harness.Client) {
	me := *c
	c.Call("POST", "/v1/sessions", models.Credentials{Username: harness.UniqueName("ada"), Guest: true},
		"X-Forwarded-For", "1.2.3.4", "X-Forwarded-For", "2001:db8::7, 127.0.0.9").ExpectStatus(201).Decode(&me.Session)
	if list := harness.Get[models.Page[models.SessionInfo]](&me, "/v1/sessions").Items; len(list) != 1 || list[0].IP != "2001:db8::7" {
		t.Errorf("the session was made from %+v", list)
	}
	lone := harness.StartServer(t, harness.NewSQLite(t)).URL
	other := harness.NewClient(t, lone)
	other.Call("POST", "/v1/sessions", models.Credentials{Username: harness.UniqueName("eve"), Guest: true}, from("1.2.3.4")...).ExpectStatus(201).Decode(&other.Session)
	if list := harness.Get[models.Page[models.SessionInfo]](other, "/v1/sessions").Items; list[0].IP != "127.0.0.1" {
		t.Errorf("without a proxy, somebody else's word is taken: %+v", list)
	}
}

// testWrongPasswords: wrong passwords slow down the network that they come from, at the account that they are for.
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
	expectLimited(c.Call("POST", "/v1/sessions", unknown, from("2001:db8:6::1")...)) // as if there were such an account
}

// testGuestsOfNetwork makes guests until no more are taken: of one network, however many addresses it has.
func testGuestsOfNetwork(t *testing.T, c *harness.Client) {
	last := signInGuestsFrom(c, t, "2001:db8:9::", models.MaxNewcomersPerMinute+1)
	expectLimited(last)
	c.Call("POST", "/v1/sessions", models.Credentials{Username: harness.UniqueName("g"), Guest: true}, from("2001:db8:9:1::1")...).ExpectStatus(201)
	c.Call("POST", "/v1/users", models.NewUser{Username: harness.UniqueName("u"), Password: harness.Password}, from("2001:db8:9::1")...).ExpectStatus(201)
}

// signInGuestsFrom asks for so many guests from addresses of a network, and is the answer to the last.
func signInGuestsFrom(c *harness.Client, t *testing.T, network string, n int) *harness.Response {
	t.Helper()
	const askers = 8
	var asking sync.WaitGroup
	for k := range askers {
		asking.Go(func() {
			for i := k; i < n-1; i += askers {
				// Names that are taken cost little, and are guests that were asked for all the same.
				c.Send("POST", "/v1/sessions", models.Credentials{Username: "taken", Guest: true}, from(fmt.Sprint(network, i%5000+1))...)
			}
		})
	}
	asking.Wait()
	var a *harness.Response
	harness.Eventually(t, "the network has asked for enough", func() bool {
		a = c.Send("POST", "/v1/sessions", models.Credentials{Username: harness.UniqueName("g"), Guest: true}, from(network+"1")...)
		return a.HTTP.StatusCode == 429
	})
	return a
}

// testNetworksApart spends a network's requests with what is refused anyway. Users with a token go on from there, and
// everybody from elsewhere.
func testNetworksApart(t *testing.T, c *harness.Client) {
	me := c.NewAccount("ada")
	there := from("203.0.113.66")
	refused := []func() *harness.Response{
		func() *harness.Response { return c.Send("GET", "/v1/users/me", nil, there...) },
		func() *harness.Response { return c.WithToken("nonsense").Send("GET", "/v1/users/me", nil, there...) },
		func() *harness.Response { return c.WithToken("nonsense").Send("GET", "/v1/events", nil, there...) },
		func() *harness.Response { return c.Send("GET", "/nowhere", nil, there...) },
		func() *harness.Response { return c.Send("OPTIONS", "/nowhere", nil, there...) },
		func() *harness.Response { return c.Send("PUT", "/v1/users", nil, there...) },
		func() *harness.Response { return c.Send("POST", "/v1/sessions", []byte("{"), there...) },
		func() *harness.Response { return c.Send("GET", "/v1/auth/providers?a=%00", nil, there...) },
	}
	for i, ask := range refused {
		if left := remainingQuota(ask(), "requests", models.MaxRequestsPerMinute); left != models.MaxRequestsPerMinute-i-1 {
			t.Errorf("after %d refused requests %d are left", i+1, left)
		}
	}
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for range models.MaxRequestsPerMinute / 8 {
				refused[3]()
			}
		})
	}
	asking.Wait()
	harness.Eventually(t, "the network has asked for too much", func() bool {
		return refused[3]().HTTP.StatusCode == 429
	})
	for _, ask := range refused {
		if a := ask(); a.HTTP.StatusCode != 429 && a.HTTP.Header.Get("Retry-After") == "" {
			t.Errorf("%v\nis not refused", a)
		}
	}
	me.Call("GET", "/v1/users/me", nil, there...).ExpectStatus(200)
	c.Call("POST", "/v1/sessions", models.Credentials{Username: me.User.Username, Password: harness.Password}, from("198.51.100.7")...).ExpectStatus(201)
	if metrics := string(c.Send("GET", "/metrics", nil).Body); !strings.Contains(metrics, `parley_requests_refused_total{reason="requests"}`) ||
		!strings.Contains(metrics, `parley_requests_refused_total{reason="not_found"}`) {
		t.Error("the metrics do not say what was refused")
	}
}

// lines are what a server logs.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// requests are the lines of requests, so far.
func (l *lines) requests(t *testing.T) (list []map[string]any) {
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

// TestRequestLog: a request's line says who asked for what, from where. Probes have none, and a line opens no room.
func TestRequestLog(t *testing.T) {
	log := &lines{}
	s, err := harness.StartServerLogging(t, log, harness.NewSQLite(t), nil, behindProxy...)
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
		"method": "GET", "path": "/v1/users/me", "status": 200.0, "client": "203.0.113.9", "user": float64(me.User.ID), "request_id": "mine",
	} {
		if line[field] != want {
			t.Errorf("%s is %v, want %v, in %v", field, line[field], want, line)
		}
	}
	if took, _ := line["took"].(string); !strings.HasSuffix(took, "s") {
		t.Errorf("it took %v", line["took"])
	}
	for _, line := range list {
		path, _ := line["path"].(string)
		if !strings.HasPrefix(path, "/v1/") || strings.Contains(path, "abcdefghijklmnopqrstuvwxyz") {
			t.Errorf("logged is %v", line)
		}
	}
}

// TestGuestIsGone: with the last session a guest goes, at once, and the name is free.
func TestGuestIsGone(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{{Name: "a guest logs out", Play: testGuestLogsOut}, {Name: "an account logs out", Play: testAccountLogsOut}})
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
		t.Error("the new guest is the old one")
	}
	harness.Eventually(t, "the old one has left the room", func() bool { return other.GetRoom(room.ID).MemberCount == 1 })
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

// TestBytesOfUser: a user writes so much in an hour, in whatever form, and no more.
func TestBytesOfUser(t *testing.T) {
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

// TestUploadsAtOnce: what comes at the same moment fills the quota together.
func TestUploadsAtOnce(t *testing.T) {
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
			"Content-Type: text/plain\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", harness.RoomPath(room.ID), me.AccessToken, size)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	first := begin()
	if status := statusOn(t, first); status != http.StatusContinue {
		t.Fatalf("the first upload is answered %d", status)
	}
	second := begin()
	if status := statusOn(t, second); status != http.StatusRequestEntityTooLarge {
		t.Errorf("the second upload, beside the first, is answered %d", status)
	}
	_ = first.Close()
	harness.Eventually(t, "the first upload counts no more when its client is gone", func() bool {
		return statusOn(t, begin()) == http.StatusContinue
	})
}

// statusOn reads the first line of an answer.
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
