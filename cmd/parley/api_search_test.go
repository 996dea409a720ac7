package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

// search asks path with a query and answers the items' own words, over all pages of two.
func search[T any](c *client, path string, query url.Values, word func(T) string) []string {
	c.t.Helper()
	found := []string{}
	query.Set("limit", "2")
	for {
		var page models.Page[T]
		c.call("GET", path+"?"+query.Encode(), nil).status(200).into(&page)
		if len(page.Items) > 2 || len(page.Items) == 0 && len(found) > 0 {
			c.t.Fatalf("a page of %d", len(page.Items))
		}
		for _, item := range page.Items {
			found = append(found, word(item))
		}
		if page.NextCursor == "" {
			return found
		}
		query.Set("cursor", page.NextCursor)
	}
}

func wantFound(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: found %q, want %q", what, got, want)
	}
}

func textOf(m models.Message) string { return m.Text }

func (c *client) byStart(roomID int64, prefix string) []string {
	c.t.Helper()
	return search(c, roomPath(roomID)+"/messages/search", url.Values{"prefix": {prefix}}, textOf)
}

func (c *client) byWords(roomID int64, q string) []string {
	c.t.Helper()
	return search(c, roomPath(roomID)+"/messages/search", url.Values{"q": {q}}, textOf)
}

func (c *client) anywhere(q string) []string {
	c.t.Helper()
	return search(c, "/v1/search", url.Values{"q": {q}}, textOf)
}

func TestSearchByStart(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		anna := newClient(t, startServer(t, database).url).guest("anna")
		room := anna.room(models.NewRoom{Name: ptr("talk")})
		other := anna.room(models.NewRoom{Name: ptr("other")})
		anna.say(other.ID, "Tea elsewhere")
		for _, text := range []string{
			"Tea at four", "tea, at five", "a tea", "100% sure", "1000 sure", "a_b", "axb", " space", "Straße", "STRASSE 2", "éclair", "eclair",
		} {
			anna.say(room.ID, text)
		}
		for _, c := range []struct {
			prefix string
			want   []string
		}{
			{"TEA", []string{"tea, at five", "Tea at four"}},
			{"tea at", []string{"Tea at four"}},
			{"100%", []string{"100% sure"}},
			{"%", nil},
			{"_", nil},
			{"a_", []string{"a_b"}},
			{"a", []string{"axb", "a_b", "a tea"}},
			{" ", []string{" space"}},
			{"strasse", []string{"STRASSE 2", "Straße"}},
			{"É", []string{"éclair"}},
			{"e", []string{"eclair"}},
			{"\U0010FFFF", nil},
		} {
			wantFound(t, c.prefix, anna.byStart(room.ID, c.prefix), c.want...)
		}
	})
}

func TestSearchByWords(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		anna := newClient(t, startServer(t, database).url).guest("anna")
		room := anna.room(models.NewRoom{Name: ptr("talk")})
		for _, text := range []string{
			"Tea at four?", "four o'clock TEA; bring cake", "teatime", "100% wool_socks", "Crème brûlée", "Größe", "四点喝茶吗", "Привет, Ёж!",
			"مَرْحَبًا", "co\u00ADoperate", "ﬁne ｗｉｄｅ", "がぎ", "'quoted' \"words\" \\ & | ! ( : *", "☕️ 🎉",
		} {
			anna.say(room.ID, text)
		}
		for _, c := range []struct {
			words string
			want  []string
		}{
			{"tea four", []string{"four o'clock TEA; bring cake", "Tea at four?"}},
			{"FOUR, tea!", []string{"four o'clock TEA; bring cake", "Tea at four?"}},
			{"tea cake", []string{"four o'clock TEA; bring cake"}},
			{"te", []string{"teatime", "four o'clock TEA; bring cake", "Tea at four?"}},
			{"at", []string{"Tea at four?"}},
			{"%", nil},
			{"100%", []string{"100% wool_socks"}},
			{"socks", []string{"100% wool_socks"}},
			{"creme BRULEE", []string{"Crème brûlée"}},
			{"grösse", []string{"Größe"}},
			{"喝茶", []string{"四点喝茶吗"}},
			{"привет еж", []string{"Привет, Ёж!"}},
			{"مرحبا", []string{"مَرْحَبًا"}},
			{"cooperate", []string{"co\u00ADoperate"}},
			{"fine wide", []string{"ﬁne ｗｉｄｅ"}},
			{"か", nil},
			{"が", []string{"がぎ"}},
			{`"words" OR quoted*`, nil},
			{"quot", []string{"'quoted' \"words\" \\ & | ! ( : *"}},
			{`words:"quoted`, []string{"'quoted' \"words\" \\ & | ! ( : *"}},
			{"🎉", []string{"☕️ 🎉"}},
		} {
			wantFound(t, c.words, anna.byWords(room.ID, c.words), c.want...)
			wantFound(t, c.words+" anywhere", anna.anywhere(c.words), c.want...)
		}
	})
}

