package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// search reads all pages of a search, two items each, and returns a text of each item.
func search[T any](c *harness.Client, path string, query url.Values, word func(T) string) []string {
	c.T.Helper()
	found := []string{}
	query.Set("limit", "2")
	for {
		var page models.Page[T]
		c.Call("GET", path+"?"+query.Encode(), nil).ExpectStatus(200).Decode(&page)
		if len(page.Items) > 2 || len(page.Items) == 0 && len(found) > 0 {
			c.T.Fatalf("got a page of %d items", len(page.Items))
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

// wantFound compares the texts of found items, in order.
func wantFound(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// textOf returns the text of a message.
func textOf(m models.Message) string { return m.Text }

// searchByPrefix returns the texts of a room's messages that begin with a prefix.
func searchByPrefix(c *harness.Client, roomID int64, prefix string) []string {
	c.T.Helper()
	return search(c, harness.RoomPath(roomID)+"/messages/search", url.Values{"prefix": {prefix}}, textOf)
}

// searchByWords returns the texts of a room's messages that have the words.
func searchByWords(c *harness.Client, roomID int64, q string) []string {
	c.T.Helper()
	return search(c, harness.RoomPath(roomID)+"/messages/search", url.Values{"q": {q}}, textOf)
}

// searchEverywhere returns the texts of the messages in all the user's rooms that have the words.
func searchEverywhere(c *harness.Client, q string) []string {
	c.T.Helper()
	return search(c, "/v1/search", url.Values{"q": {q}}, textOf)
}

func TestSearchByPrefix(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		anna := harness.NewClient(t, harness.StartServer(t, database).URL).NewGuestNamed("anna")
		room := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("talk")})
		other := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("other")})
		anna.SendText(other.ID, "Tea in another room")
		for _, text := range []string{
			"Tea at four", "tea, at five", "a tea", "100% sure", "1000 sure", "a_b", "axb", " space", "Straße", "STRASSE 2",
			"éclair", "eclair",
		} {
			anna.SendText(room.ID, text)
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
			wantFound(t, c.prefix, searchByPrefix(anna, room.ID, c.prefix), c.want...)
		}
	})
}

func TestSearchByWords(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		anna := harness.NewClient(t, harness.StartServer(t, database).URL).NewGuestNamed("anna")
		room := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("talk")})
		for _, text := range []string{
			"Tea at four?", "four o'clock TEA; bring cake", "teatime", "100% wool_socks", "Crème brûlée", "Größe",
			"四点喝茶吗", "Привет, Ёж!",
			"مَرْحَبًا", "co\u00ADoperate", "ﬁne ｗｉｄｅ", "がぎ", "'quoted' \"words\" \\ & | ! ( : *",
			"☕️ 🎉",
		} {
			anna.SendText(room.ID, text)
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
			wantFound(t, c.words, searchByWords(anna, room.ID, c.words), c.want...)
			wantFound(t, c.words+" anywhere", searchEverywhere(anna, c.words), c.want...)
		}
	})
}

// TestSearchFollowsChanges edits, deletes and clears found messages.
func TestSearchFollowsChanges(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		anna := harness.NewClient(t, harness.StartServer(t, database).URL).NewGuestNamed("anna")
		room := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("talk")})
		find := func(want ...string) {
			t.Helper()
			wantFound(t, "start", searchByPrefix(anna, room.ID, "tea"), want...)
			wantFound(t, "words", searchByWords(anna, room.ID, "tea"), want...)
			wantFound(t, "anywhere", searchEverywhere(anna, "tea"), want...)
		}
		first, second := anna.SendText(room.ID, "tea one"), anna.SendText(room.ID, "tea two")
		find("tea two", "tea one")
		anna.Call("PATCH", harness.MessagePath(first), models.MessageEdit{Text: "tea new"}).ExpectStatus(200)
		find("tea two", "tea new")
		anna.Call("PATCH", harness.MessagePath(first), models.MessageEdit{Text: "coffee"}).ExpectStatus(200)
		find("tea two")
		wantFound(t, "the new text", searchByWords(anna, room.ID, "coffee"), "coffee")
		anna.Call("DELETE", harness.MessagePath(second), nil).ExpectStatus(204)
		find()
		anna.SendText(room.ID, "tea three")
		find("tea three")
		anna.Call("DELETE", harness.RoomPath(room.ID)+"/messages", nil).ExpectStatus(204)
		find()
		wantFound(t, "after the history was cleared", searchEverywhere(anna, "coffee"))
		anna.SendText(room.ID, "tea four")
		find("tea four")
	})
}

