package loadtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/cmd/parley/cli"
	"github.com/parley-chat/parley/cmd/parley/loadtest"
	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// parseBench parses flags of parley bench, after defaults for a small and short run.
func parseBench(args ...string) (loadtest.Config, error) {
	small := []string{
		"--streams", "24", "--senders", "4", "--rooms", "2", "--rate", "100", "--duration", "1s",
		"--warm-up", "200ms", "--streams-per-user", "5", "--json",
	}
	return cli.LoadTestConfig(append(small, args...)...)
}

// runBench runs parley bench and returns its report, which is empty if it wrote none.
func runBench(ctx context.Context, t *testing.T, args ...string) (loadtest.Report, error) {
	t.Helper()
	c, err := parseBench(args...)
	if err != nil {
		t.Fatal(err)
	}
	var out, progress bytes.Buffer
	failed := loadtest.Run(ctx, c, &out, &progress)
	if s := progress.String(); strings.Contains(s, "could be removed") {
		t.Log(s)
	}
	return readReport(t, out.Bytes()), failed
}

func readReport(t *testing.T, printed []byte) loadtest.Report {
	t.Helper()
	var r loadtest.Report
	d := json.NewDecoder(bytes.NewReader(printed))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("invalid report: %v\n%s", err, printed)
	}
	if d.More() {
		t.Fatalf("the output is more than a report:\n%s", printed)
	}
	return r
}

// countingProxy is a proxy that counts sessions, acknowledged messages and pushed events.
type countingProxy struct {
	harness.FaultyProxy
	mu       sync.Mutex
	sessions []models.Session
	acked    int64
	pushed   int64
}

func startCountingProxy(t *testing.T, server string) (o *countingProxy, address string) {
	t.Helper()
	o = &countingProxy{}
	o.ChangeBody = func(path, body string) string {
		o.mu.Lock()
		defer o.mu.Unlock()
		var s models.Session
		switch {
		case path == "/v1/sessions" && json.Unmarshal([]byte(body), &s) == nil:
			o.sessions = append(o.sessions, s)
		case strings.HasSuffix(path, "/messages") && strings.HasPrefix(body, `{"id":`):
			o.acked++
		case strings.HasSuffix(path, " stream") && strings.Contains(body, "\nevent: message.created\n"):
			o.pushed++
		}
		return body
	}
	return o, harness.StartFaultyProxy(t, server, &o.FaultyProxy)
}

// TestBenchReportMatchesTraffic compares the report with what a proxy has counted, and with what the server has stored.
func TestBenchReportMatchesTraffic(t *testing.T) {
	harness.SkipIfShort(t)
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		o, address := startCountingProxy(t, s.URL)
		r, err := runBench(t.Context(), t, "--url", address, "--keep", "--size", "123")
		if err != nil {
			t.Fatal(err)
		}
		if !r.OK || r.AllAcknowledged != 120 || r.SendsAcknowledged != 100 || r.NotSent != 0 {
			t.Errorf("want 20 messages in the warm-up and 100 in the measured second, got %+v", r)
		}
		if o.acked != r.AllAcknowledged || o.pushed != r.AllDeliveries ||
			r.AllDeliveries != 12*r.AllAcknowledged || r.Deliveries != 12*100 {
			t.Errorf("the proxy counted %d acknowledged and %d delivered, got report %+v", o.acked, o.pushed, r)
		}
		if len(r.Errors) > 0 || r.StreamsBroken > 0 {
			t.Errorf("errors are reported although there were none: %+v", r)
		}
		if r.Acknowledgement.Count != 100 || r.Receipt.Count != 12*100 || r.Receipt.P50 <= 0 ||
			r.Receipt.Max < r.Receipt.P99 {
			t.Errorf("got latencies %+v and %+v", r.Acknowledgement, r.Receipt)
		}
		if stored := storedMessages(t, harness.NewClient(t, s.URL), o.sessions, 123); stored != r.AllAcknowledged {
			t.Errorf("%d messages are stored, %d were acknowledged", stored, r.AllAcknowledged)
		}
	})
}

// storedMessages returns the number of messages in the histories of all rooms that the guests are in.
func storedMessages(t *testing.T, c *harness.Client, guests []models.Session, size int) int64 {
	t.Helper()
	members := map[int64]*harness.Client{}
	for _, s := range guests {
		guest := c.WithToken(s.AccessToken)
		var rooms models.Page[models.Room]
		guest.Call("GET", "/v1/rooms", nil).ExpectStatus(200).Decode(&rooms)
		for _, room := range rooms.Items {
			members[room.ID] = guest
		}
	}
	if len(members) != 2 {
		t.Errorf("got %d rooms, want 2", len(members))
	}
	n := int64(0)
	for id, member := range members {
		var history models.Page[models.Message]
		member.Call("GET", harness.RoomPath(id)+"/messages?limit=200", nil).ExpectStatus(200).Decode(&history)
		n += int64(len(history.Items))
		for _, m := range history.Items {
			if len(m.Text) != size {
				t.Errorf("got a text of %d characters, want %d: %q", len(m.Text), size, m.Text)
			}
		}
	}
	return n
}