// TestSearchFollowsMessages edits, deletes and clears what was found.
func TestSearchFollowsMessages(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		anna := newClient(t, startServer(t, database).url).guest("anna")
		room := anna.room(models.NewRoom{Name: ptr("talk")})
		find := func(want ...string) {
			t.Helper()
			wantFound(t, "start", anna.byStart(room.ID, "tea"), want...)
			wantFound(t, "words", anna.byWords(room.ID, "tea"), want...)
			wantFound(t, "anywhere", anna.anywhere("tea"), want...)
		}
		first, second := anna.say(room.ID, "tea one"), anna.say(room.ID, "tea two")
		find("tea two", "tea one")
		anna.call("PATCH", messagePath(first), models.MessageEdit{Text: "tea new"}).status(200)
		find("tea two", "tea new")
		anna.call("PATCH", messagePath(first), models.MessageEdit{Text: "coffee"}).status(200)
		find("tea two")
		wantFound(t, "the new text", anna.byWords(room.ID, "coffee"), "coffee")
		anna.call("DELETE", messagePath(second), nil).status(204)
		find()
		anna.say(room.ID, "tea three")
		find("tea three")
		anna.call("DELETE", roomPath(room.ID)+"/messages", nil).status(204)
		find()
		wantFound(t, "after the clearing", anna.anywhere("coffee"))
		anna.say(room.ID, "tea four")
		find("tea four")
	})
}

// TestSearchFindsOnlyWhatMayBeRead asks as each kind of caller.
func TestSearchFindsOnlyWhatMayBeRead(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		anna := newClient(t, startServer(t, database).url).guest("anna")
		boris, carla := anna.guest("boris"), anna.guest("carla")
		open := anna.room(models.NewRoom{Name: ptr("open")})
		closed := anna.room(models.NewRoom{Name: ptr("closed"), Kind: ptr(models.RoomPrivate)})
		anna.say(open.ID, "tea open")
		anna.say(closed.ID, "tea closed")
		wantFound(t, "a member", anna.anywhere("tea"), "tea closed", "tea open")
		wantFound(t, "nobody's member", boris.anywhere("tea"))
		wantFound(t, "a reader of a public room", boris.byWords(open.ID, "tea"), "tea open")
		for _, query := range []string{"?q=tea", "?prefix=tea"} {
			boris.call("GET", roomPath(closed.ID)+"/messages/search"+query, nil).problem(404, models.CodeNotFound)
		}
		carla.join(open.ID)
		wantFound(t, "a member of one", carla.anywhere("tea"), "tea open")
		anna.call("PUT", fmt.Sprintf("%s/bans/%d", roomPath(open.ID), carla.User.ID), map[string]any{}).status(200)
		wantFound(t, "a banned one", carla.anywhere("tea"))
		carla.call("GET", roomPath(open.ID)+"/messages/search?q=tea", nil).problem(403, models.CodeBanned)
		anna.call("DELETE", roomPath(open.ID), nil).status(204)
		wantFound(t, "a room deleted", anna.anywhere("tea"), "tea closed")
		newClient(t, anna.url).call("GET", "/v1/search?q=tea", nil).problem(401, models.CodeUnauthenticated)
	})
}

// TestSearchAllGoesByTime spreads messages over rooms; pages must not lose one, nor show one twice.
func TestSearchAllGoesByTime(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		anna := newClient(t, startServer(t, database).url).guest("anna")
		var rooms []models.Room
		for i := range 70 { // more than are searched at once
			rooms = append(rooms, anna.room(models.NewRoom{Name: ptr(fmt.Sprint("room", i)), Subject: ptr(fmt.Sprint("order-", i))}))
		}
		var sent []models.Message
		for i := range 140 {
			sent = append(sent, anna.say(rooms[i*37%len(rooms)].ID, fmt.Sprintf("message %d", i)))
		}
		slices.SortFunc(sent, func(a, b models.Message) int {
			return -slices.Compare([]int64{a.CreatedAt.Millis(), a.RoomID, a.ID}, []int64{b.CreatedAt.Millis(), b.RoomID, b.ID})
		})
		want := []string{}
		for _, m := range sent {
			want = append(want, m.Subject+": "+m.Text)
		}
		wantFound(t, "all", search(anna, "/v1/search", url.Values{"q": {"message"}}, func(m models.Message) string {
			return m.Subject + ": " + m.Text
		}), want...)
	})
}

func TestSearchUsers(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		nobody := newClient(t, startServer(t, database).url)
		for _, name := range []string{"Anna", "annika", "Anton", "bob", "Änne", "аня", "ann_x", "ann-x", "annX"} {
			nobody.guest(name)
		}
		anna := nobody.guest("searcher")
		for _, c := range []struct {
			prefix string
			want   []string
		}{
			{"ann", []string{"ann-x", "ann_x", "Anna", "annika", "annX"}},
			{"ＡＮＴ", []string{"Anton"}},
			{"ä", []string{"Änne"}},
			{"А", []string{"аня"}},
			{"b", []string{"bob"}},
			{"%", nil},
			{"ann_", []string{"ann_x"}},
			{"zz", nil},
		} {
			wantFound(t, c.prefix, search(anna, "/v1/users", url.Values{"prefix": {c.prefix}}, func(u models.User) string {
				return u.Username
			}), c.want...)
		}
		anna.wrong("GET", "/v1/users", nil).problem(400, models.CodeInvalidRequest)
		anna.wrong("GET", "/v1/users?prefix=", nil).problem(400, models.CodeInvalidRequest)
		anna.wrong("GET", "/v1/users?prefix="+strings.Repeat("a", 33), nil).problem(400, models.CodeInvalidRequest)
		nobody.call("GET", "/v1/users?prefix=a", nil).problem(401, models.CodeUnauthenticated)
	})
}

