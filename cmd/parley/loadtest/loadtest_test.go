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

// parseBench reads a command line of parley bench, small and short unless it says otherwise.
func parseBench(args ...string) (loadtest.Config, error) {
	small := []string{
		"--streams", "24", "--senders", "4", "--rooms", "2", "--rate", "100", "--duration", "1s",
		"--warm-up", "200ms", "--streams-per-user", "5", "--json",
	}
	return cli.LoadTestConfig(append(small, args...)...)
}

// runBench runs it and answers its report, which is empty if there was none.
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
		t.Fatalf("%v in\n%s", err, printed)
	}
	if d.More() {
		t.Fatalf("more than a report:\n%s", printed)
	}
	return r
}

// onlooker is a proxy that counts for itself what passes.
type onlooker struct {
	harness.FaultyProxy
	mu       sync.Mutex
	sessions []models.Session
	acked    int64
	pushed   int64
}

func startOnlooker(t *testing.T, server string) (o *onlooker, address string) {
	t.Helper()
	o = &onlooker{}
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

// TestBenchCountsWhatWasDone holds the report against what passed on the way, and against what the server has stored.
func TestBenchCountsWhatWasDone(t *testing.T) {
	harness.Long(t)
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		o, address := startOnlooker(t, s.URL)
		r, err := runBench(t.Context(), t, "--url", address, "--keep", "--size", "123")
		if err != nil {
			t.Fatal(err)
		}
		if !r.OK || r.AllAcknowledged != 120 || r.SendsAcknowledged != 100 || r.NotSent != 0 {
			t.Errorf("not the 100 messages of a second after the 20 of the warm-up: %+v", r)
		}
		if o.acked != r.AllAcknowledged || o.pushed != r.AllDeliveries || r.AllDeliveries != 12*r.AllAcknowledged || r.Deliveries != 12*100 {
			t.Errorf("%d acknowledged and %d delivered have passed, and the report is %+v", o.acked, o.pushed, r)
		}
		if len(r.Errors) > 0 || r.StreamsBroken > 0 {
			t.Errorf("faults where there were none: %+v", r)
		}
		if r.Acknowledgement.Count != 100 || r.Receipt.Count != 12*100 || r.Receipt.P50 <= 0 || r.Receipt.Max < r.Receipt.P99 {
			t.Errorf("latencies %+v and %+v", r.Acknowledgement, r.Receipt)
		}
		if stored := storedMessages(t, harness.NewClient(t, s.URL), o.sessions, 123); stored != r.AllAcknowledged {
			t.Errorf("%d messages are stored, %d were acknowledged", stored, r.AllAcknowledged)
		}
	})
}

// storedMessages counts the messages of all rooms that the guests are in, by their history.
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
		t.Errorf("%d rooms, not 2", len(members))
	}
	n := int64(0)
	for id, member := range members {
		var history models.Page[models.Message]
		member.Call("GET", harness.RoomPath(id)+"/messages?limit=200", nil).ExpectStatus(200).Decode(&history)
		n += int64(len(history.Items))
		for _, m := range history.Items {
			if len(m.Text) != size {
				t.Errorf("a text of %d characters, not %d: %q", len(m.Text), size, m.Text)
			}
		}
	}
	return n
}