// TestSearchFindsOnlyReadableMessages searches as members, outsiders and banned users.
func TestSearchFindsOnlyReadableMessages(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		anna := harness.NewClient(t, harness.StartServer(t, database).URL).NewGuestNamed("anna")
		boris, carla := anna.NewGuestNamed("boris"), anna.NewGuestNamed("carla")
		open := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("open")})
		closed := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("closed"), Kind: harness.Ptr(models.RoomPrivate)})
		anna.SendText(open.ID, "tea open")
		anna.SendText(closed.ID, "tea closed")
		wantFound(t, "a member", searchEverywhere(anna, "tea"), "tea closed", "tea open")
		wantFound(t, "a user without rooms", searchEverywhere(boris, "tea"))
		wantFound(t, "a reader of a public room", searchByWords(boris, open.ID, "tea"), "tea open")
		for _, query := range []string{"?q=tea", "?prefix=tea"} {
			boris.Call("GET", harness.RoomPath(closed.ID)+"/messages/search"+query, nil).ExpectProblem(404, models.CodeNotFound)
		}
		carla.JoinRoom(open.ID)
		wantFound(t, "a member of one room", searchEverywhere(carla, "tea"), "tea open")
		anna.Call("PUT", fmt.Sprintf("%s/bans/%d", harness.RoomPath(open.ID), carla.User.ID), map[string]any{}).
			ExpectStatus(200)
		wantFound(t, "a banned user", searchEverywhere(carla, "tea"))
		carla.Call("GET", harness.RoomPath(open.ID)+"/messages/search?q=tea", nil).ExpectProblem(403, models.CodeBanned)
		anna.Call("DELETE", harness.RoomPath(open.ID), nil).ExpectStatus(204)
		wantFound(t, "after the deletion of a room", searchEverywhere(anna, "tea"), "tea closed")
		harness.NewClient(t, anna.URL).Call("GET", "/v1/search?q=tea", nil).ExpectProblem(401, models.CodeUnauthenticated)
	})
}

// TestSearchEverywhereIsSortedByTime searches for messages of many rooms: the pages are sorted by time, and neither
// skip nor repeat a message.
func TestSearchEverywhereIsSortedByTime(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		anna := harness.NewClient(t, harness.StartServer(t, database).URL).NewGuestNamed("anna")
		var rooms []models.Room
		for i := range 70 { // more than are searched at once
			rooms = append(rooms, anna.CreateRoom(models.NewRoom{Name: harness.Ptr(fmt.Sprint("room", i)),
				Subject: harness.Ptr(fmt.Sprint("order-", i))}))
		}
		var sent []models.Message
		for i := range 140 {
			sent = append(sent, anna.SendText(rooms[i*37%len(rooms)].ID, fmt.Sprintf("message %d", i)))
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
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		nobody := harness.NewClient(t, harness.StartServer(t, database).URL)
		for _, name := range []string{"Anna", "annika", "Anton", "bob", "Änne", "аня", "ann_x", "ann-x", "annX"} {
			nobody.NewGuestNamed(name)
		}
		anna := nobody.NewGuestNamed("searcher")
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
		anna.CallInvalid("GET", "/v1/users", nil).ExpectProblem(400, models.CodeInvalidRequest)
		anna.CallInvalid("GET", "/v1/users?prefix=", nil).ExpectProblem(400, models.CodeInvalidRequest)
		anna.CallInvalid("GET", "/v1/users?prefix="+strings.Repeat("a", 33), nil).
			ExpectProblem(400, models.CodeInvalidRequest)
		nobody.Call("GET", "/v1/users?prefix=a", nil).ExpectProblem(401, models.CodeUnauthenticated)
	})
}