// TestBenchRemovesGuests: the guests are removed at the end, also if the run is interrupted during its preparation.
func TestBenchRemovesGuests(t *testing.T) {
	t.Parallel()
	s := harness.StartServer(t, harness.NewSQLite(t))
	visitor := harness.NewClient(t, s.URL).NewGuestNamed("visitor")
	if _, err := runBench(t.Context(), t, "--url", s.URL, "--duration", "200ms"); err != nil {
		t.Error(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	o, address := startCountingProxy(t, s.URL)
	watch := o.ChangeBody
	o.ChangeBody = func(path, body string) string {
		if strings.Contains(path, "/members/") {
			interrupt()
		}
		return watch(path, body)
	}
	r, err := runBench(ctx, t, "--url", address)
	if err == nil || !strings.Contains(err.Error(), "interrupted before") || r.Streams != 0 {
		t.Errorf("interrupted before the measurement: got error %v and report %+v", err, r)
	}
	if len(o.sessions) == 0 {
		t.Fatal("no guest was signed in")
	}
	var left models.Page[models.User]
	visitor.Call("GET", "/v1/users?prefix=bench", nil).ExpectStatus(200).Decode(&left)
	if len(left.Items) > 0 {
		t.Errorf("%d guests were not removed: %+v", len(left.Items), left.Items[0])
	}
}

// TestBenchReportIsComplete: the JSON report has every field, and the text report every row.
func TestBenchReportIsComplete(t *testing.T) {
	t.Parallel()
	p := harness.StartProcess(t, harness.NewSQLite(t))
	c, err := parseBench("--url", p.URL, "--rate", "0")
	if err != nil {
		t.Fatal(err)
	}
	var asJSON, asText bytes.Buffer
	if err := loadtest.Run(t.Context(), c, &asJSON, io.Discard); err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(asJSON.Bytes(), &fields); err != nil {
		t.Fatal(err)
	}
	missing := missingFields(reflect.TypeFor[loadtest.Report](), fields)
	if want := []string{"server_unknown"}; !reflect.DeepEqual(missing, want) {
		t.Errorf("the report lacks the fields %v, want %v:\n%s", missing, want, asJSON.String())
	}
	r := readReport(t, asJSON.Bytes())
	if r.CorrectedFor <= 0 || r.Acknowledgement.Count < r.SendsAcknowledged || r.Server.CPUSeconds <= 0 ||
		r.Server.ResidentPeak < r.Server.ResidentBeforeStreams {
		t.Errorf("got report %+v with %+v", r, r.Server)
	}

	c.JSON, c.Rate = false, 50
	if err := loadtest.Run(t.Context(), c, &asText, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		"load ", "measured ", "sends per second ", "deliveries per second ", "send to acknowledgement ",
		"send to receipt ", "p99", "acknowledged in total ", "lost 0, duplicated 0", "errors ", "server's CPU ",
		"server's memory ", "every acknowledged message arrived once",
	} {
		if !strings.Contains(asText.String(), row) {
			t.Errorf("%q is not in\n%s", row, asText.String())
		}
	}
}

// missingFields returns the fields of a type that are missing in its JSON.
func missingFields(of reflect.Type, in map[string]any) (missing []string) {
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		value, exists := in[name]
		if !exists {
			missing = append(missing, name)
			continue
		}
		inner := of.Field(i).Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if object, ok := value.(map[string]any); ok && inner.Kind() == reflect.Struct {
			missing = append(missing, missingFields(inner, object)...)
		}
	}
	return missing
}

// TestBenchDistributesLoadOverServers: the load is distributed over two servers of one database. Two servers of
// different databases are an error.
func TestBenchDistributesLoadOverServers(t *testing.T) {
	harness.SkipIfShort(t)
	t.Parallel()
	t.Run("one database", func(t *testing.T) {
		t.Parallel()
		database := harness.NewPostgres(t)
		first, firstURL := startCountingProxy(t, harness.StartServer(t, database).URL)
		second, secondURL := startCountingProxy(t, harness.StartServer(t, database).URL)
		r, err := runBench(t.Context(), t, "--url", firstURL+","+secondURL)
		if err != nil || r.AllAcknowledged != 120 || r.AllDeliveries != 12*120 {
			t.Errorf("got error %v with report %+v", err, r)
		}
		for _, o := range []*countingProxy{first, second} {
			if o.acked != 60 || o.pushed != 6*120 || len(o.sessions) < 3 {
				t.Errorf("of 120 messages to 12 streams each, one server had %d sends, %d deliveries and %d guests",
					o.acked, o.pushed, len(o.sessions))
			}
		}
	})
	t.Run("two databases", func(t *testing.T) {
		t.Parallel()
		first := harness.StartServer(t, harness.NewSQLite(t))
		second := harness.StartServer(t, harness.NewSQLite(t))
		_, err := runBench(t.Context(), t, "--url", first.URL, "--url", second.URL)
		if err == nil || !strings.Contains(err.Error(), "servers of one database") {
			t.Errorf("got error %v", err)
		}
	})
}

// TestBenchExplainsFailedStart: if a run cannot start, its error says why and what to do.
func TestBenchExplainsFailedStart(t *testing.T) {
	harness.SkipIfShort(t)
	t.Parallel()
	limited := harness.StartServer(t, harness.NewSQLite(t)).URL
	noGuests := harness.StartServer(t, harness.NewSQLite(t), "--no-guests").URL
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no server": {
			[]string{"--url", "http://" + harness.FreeAddress(t)},
			"cannot be reached (connection refused): is the server running there?",
		},
		"no guests allowed": {[]string{"--url", noGuests}, "run the server with --guests"},
		"too many requests of one user": {
			[]string{"--url", limited, "--rate", "1000", "--duration", "1m"}, "run the server with --rate-limit off",
		},
		"too many streams of one user": {
			[]string{"--url", limited, "--streams-per-user", "21"}, "run the server with --rate-limit off",
		},
		"too few open files": {[]string{"--url", limited, "--streams", "1000000"}, "raise the limit (ulimit -n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := runBench(t.Context(), t, c.args...)
			if err == nil || !strings.Contains(err.Error(), c.want) || r.OK {
				t.Errorf("got error %v, want %q", err, c.want)
			}
		})
	}
}

func TestBenchRefusesInvalidFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--url", ""}, {"--url", "127.0.0.1:8080"}, {"--url", "ftp://a.example"}, {"--streams", "-1"}, {"--senders", "0"},
		{"--rooms", "0"}, {"--rooms", "5"}, {"--rate", "-1"}, {"--rate", "NaN"}, {"--size", "0"}, {"--size", "8001"},
		{"--duration", "0s"}, {"--warm-up", "-1s"}, {"--wait", "-1s"}, {"--streams-per-user", "0"},
	} {
		if _, err := parseBench(args...); err == nil || !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%v: got error %v", args, err)
		}
	}
	_, err := parseBench("--url", "http://a.example", "--url", "https://b.example/chat,http://c.example",
		"--streams", "0", "--rate", "0.5")
	if err != nil {
		t.Error(err)
	}
}

// TestBenchOverTLS measures a server behind a TLS proxy that forwards streams in chunks.
func TestBenchOverTLS(t *testing.T) {
	t.Parallel()
	s := harness.StartServer(t, harness.NewSQLite(t))
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewTLSServer(http.StripPrefix("/chat", &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, FlushInterval: -1,
		Transport: harness.NewHTTP(t).Transport, ErrorLog: log.New(io.Discard, "", 0),
	}))
	t.Cleanup(proxy.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: proxy.Certificate().Raw})
	if err := os.WriteFile(roots, block, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), harness.Program(), "bench", "--url", proxy.URL+"/chat/", "--json",
		"--streams", "20", "--duration", "1s", "--warm-up", "0s")
	cmd.Env = harness.ProgramEnvironment(harness.AsProgramVariable+"=1", "SSL_CERT_FILE="+roots)
	var progress bytes.Buffer
	cmd.Stderr = &progress
	printed, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	r := readReport(t, printed)
	if r.AllAcknowledged != 100 || r.AllDeliveries != 5*100 || len(r.Errors) > 0 || r.StreamsBroken > 0 {
		t.Errorf("got report %+v", r)
	}
}

// TestInterruptedBenchReports: Ctrl-C ends the program early. It writes a report of what was measured, and nothing
// else, to its standard output.
func TestInterruptedBenchReports(t *testing.T) {
	t.Parallel()
	s := harness.StartServer(t, harness.NewSQLite(t))
	o, address := startCountingProxy(t, s.URL)
	cmd := exec.CommandContext(t.Context(), harness.Program(), "bench", "--url", address, "--json",
		"--streams", "20", "--rate", "100", "--duration", "1h", "--warm-up", "0s")
	cmd.Env = harness.ProgramEnvironment(harness.AsProgramVariable + "=1")
	var out, progress bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &progress
	o.OnSend = func(n int64) {
		if n == 50 {
			_ = cmd.Process.Signal(os.Interrupt)
		}
	}
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	r := readReport(t, out.Bytes())
	if !r.Interrupted || !r.OK || r.AllAcknowledged < 49 || r.AllAcknowledged != o.acked ||
		r.AllDeliveries != o.pushed || r.Duration > harness.Timeout.Seconds() {
		t.Errorf("the proxy counted %d acknowledged and %d delivered, got report %+v", o.acked, o.pushed, r)
	}
	var left models.Page[models.User]
	visitor := harness.NewClient(t, s.URL).NewGuestNamed("visitor")
	visitor.Call("GET", "/v1/users?prefix=bench", nil).ExpectStatus(200).Decode(&left)
	if len(left.Items) > 0 {
		t.Errorf("%d guests were not removed", len(left.Items))
	}
}

// errorsOf returns the number of errors of a kind.
func errorsOf(r loadtest.Report, kind string) (n int64) {
	for k, count := range r.Errors {
		if strings.Contains(k, kind) {
			n += count
		}
	}
	return n
}
