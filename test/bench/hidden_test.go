package bench

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// hiddenRequest is a request whose response must not reveal whether its object is hidden or does not exist, not even by
// the response time.
type hiddenRequest struct {
	name, method    string
	hidden, other   string // the two paths: of a hidden object, and of one that does not exist
	body, otherBody any    // the two bodies; otherBody is nil if they are the same
	status          int
	pairs           int // of requests in one round
}

// BenchmarkUnknown measures requests for hidden objects and, in turns with them, the same requests for objects that do
// not exist. If the ratio of the two medians is near 1, the response time does not reveal which of the two it was.
func BenchmarkUnknown(b *testing.B) {
	for _, d := range []struct {
		name string
		make func(testing.TB) string
	}{{"sqlite", harness.NewSQLite}, {"postgres", harness.NewPostgres}} {
		b.Run(d.name, func(b *testing.B) {
			c := harness.NewClient(b, harness.StartServer(b, d.make(b), "--rate-limit", "off").URL)
			stranger := c.NewGuestNamed("stranger")
			for _, w := range append(hiddenRoomRequests(c), hiddenObjectRequests(c, stranger)...) {
				b.Run(w.name, func(b *testing.B) { w.measure(b, stranger) })
			}
			for _, w := range hiddenAccountRequests(c) {
				b.Run(w.name, func(b *testing.B) { w.measure(b, c) })
			}
		})
	}
}

// hiddenRoomRequests returns requests about a private room with much content.
func hiddenRoomRequests(c *harness.Client) (all []hiddenRequest) {
	owner := c.NewGuestNamed("owner")
	room := owner.CreateRoom(models.NewRoom{Handle: harness.Ptr("hidden-room"), Kind: harness.Ptr(models.RoomPrivate)})
	for i := range 100 {
		owner.AddMember(room.ID, c.NewGuestNamed(fmt.Sprintf("member%d", i)), models.RoleMember)
	}
	for i := range 300 {
		owner.SendText(room.ID, fmt.Sprintf("the words of message %d", i))
	}
	owner.Call("PUT", harness.RoomPath(room.ID)+"/pins/1", nil).ExpectStatus(200)
	for _, r := range []struct {
		method, path string
		body         any
	}{
		{"GET", "", nil},
		{"GET", "/members", nil},
		{"GET", "/bans", nil},
		{"GET", "/invites", nil},
		{"GET", "/messages", nil},
		{"GET", "/messages?around=150", nil},
		{"GET", "/messages/150", nil},
		{"GET", "/messages/search?q=words", nil},
		{"GET", "/messages/search?prefix=the", nil},
		{"GET", "/pins", nil},
		{"PATCH", "", models.RoomChange{Name: harness.Ptr("x")}},
		{"PUT", "/members/me", nil},
		{"PUT", "/read", models.ReadMark{MessageID: 1}},
		{"POST", "/typing", nil},
		{"POST", "/messages", models.NewMessage{Text: "x"}},
		{"PATCH", "/messages/150", models.MessageEdit{Text: "x"}},
	} {
		all = append(all, hiddenRequest{
			name: r.method + " room" + r.path, method: r.method, body: r.body, status: 404, pairs: 100,
			hidden: harness.RoomPath(room.ID) + r.path, other: harness.RoomPath(room.ID+1_000_000) + r.path,
		})
	}
	return append(all,
		hiddenRequest{
			name: "GET room by handle", method: "GET", status: 404, pairs: 100,
			hidden: harness.HandlePath("hidden-room"), other: harness.HandlePath("absent-room"),
		},
		hiddenRequest{
			name: "POST to target", method: "POST", hidden: "/v1/messages", other: "/v1/messages", status: 404, pairs: 100,
			body:      models.TargetedMessage{Target: "#hidden-room", NewMessage: models.NewMessage{Text: "x"}},
			otherBody: models.TargetedMessage{Target: "#absent-room", NewMessage: models.NewMessage{Text: "x"}},
		})
}

// hiddenObjectRequests returns requests about another user's session and stream.
func hiddenObjectRequests(c, caller *harness.Client) []hiddenRequest {
	other := c.NewGuestNamed("other")
	room := harness.RoomPath(caller.CreateRoom(models.NewRoom{Name: harness.Ptr("own")}).ID) + "/presence/"
	return []hiddenRequest{
		{
			name: "DELETE session", method: "DELETE", status: 204, pairs: 100,
			hidden: "/v1/sessions/" + other.SessionID, other: "/v1/sessions/" + rand.Text(),
		},
		{
			name: "PUT presence", method: "PUT", status: 404, pairs: 100,
			hidden: room + other.OpenStream("").Ready.StreamID, other: room + rand.Text(),
		},
	}
}

// hiddenAccountRequests returns log-in attempts for existing and missing users, without the right password.
func hiddenAccountRequests(c *harness.Client) (all []hiddenRequest) {
	credentials := func(name string) models.Credentials {
		return models.Credentials{Username: name, Password: "not the password"}
	}
	c.SignUp("account", harness.Password)
	c.NewGuestNamed("guest")
	for _, name := range []string{"account", "guest"} {
		all = append(all, hiddenRequest{
			name: "log-in of the " + name, method: "POST", hidden: "/v1/sessions", other: "/v1/sessions", status: 401, pairs: 5,
			body: credentials(name), otherBody: credentials("nobody"),
		})
	}
	return all
}

// measure runs rounds of both requests in turns.
func (w hiddenRequest) measure(b *testing.B, by *harness.Client) {
	instead := w.otherBody
	if instead == nil {
		instead = w.body
	}
	var figures pair
	for b.Loop() {
		var hidden, unknown series
		for i := range 2 * w.pairs {
			// The order changes with each pair, because the second request of a pair benefits from warm caches.
			if i%4 == 0 || i%4 == 3 {
				hidden = append(hidden, w.duration(by, w.hidden, w.body))
			} else {
				unknown = append(unknown, w.duration(by, w.other, instead))
			}
		}
		figures.add(hidden.median(), unknown.median())
	}
	figures.report(b, "hidden-ms", "unknown-ms", "hidden/unknown")
}

// duration returns how long a request takes, in milliseconds.
func (w hiddenRequest) duration(by *harness.Client, path string, body any) float64 {
	begin := time.Now()
	a := by.Send(w.method, path, body)
	took := time.Since(begin)
	a.ExpectStatus(w.status)
	return float64(took.Microseconds()) / 1000
}