func TestSearchRooms(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		anna := harness.NewClient(t, harness.StartServer(t, database).URL).NewGuestNamed("anna")
		boris := anna.NewGuestNamed("boris")
		for _, r := range []models.NewRoom{
			{Handle: harness.Ptr("Tea"), Name: harness.Ptr("Teatime")},
			{Handle: harness.Ptr("tea-house")},
			{Handle: harness.Ptr("coffee"), Name: harness.Ptr("TEA is for others")},
			{Name: harness.Ptr("Tea, plain"), Subject: harness.Ptr("order-1")},
			{Name: harness.Ptr("Tea, plain"), Subject: harness.Ptr("order-2")},
			{Name: harness.Ptr("tea in private"), Kind: harness.Ptr(models.RoomPrivate)},
			{Name: harness.Ptr("100% tea")},
			{Handle: harness.Ptr("green_tea")},
		} {
			anna.CreateRoom(r)
		}
		label := func(r models.Room) string {
			label := r.Handle + "|" + r.Name + "|" + r.Subject
			if r.Membership != nil {
				label += "|" + string(r.Membership.Role)
			}
			return label
		}
		find := func(c *harness.Client, query url.Values, want ...string) {
			t.Helper()
			wantFound(t, query.Encode(), search(c, "/v1/rooms/search", query, label), want...)
		}
		find(boris, url.Values{"prefix": {"tEA"}}, "Tea|Teatime|", "tea-house||", "coffee|TEA is for others|",
			"|Tea, plain|order-1", "|Tea, plain|order-2")
		find(anna, url.Values{"prefix": {"tea-"}}, "tea-house|||owner")
		find(boris, url.Values{"prefix": {"tea"}, "subject": {"order-2"}}, "|Tea, plain|order-2")
		find(boris, url.Values{"subject": {"order-1"}}, "|Tea, plain|order-1")
		find(boris, url.Values{"prefix": {"100%"}}, "|100% tea|")
		find(boris, url.Values{"prefix": {"%"}})
		find(boris, url.Values{"prefix": {"green_"}}, "green_tea||")
		find(boris, url.Values{}, "coffee|TEA is for others|", "green_tea||", "Tea|Teatime|", "tea-house||",
			"|100% tea|", "|Tea, plain|order-1", "|Tea, plain|order-2")

		anna.Call("PUT", harness.HandlePath("tea-house")+"/bans/@boris", map[string]any{}).ExpectStatus(200)
		find(boris, url.Values{"prefix": {"tea-"}})
		anna.Call("PATCH", harness.HandlePath("coffee"), models.RoomChange{Name: harness.Ptr("Cocoa")}).ExpectStatus(200)
		find(boris, url.Values{"prefix": {"tea is"}})
		find(boris, url.Values{"prefix": {"COCO"}}, "coffee|Cocoa|")
		anna.Call("DELETE", harness.HandlePath("coffee"), nil).ExpectStatus(204)
		find(boris, url.Values{"prefix": {"coco"}})
		boris.CallInvalid("GET", "/v1/rooms/search?prefix=", nil).ExpectProblem(400, models.CodeInvalidRequest)
		boris.CallInvalid("GET", "/v1/rooms/search?prefix="+strings.Repeat("a", 129), nil).
			ExpectProblem(400, models.CodeInvalidRequest)
	})
}

// TestInvalidSearchesAreRefused sends searches that the contract does not allow, and invalid cursors.
func TestInvalidSearchesAreRefused(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		anna := harness.NewClient(t, harness.StartServer(t, database).URL).NewGuestNamed("anna")
		room := harness.RoomPath(anna.CreateRoom(models.NewRoom{Name: harness.Ptr("talk")}).ID) + "/messages/search"
		long := strings.Repeat("a", models.MaxSearchLength+1)
		for _, path := range []string{
			room, room + "?q=a&prefix=b", room + "?q=", room + "?prefix=", room + "?q=" + long, room + "?prefix=" + long,
			room + "?q=a&limit=0",
			"/v1/search", "/v1/search?q=", "/v1/search?q=" + long, "/v1/search?q=a&limit=201",
		} {
			anna.CallInvalid("GET", path, nil).ExpectProblem(400, models.CodeInvalidRequest)
		}
		for _, cursor := range []string{
			"x", "MTox", "MTo", "OTIyMzM3MjAzNjg1NDc3NTgwNzoxLzE", "LTE6MS8x", "MTowLzA", "MTotOTIyMzM3MjAzNjg1NDc3NTgwOC8x",
			"LTkyMjMzNzIwMzY4NTQ3NzU4MDg6MQ", "NTox", "MToxOg", "MDphOmI",
		} {
			for _, path := range []string{
				room + "?q=a", room + "?prefix=a", "/v1/search?q=a", "/v1/rooms/search?prefix=a", "/v1/users?prefix=a",
			} {
				a := anna.Call("GET", path+"&cursor="+cursor, nil)
				if a.HTTP.StatusCode != 200 {
					a.ExpectProblem(400, models.CodeInvalidRequest)
				}
			}
		}
	})
}