// TestBenchLeavesNothingBehind: guests and rooms are gone afterwards, also after an interruption before the beginning.
func TestBenchLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s := harness.StartServer(t, filepath.Join(t.TempDir(), "parley.db"))
	visitor := harness.NewClient(t, s.URL).NewGuestNamed("visitor")
	if _, err := runBench(t.Context(), t, "--url", s.URL, "--duration", "200ms"); err != nil {
		t.Error(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	o, address := startOnlooker(t, s.URL)
	watch := o.ChangeBody
	o.ChangeBody = func(path, body string) string {
		if strings.Contains(path, "/members/") {
			interrupt()
		}
		return watch(path, body)
	}
	if r, err := runBench(ctx, t, "--url", address); err == nil || !strings.Contains(err.Error(), "interrupted before") || r.Streams != 0 {
		t.Errorf("interrupted before it began, it said %v and %+v", err, r)
	}
	if len(o.sessions) == 0 {
		t.Fatal("no guest was there")
	}
	var left models.Page[models.User]
	visitor.Call("GET", "/v1/users?prefix=bench", nil).ExpectStatus(200).Decode(&left)
	if len(left.Items) > 0 {
		t.Errorf("%d guests were left: %+v", len(left.Items), left.Items[0])
	}
}

// TestBenchReportIsComplete: scripts find every field, and people every row.
func TestBenchReportIsComplete(t *testing.T) {
	t.Parallel()
	p := harness.StartProcess(t, filepath.Join(t.TempDir(), "parley.db"))
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
		t.Errorf("%v are not in the report, which may lack %v:\n%s", missing, want, asJSON.String())
	}
	r := readReport(t, asJSON.Bytes())
	if r.CorrectedFor <= 0 || r.Acknowledgement.Count < r.SendsAcknowledged || r.Server.CPUSeconds <= 0 || r.Server.ResidentPeak < r.Server.ResidentBeforeStreams {
		t.Errorf("got the report %+v with %+v", r, r.Server)
	}

	c.JSON, c.Rate = false, 50
	if err := loadtest.Run(t.Context(), c, &asText, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		"load ", "measured ", "sends per second ", "deliveries per second ", "send to acknowledgement ", "send to receipt ", "p99",
		"acknowledged, in all ", "lost 0, doubled 0", "errors ", "server's CPU ", "server's memory ", "every acknowledged message arrived once",
	} {
		if !strings.Contains(asText.String(), row) {
			t.Errorf("%q is not in\n%s", row, asText.String())
		}
	}
}

// missingFields are the fields of a type that its JSON lacks.
func missingFields(of reflect.Type, in map[string]any) (missing []string) {
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		value, there := in[name]
		if !there {
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

// TestBenchOnTwoServers spreads its load over two servers of one database, and refuses two that share none.
func TestBenchOnTwoServers(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	t.Run("one database", func(t *testing.T) {
		t.Parallel()
		database := harness.NewPostgres(t)
		first, firstURL := startOnlooker(t, harness.StartServer(t, database).URL)
		second, secondURL := startOnlooker(t, harness.StartServer(t, database).URL)
		r, err := runBench(t.Context(), t, "--url", firstURL+","+secondURL)
		if err != nil || r.AllAcknowledged != 120 || r.AllDeliveries != 12*120 {
			t.Errorf("%v, with %+v", err, r)
		}
		for _, o := range []*onlooker{first, second} {
			if o.acked != 60 || o.pushed != 6*120 || len(o.sessions) < 3 {
				t.Errorf("of 120 messages to 12 streams each, %d and %d have passed at one of them, and %d guests", o.acked, o.pushed, len(o.sessions))
			}
		}
	})
	t.Run("two databases", func(t *testing.T) {
		t.Parallel()
		first := harness.StartServer(t, filepath.Join(t.TempDir(), "parley.db"))
		second := harness.StartServer(t, filepath.Join(t.TempDir(), "parley.db"))
		_, err := runBench(t.Context(), t, "--url", first.URL, "--url", second.URL)
		if err == nil || !strings.Contains(err.Error(), "servers of one database") {
			t.Errorf("got the error %v", err)
		}
	})
}

// TestBenchTellsWhatIsInItsWay: what keeps a run from beginning is one clear line.
func TestBenchTellsWhatIsInItsWay(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	limited := harness.StartServer(t, filepath.Join(t.TempDir(), "parley.db")).URL
	noGuests := harness.StartServer(t, filepath.Join(t.TempDir(), "parley.db"), "--no-guests").URL
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"nothing there":           {[]string{"--url", "http://" + harness.FreeAddress(t)}, "cannot be reached (connection refused): is the server running there?"},
		"no guests":               {[]string{"--url", noGuests}, "run the server with --guests"},
		"too much for a user":     {[]string{"--url", limited, "--rate", "1000", "--duration", "1m"}, "run the server with --rate-limit off"},
		"too many of one user":    {[]string{"--url", limited, "--streams-per-user", "21"}, "run the server with --rate-limit off"},
		"too few files, or ports": {[]string{"--url", limited, "--streams", "1000000"}, "raise the limit (ulimit -n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if r, err := runBench(t.Context(), t, c.args...); err == nil || !strings.Contains(err.Error(), c.want) || r.OK {
				t.Errorf("got the error %v, not %q", err, c.want)
			}
		})
	}
}

func TestBenchFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--url", "127.0.0.1:8080"}, {"--url", "ftp://a.example"}, {"--streams", "-1"}, {"--senders", "0"}, {"--rooms", "0"}, {"--rooms", "5"},
		{"--rate", "-1"}, {"--rate", "NaN"}, {"--size", "0"}, {"--size", "8001"}, {"--duration", "0s"}, {"--warm-up", "-1s"}, {"--wait", "-1s"},
		{"--streams-per-user", "0"},
	} {
		if _, err := parseBench(args...); err == nil || !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%v: got the error %v", args, err)
		}
	}
	if _, err := parseBench("--url", "http://a.example", "--url", "https://b.example/chat,http://c.example", "--streams", "0", "--rate", "0.5"); err != nil {
		t.Error(err)
	}
}

// TestBenchBehindTLS: a proxy with TLS in front, which passes streams on in chunks.
func TestBenchBehindTLS(t *testing.T) {
	t.Parallel()
	s := harness.StartServer(t, filepath.Join(t.TempDir(), "parley.db"))
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewTLSServer(http.StripPrefix("/chat", &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, FlushInterval: -1, Transport: harness.NewHTTP(t).Transport,
		ErrorLog: log.New(io.Discard, "", 0),
	}))
	t.Cleanup(proxy.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: proxy.Certificate().Raw})
	if err := os.WriteFile(roots, block, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), harness.Program(), "bench", "--url", proxy.URL+"/chat/", "--json", "--streams", "20", "--duration", "1s", "--warm-up", "0s")
	cmd.Env = harness.ProgramEnvironment(harness.AsProgramVariable+"=1", "SSL_CERT_FILE="+roots)
	var progress bytes.Buffer
	cmd.Stderr = &progress
	printed, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	if r := readReport(t, printed); r.AllAcknowledged != 100 || r.AllDeliveries != 5*100 || len(r.Errors) > 0 || r.StreamsBroken > 0 {
		t.Errorf("the report is %+v", r)
	}
}

// TestBenchInterrupted: Ctrl-C ends the program early, with a report of what was measured, and nothing else on its
// output.
func TestBenchInterrupted(t *testing.T) {
	t.Parallel()
	s := harness.StartServer(t, filepath.Join(t.TempDir(), "parley.db"))
	o, address := startOnlooker(t, s.URL)
	cmd := exec.CommandContext(t.Context(), harness.Program(), "bench", "--url", address, "--json", "--streams", "20", "--rate", "100", "--duration", "1h", "--warm-up", "0s")
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
	if !r.Interrupted || !r.OK || r.AllAcknowledged < 49 || r.AllAcknowledged != o.acked || r.AllDeliveries != o.pushed || r.Duration > harness.Timeout.Seconds() {
		t.Errorf("%d were acknowledged and %d delivered, and the report is %+v", o.acked, o.pushed, r)
	}
	var left models.Page[models.User]
	harness.NewClient(t, s.URL).NewGuestNamed("visitor").Call("GET", "/v1/users?prefix=bench", nil).ExpectStatus(200).Decode(&left)
	if len(left.Items) > 0 {
		t.Errorf("%d guests were left", len(left.Items))
	}
}

// errorsOf counts the errors of a kind.
func errorsOf(r loadtest.Report, kind string) (n int64) {
	for k, count := range r.Errors {
		if strings.Contains(k, kind) {
			n += count
		}
	}
	return n
}
