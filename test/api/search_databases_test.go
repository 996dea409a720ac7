package api

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"golang.org/x/text/unicode/norm"

	"github.com/parley-chat/parley/migrations"
	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// alphabets are the characters of random texts: few letters of many scripts, so that words repeat, and separators.
var alphabets = [][]rune{
	[]rune("abAB1 "), []rune("éÉeèß \u0301"), []rune("яЯёЁй "), []rune("σςΣά "), []rune("اأبَّ٣ "),
	[]rune("אבּ "), []rune("四点茶かがカーｶﾞ "),
	[]rune("กินข้า"), []rune("한국각 "), []rune("कखि्ा\u200d "), []rune("a_%'\"\\&|!():*-~^/ "),
	[]rune("İıiI "), []rune("ﬁ½㎏ﷺⅳ "),
	[]rune("☕🎉\ufe0f\u200d\u200b\u00ad\u202e a"), []rune("\U00010400\U00010428𝐚𠮷\U0001E943 "),
	[]rune("\n\t\u3000\u00a0,.x"),
}

// randomText returns a random text with the letters of two alphabets.
func randomText(r *rand.Rand, longest int) string {
	letters := slices.Concat(alphabets[r.IntN(len(alphabets))], alphabets[r.IntN(len(alphabets))])
	var b strings.Builder
	for range 1 + r.IntN(longest) {
		b.WriteRune(letters[r.IntN(len(letters))])
	}
	return b.String()
}

// TestSearchIsTheSameOnBothDatabases sends random texts in many scripts to both databases, and compares the results of
// the same searches.
func TestSearchIsTheSameOnBothDatabases(t *testing.T) {
	harness.SkipIfShort(t)
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, seed))
	var both []*harness.Client
	var rooms []int64
	for _, database := range []string{harness.NewPostgres(t), harness.NewSQLite(t)} {
		c := harness.NewClient(t, harness.StartServer(t, database).URL).NewGuestNamed("anna")
		both, rooms = append(both, c), append(rooms, c.CreateRoom(models.NewRoom{Name: harness.Ptr("talk")}).ID)
	}
	var texts []string
	for range 300 {
		text := randomText(r, 24)
		for !models.IsVisible(text) {
			text = randomText(r, 24)
		}
		texts = append(texts, text)
		for i, c := range both {
			c.SendText(rooms[i], text)
		}
	}
	searchBoth := func(what, query string, must ...string) {
		path := "/messages/search?limit=200&" + url.Values{what: {query}}.Encode()
		var found [2][]string
		for i, c := range both {
			var page models.Page[models.Message]
			c.Call("GET", harness.RoomPath(rooms[i])+path, nil).ExpectStatus(200).Decode(&page)
			for _, m := range page.Items {
				found[i] = append(found[i], m.Text)
			}
			for _, text := range must {
				if page.NextCursor == "" && !slices.Contains(found[i], text) {
					t.Errorf("%s=%+q does not find %+q", what, query, text)
				}
			}
		}
		if !slices.Equal(found[0], found[1]) {
			t.Errorf("%s=%+q finds %+q on PostgreSQL and %+q on SQLite", what, query, found[0], found[1])
		}
	}
	for range 300 {
		text := texts[r.IntN(len(texts))]
		runes := []rune(text)
		start := string(runes[:1+r.IntN(len(runes))])
		// A start that cuts a letter from its accent need not find the text.
		if rest := text[len(start):]; rest == "" || norm.NFC.PropertiesString(rest).BoundaryBefore() {
			searchBoth("prefix", start, text)
		}
		searchBoth("prefix", swapCase(start))
		searchBoth("q", text)
		searchBoth("prefix", randomText(r, 3))
		searchBoth("q", randomText(r, 3))
	}
}

// swapCase returns the text in capitals, or in small letters if it is in capitals already.
func swapCase(s string) string {
	if upper := strings.ToUpper(s); upper != s {
		return upper
	}
	return strings.ToLower(s)
}

// TestSearchFindsMessagesOfOlderSchema searches a database whose rooms and messages are older than the word index.
func TestSearchFindsMessagesOfOlderSchema(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		anna := harness.NewClient(t, s.URL).NewGuestNamed("anna")
		room := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("Tearoom")})
		for _, text := range []string{"tea one", "tea two", "tea three"} {
			anna.SendText(room.ID, text)
		}
		deleted := anna.SendText(room.ID, "tea deleted")
		anna.Call("DELETE", harness.MessagePath(deleted), nil).ExpectStatus(204)
		s.Stop()
		migrateDown(t, database, 2)

		s = harness.StartServer(t, database)
		anna.URL = s.URL
		waitFor(t, func() bool { return len(searchByPrefix(anna, room.ID, "tea")) == 3 })
		wantFound(t, "words", searchByWords(anna, room.ID, "TEA"), "tea three", "tea two", "tea one")
		wantFound(t, "rooms", search(anna, "/v1/rooms/search", url.Values{"prefix": {"tea"}}, func(r models.Room) string {
			return r.Name
		}), "Tearoom")
	})
}

