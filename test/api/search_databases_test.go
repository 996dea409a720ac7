package api

import (
	"context"
	"database/sql"
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

// alphabets are what random texts are made of: few letters of many scripts, so that words meet, and what stands between.
var alphabets = [][]rune{
	[]rune("abAB1 "), []rune("éÉeèß \u0301"), []rune("яЯёЁй "), []rune("σςΣά "), []rune("اأبَّ٣ "), []rune("אבּ "), []rune("四点茶かがカーｶﾞ "),
	[]rune("กินข้า"), []rune("한국각 "), []rune("कखि्ा\u200d "), []rune("a_%'\"\\&|!():*-~^/ "), []rune("İıiI "), []rune("ﬁ½㎏ﷺⅳ "),
	[]rune("☕🎉\ufe0f\u200d\u200b\u00ad\u202e a"), []rune("\U00010400\U00010428𝐚𠮷\U0001E943 "), []rune("\n\t\u3000\u00a0,.x"),
}

func randomText(r *rand.Rand, longest int) string {
	letters := slices.Concat(alphabets[r.IntN(len(alphabets))], alphabets[r.IntN(len(alphabets))])
	var b strings.Builder
	for range 1 + r.IntN(longest) {
		b.WriteRune(letters[r.IntN(len(letters))])
	}
	return b.String()
}

// TestSearchIsTheSameOnBothDatabases puts random texts in many scripts into both and asks both the same.
func TestSearchIsTheSameOnBothDatabases(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, seed))
	var both []*harness.Client
	var rooms []int64
	for _, database := range []string{harness.NewPostgres(t), harness.NewSQLite(t)} {
		c := harness.NewClient(t, harness.StartServer(t, database).URL).Guest("anna")
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
	ask := func(what, query string, must ...string) {
		path := "/messages/search?limit=200&" + url.Values{what: {query}}.Encode()
		var answers [2][]string
		for i, c := range both {
			var page models.Page[models.Message]
			c.Call("GET", harness.RoomPath(rooms[i])+path, nil).ExpectStatus(200).Decode(&page)
			for _, m := range page.Items {
				answers[i] = append(answers[i], m.Text)
			}
			for _, text := range must {
				if page.NextCursor == "" && !slices.Contains(answers[i], text) {
					t.Errorf("%s=%+q does not find %+q", what, query, text)
				}
			}
		}
		if !slices.Equal(answers[0], answers[1]) {
			t.Errorf("%s=%+q finds %+q on PostgreSQL and %+q on SQLite", what, query, answers[0], answers[1])
		}
	}
	for range 300 {
		text := texts[r.IntN(len(texts))]
		runes := []rune(text)
		start := string(runes[:1+r.IntN(len(runes))])
		if rest := text[len(start):]; rest == "" || norm.NFC.PropertiesString(rest).BoundaryBefore() { // no letter is cut from its accent
			ask("prefix", start, text)
		}
		ask("prefix", swapCase(start))
		ask("q", text)
		ask("prefix", randomText(r, 3))
		ask("q", randomText(r, 3))
	}
}

func swapCase(s string) string {
	if upper := strings.ToUpper(s); upper != s {
		return upper
	}
	return strings.ToLower(s)
}

// TestSearchFindsWhatIsOlder searches a database whose rooms and messages were made before it could be searched.
func TestSearchFindsWhatIsOlder(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		anna := harness.NewClient(t, s.URL).Guest("anna")
		room := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("Tearoom")})
		for _, text := range []string{"tea one", "tea two", "tea three"} {
			anna.SendText(room.ID, text)
		}
		gone := anna.SendText(room.ID, "tea gone")
		anna.Call("DELETE", harness.MessagePath(gone), nil).ExpectStatus(204)
		s.Stop()
		migrateDown(t, database, 2)

		s = harness.StartServer(t, database)
		anna.URL = s.URL
		waitFor(t, func() bool { return len(searchByStart(anna, room.ID, "tea")) == 3 })
		wantFound(t, "words", searchByWords(anna, room.ID, "TEA"), "tea three", "tea two", "tea one")
		wantFound(t, "rooms", search(anna, "/v1/rooms/search", url.Values{"prefix": {"tea"}}, func(r models.Room) string {
			return r.Name
		}), "Tearoom")
	})
}

// TestReindexSurvivesKills updates a database that was written by a version before, and kills the server whenever it is
// ready, a few times in the midst of indexing: what is done stays done, and the next one goes on.
func TestReindexSurvivesKills(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		const size, kills = 1500, 3
		s := harness.StartServer(t, database)
		anna := harness.NewClient(t, s.URL).Guest("anna")
		room := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("talk")})
		fillLarge(t, s, anna, room.ID, size, nil)
		anna.SendText(room.ID, "Łódź 東京")
		s.Stop()
		migrateDown(t, database, 15)
		p := harness.LaunchProcess(t, database)
		left := int64(size + 1)
		for range kills {
			p.WaitReady()
			p.Kill()
			now := toReindex(t, database)
			if now > left {
				t.Errorf("%d are left of %d", now, left)
			}
			left = now
			p.Launch()
		}
		p.WaitReady()
		waitFor(t, func() bool { return toReindex(t, database) == 0 })
		anna.URL = p.URL
		for _, words := range []string{"lodz", "東京"} {
			wantFound(t, words, searchByWords(anna, room.ID, words), "Łódź 東京")
		}
		found := 0
		for _, page := range harness.AllPages[models.Message](anna, harness.RoomPath(room.ID)+"/messages/search?q=str&limit=200") {
			found += len(page)
		}
		if found != size {
			t.Errorf("%d of %d are found", found, size)
		}
	})
}

// toReindex is how many messages are not indexed by the rules of today.
func toReindex(t *testing.T, database string) (n int64) {
	t.Helper()
	db, err := sql.Open(driverOf(database))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.QueryRow("SELECT count(*) FROM messages WHERE index_version < 1 AND deleted_at = 0").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// driverOf is the name of a database's driver, and the address for it.
func driverOf(database string) (driver, address string) {
	if strings.HasPrefix(database, "postgres") {
		return "pgx", database
	}
	return "sqlite", database
}

// waitFor asks until the answer is yes.
func waitFor(t *testing.T, ready func() bool) {
	t.Helper()
	for end := time.Now().Add(harness.Timeout); !ready(); {
		if time.Now().After(end) {
			t.Fatal("waited in vain")
		}
	}
}

// migrateDown takes the database back to the schema of a version.
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