func TestSearchRooms(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		anna := newClient(t, startServer(t, database).url).guest("anna")
		boris := anna.guest("boris")
		for _, r := range []models.NewRoom{
			{Handle: ptr("Tea"), Name: ptr("Teatime")},
			{Handle: ptr("tea-house")},
			{Handle: ptr("coffee"), Name: ptr("TEA is for others")},
			{Name: ptr("Tea, plain"), Subject: ptr("order-1")},
			{Name: ptr("Tea, plain"), Subject: ptr("order-2")},
			{Name: ptr("tea in private"), Kind: ptr(models.RoomPrivate)},
			{Name: ptr("100% tea")},
			{Handle: ptr("green_tea")},
		} {
			anna.room(r)
		}
		label := func(r models.Room) string {
			label := r.Handle + "|" + r.Name + "|" + r.Subject
			if r.Membership != nil {
				label += "|" + string(r.Membership.Role)
			}
			return label
		}
		find := func(c *client, query url.Values, want ...string) {
			t.Helper()
			wantFound(t, query.Encode(), search(c, "/v1/rooms/search", query, label), want...)
		}
		find(boris, url.Values{"prefix": {"tEA"}}, "Tea|Teatime|", "tea-house||", "coffee|TEA is for others|", "|Tea, plain|order-1", "|Tea, plain|order-2")
		find(anna, url.Values{"prefix": {"tea-"}}, "tea-house|||owner")
		find(boris, url.Values{"prefix": {"tea"}, "subject": {"order-2"}}, "|Tea, plain|order-2")
		find(boris, url.Values{"subject": {"order-1"}}, "|Tea, plain|order-1")
		find(boris, url.Values{"prefix": {"100%"}}, "|100% tea|")
		find(boris, url.Values{"prefix": {"%"}})
		find(boris, url.Values{"prefix": {"green_"}}, "green_tea||")
		find(boris, url.Values{}, "coffee|TEA is for others|", "green_tea||", "Tea|Teatime|", "tea-house||",
			"|100% tea|", "|Tea, plain|order-1", "|Tea, plain|order-2")

		anna.call("PUT", named("tea-house")+"/bans/@boris", map[string]any{}).status(200)
		find(boris, url.Values{"prefix": {"tea-"}})
		anna.call("PATCH", named("coffee"), models.RoomChange{Name: ptr("Cocoa")}).status(200)
		find(boris, url.Values{"prefix": {"tea is"}})
		find(boris, url.Values{"prefix": {"COCO"}}, "coffee|Cocoa|")
		anna.call("DELETE", named("coffee"), nil).status(204)
		find(boris, url.Values{"prefix": {"coco"}})
		boris.wrong("GET", "/v1/rooms/search?prefix=", nil).problem(400, models.CodeInvalidRequest)
		boris.wrong("GET", "/v1/rooms/search?prefix="+strings.Repeat("a", 129), nil).problem(400, models.CodeInvalidRequest)
	})
}

// TestSearchRefuses what the contract does not allow, and cursors that are none.
func TestSearchRefuses(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		anna := newClient(t, startServer(t, database).url).guest("anna")
		room := roomPath(anna.room(models.NewRoom{Name: ptr("talk")}).ID) + "/messages/search"
		long := strings.Repeat("a", models.MaxSearchLength+1)
		for _, path := range []string{
			room, room + "?q=a&prefix=b", room + "?q=", room + "?prefix=", room + "?q=" + long, room + "?prefix=" + long, room + "?q=a&limit=0",
			"/v1/search", "/v1/search?q=", "/v1/search?q=" + long, "/v1/search?q=a&limit=201",
		} {
			anna.wrong("GET", path, nil).problem(400, models.CodeInvalidRequest)
		}
		for _, cursor := range []string{
			"x", "MTox", "MTo", "OTIyMzM3MjAzNjg1NDc3NTgwNzoxLzE", "LTE6MS8x", "MTowLzA", "MTotOTIyMzM3MjAzNjg1NDc3NTgwOC8x",
			"LTkyMjMzNzIwMzY4NTQ3NzU4MDg6MQ", "NTox", "MToxOg", "MDphOmI",
		} {
			for _, path := range []string{room + "?q=a", room + "?prefix=a", "/v1/search?q=a", "/v1/rooms/search?prefix=a", "/v1/users?prefix=a"} {
				a := anna.call("GET", path+"&cursor="+cursor, nil)
				if a.response.StatusCode != 200 {
					a.problem(400, models.CodeInvalidRequest)
				}
			}
		}
	})
}