// TestReindexSurvivesKills upgrades a database of an earlier version, and kills the server a few times during the
// indexing: indexed messages stay indexed, and the next server continues.
func TestReindexSurvivesKills(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		const size, kills = 1500, 3
		s := harness.StartServer(t, database)
		anna := harness.NewClient(t, s.URL).NewGuestNamed("anna")
		room := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("talk")})
		fillRoom(t, s, anna, room.ID, size, nil)
		anna.SendText(room.ID, "Łódź 東京")
		s.Stop()
		migrateDown(t, database, 15)
		p := harness.LaunchProcess(t, database)
		left := int64(size + 1)
		for range kills {
			p.WaitReady()
			p.Kill()
			now := countUnindexed(t, database)
			if now > left {
				t.Errorf("got %d messages to index after %d", now, left)
			}
			left = now
			p.Launch()
		}
		p.WaitReady()
		waitFor(t, func() bool { return countUnindexed(t, database) == 0 })
		anna.URL = p.URL
		for _, words := range []string{"lodz", "東京"} {
			wantFound(t, words, searchByWords(anna, room.ID, words), "Łódź 東京")
		}
		found := 0
		for _, page := range harness.AllPages[models.Message](anna,
			harness.RoomPath(room.ID)+"/messages/search?q=str&limit=200") {
			found += len(page)
		}
		if found != size {
			t.Errorf("got %d messages, want %d", found, size)
		}
	})
}

// TestUnindexedMessagesSurviveKill kills the server before it has indexed what was sent. Searches of the next one find
// everything, before and after it has done so.
func TestUnindexedMessagesSurviveKill(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		const size = 150
		p := harness.LaunchProcess(t, database)
		p.WaitReady()
		anna := harness.NewClient(t, p.URL).NewGuestNamed("anna")
		room := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("talk")})
		for i := 0; i < size || count(t, database, waitingForIndex) == 0; i++ {
			anna.SendText(room.ID, fmt.Sprintf("tea word%dx", i))
		}
		p.Kill()
		sent := count(t, database, "SELECT count(*) FROM messages")
		if count(t, database, waitingForIndex) == 0 {
			t.Error("all messages were indexed before the server was killed")
		}
		p.Launch()
		p.WaitReady()
		anna.URL = p.URL
		check := func(when string) {
			t.Helper()
			found := map[int64]bool{}
			n := 0
			for _, page := range harness.AllPages[models.Message](anna,
				harness.RoomPath(room.ID)+"/messages/search?q=tea&limit=200") {
				for _, m := range page {
					found[m.ID] = true
					n++
				}
			}
			if len(found) != sent || n != sent {
				t.Errorf("%s, %d messages are found, %d times, want %d", when, len(found), n, sent)
			}
		}
		check("at once")
		waitFor(t, func() bool { return count(t, database, waitingForIndex) == 0 })
		check("indexed")
	})
}

// TestSearchAfterUpgradeOfIndex upgrades a database whose messages were indexed with their commit, on PostgreSQL in
// another table.
func TestSearchAfterUpgradeOfIndex(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		anna := harness.NewClient(t, s.URL).NewGuestNamed("anna")
		room := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("talk")})
		other := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("other")})
		anna.SendText(room.ID, "tea one")
		edited, deleted := anna.SendText(room.ID, "tea two"), anna.SendText(room.ID, "tea three")
		anna.SendText(other.ID, "tea four")
		waitFor(t, func() bool { return count(t, database, waitingForIndex) == 0 })
		s.Stop()
		migrateDown(t, database, 16)

		s = harness.StartServer(t, database)
		anna.URL = s.URL
		if n := countUnindexed(t, database); n != 0 {
			t.Errorf("%d messages are indexed again", n)
		}
		wantFound(t, "old", searchByWords(anna, room.ID, "tea"), "tea three", "tea two", "tea one")
		anna.SendText(room.ID, "tea five")
		anna.Call("PATCH", harness.MessagePath(edited), models.MessageEdit{Text: "coffee two"}).ExpectStatus(200)
		anna.Call("DELETE", harness.MessagePath(deleted), nil).ExpectStatus(204)
		check := func(when string) {
			t.Helper()
			wantFound(t, when, searchByWords(anna, room.ID, "tea"), "tea five", "tea one")
			wantFound(t, when, searchByWords(anna, room.ID, "coffee"), "coffee two")
			wantFound(t, when, searchEverywhere(anna, "tea"), "tea five", "tea four", "tea one")
		}
		check("not all indexed")
		waitFor(t, func() bool { return count(t, database, waitingForIndex) == 0 })
		check("all indexed")
	})
}

// waitingForIndex is the number of events whose messages are not in the word index yet.
const waitingForIndex = "SELECT h.position - w.position FROM event_head h, word_index w"

// countUnindexed returns the number of messages that are not indexed by the current version of the rules.
func countUnindexed(t *testing.T, database string) int64 {
	t.Helper()
	return int64(count(t, database, "SELECT count(*) FROM messages WHERE index_version < 1 AND deleted_at = 0"))
}

// count returns the number that a query returns.
func count(t *testing.T, database, query string) (n int) {
	t.Helper()
	db, err := sql.Open(driverOf(database))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.QueryRow(query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// driverOf returns the name of a database's driver, and the address for it.
func driverOf(database string) (driver, address string) {
	if strings.HasPrefix(database, "postgres") {
		return "pgx", database
	}
	return "sqlite", database
}

// waitFor calls ready until it returns true.
func waitFor(t *testing.T, ready func() bool) {
	t.Helper()
	for end := time.Now().Add(harness.Timeout); !ready(); {
		if time.Now().After(end) {
			t.Fatal("not ready in time")
		}
	}
}

// migrateDown migrates a database down to the schema of a version.
func migrateDown(t *testing.T, database string, version int64) {
	t.Helper()
	dialect, folder := goose.DialectSQLite3, "sqlite"
	if strings.HasPrefix(database, "postgres") {
		dialect, folder = goose.DialectPostgres, "postgres"
	}
	db, err := sql.Open(driverOf(database))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	files, err := fs.Sub(migrations.FS, folder)
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(dialect, db, files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.DownTo(context.Background(), version); err != nil {
		t.Fatal(err)
	}
}
