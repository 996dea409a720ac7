package replay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-chat/parley/cmd/parley/replay"
	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// teaLogs returns the logs of two days of a channel. Users join, leave, rename themselves, join again without having
// left, and speak without having joined. Some nicks get the same username, and some bytes are not UTF-8.
func teaLogs(t *testing.T) []string {
	t.Helper()
	first := "=== anna  has joined #tea\n[10:00] <anna> hello\n=== anna  has joined #tea\n" +
		"[10:01] <|QuaD-> hi \xff\xfe there\r\n=== anna is now known as ann\n[10:02] <ann> second\n" +
		"=== QuaD-  has joined #tea\n[10:02] <QuaD-> I am the other one\n=== Zed  has left #tea []\n" +
		"=== Zed is now known as Zoe\n[10:03]  * ann waves\n[10:04] <3com>\n"
	for i := range 40 {
		first += fmt.Sprintf("[10:05] <speaker%d> number %d\n", i%7, i)
	}
	first += "=== ann  has left #tea [\"bye\"]\n[10:06] <3com> the end"
	second := "[10:00] <anna> a new day\n=== anna  has left #tea\n[10:01] <anna> and back\n[10:02] <speaker1> again\n"
	var paths []string
	for name, log := range map[string]string{"2020-01-01.txt": first, "2020-01-02.txt": second} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// runReplay runs parley replay and returns what it printed.
func runReplay(t *testing.T, url string, logs []string) (printed string, err error) {
	t.Helper()
	var out strings.Builder
	c := replay.Config{Files: logs, URL: url, Parallel: 2, Readers: 2}
	err = replay.Run(t.Context(), c, &out, io.Discard)
	return out.String(), err
}

// row returns a number of the summary.
func row(t *testing.T, printed, name string) int {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + `  +(\d+)$`).FindStringSubmatch(printed)
	if m == nil {
		t.Fatalf("no row %q in\n%s", name, printed)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestReplaySendsAndComparesLogs(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		visitor := harness.NewClient(t, s.URL).NewGuestNamed("visitor")
		before := visitor.Call("GET", "/v1/rooms", nil).ExpectStatus(200).Header("Event-Cursor")
		logs := teaLogs(t)
		for range 2 { // the second time, each username is taken
			printed, err := runReplay(t, s.URL, logs)
			if err != nil {
				t.Fatalf("%v\n%s", err, printed)
			}
			if !strings.Contains(printed, "all compared equal") {
				t.Errorf("printed\n%s", printed)
			}
			for name, want := range map[string]int{
				"logs": 2, "messages": 49, "guests": 12, "joins": 15, "joins of members, without effect": 1, "leaves": 3,
				"leaves and renames of non-members, skipped": 2, "bytes that are not UTF-8, replaced": 2,
				"empty texts, skipped": 1, "other lines, skipped": 0,
			} {
				if got := row(t, printed, name); got != want {
					t.Errorf("%s: got %d, want %d", name, got, want)
				}
			}
		}
		checkTeaRoom(t, visitor, before)
	})
}

// checkTeaRoom checks the rooms independently of the replay, and the content of the first day's room.
func checkTeaRoom(t *testing.T, c *harness.Client, before string) {
	t.Helper()
	var log models.Page[models.Event]
	c.Call("GET", "/v1/events/log?limit=200&after="+before, nil).ExpectStatus(200).Decode(&log)
	rooms := map[string][]models.Room{}
	for _, e := range log.Items {
		if e.Name == models.EventRoomCreated {
			var room models.Room
			if err := json.Unmarshal(e.Data, &room); err != nil {
				t.Fatal(err)
			}
			rooms[room.Name] = append(rooms[room.Name], room)
		}
	}
	first := rooms["#tea 2020-01-01"]
	if len(first) != 2 || len(rooms["#tea 2020-01-02"]) != 2 || len(rooms) != 2 {
		t.Fatalf("got rooms %+v, want one for each day and run", rooms)
	}
	path := harness.RoomPath(first[1].ID)
	var history models.Page[models.Message]
	c.Call("GET", path+"/messages?limit=200", nil).ExpectStatus(200).Decode(&history)
	var lines []string
	for _, m := range history.Items[:4] {
		lines = append(lines, m.Sender.DisplayName+": "+m.Text)
	}
	want := "anna: hello | |QuaD-: hi \ufffd\ufffd there | ann: second | QuaD-: I am the other one"
	if got := strings.Join(lines, " | "); got != want {
		t.Errorf("the history starts with\n%s, want\n%s", got, want)
	}
	if last := history.Items[len(history.Items)-1]; len(history.Items) != 46 || last.Text != "the end" {
		t.Errorf("got %d messages, the last is %+v", len(history.Items), last)
	}
	var members models.Page[models.Member]
	c.Call("GET", path+"/members?limit=200", nil).ExpectStatus(200).Decode(&members)
	names := map[string]bool{}
	for _, m := range members.Items {
		names[m.User.DisplayName] = true
	}
	if len(members.Items) != 13 || names["anna"] || names["ann"] || !names["3com"] || !names["the logger"] {
		t.Errorf("got %d members: %v", len(members.Items), names)
	}
}

func TestReplayStopsWhenInterrupted(t *testing.T) {
	t.Parallel()
	s := harness.StartServer(t, harness.NewSQLite(t))
	ctx, cancel := context.WithCancel(t.Context())
	proxy := harness.StartFaultyProxy(t, s.URL, &harness.FaultyProxy{OnSend: func(n int64) {
		if n == 5 {
			cancel()
		}
	}})
	defer cancel()
	c := replay.Config{Files: teaLogs(t), URL: proxy, Parallel: 2, Readers: 2}
	if err := replay.Run(ctx, c, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("got error %v", err)
	}
}
