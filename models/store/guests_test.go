package store

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// TestIdleGuestsAreDeleted: guests who signed in hours ago and have done nothing are deleted; guests who are online or
// have done anything stay.
func TestIdleGuestsAreDeleted(t *testing.T) {
	migrated.OnEach(t, testIdleGuests)
}

func testIdleGuests(t *testing.T, name string) {
	ctx := t.Context()
	s, err := Open(ctx, Config{
		Database: name, Retention: time.Hour, Lobby: "lobby", Log: slog.New(slog.DiscardHandler),
		Committed: func([]models.LogEntry) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	guests := map[string]models.Login{}
	for _, name := range []string{"idle", "idle-too", "online", "asks", "seen", "wrote", "joined", "reacted", "known",
		"owner"} {
		guests[name] = newGuest(t, s, name)
	}
	account := mustSignUp(t, s, models.NewAccount{Username: "account", PasswordHash: "x"})
	room, _, err := s.CreateRoom(ctx, guests["owner"].User.ID, models.NewRoom{Handle: text("room")}, nil)
	must(t, err)
	lobby := models.RoomPath{ID: s.lobbyID}
	said, _, err := s.Send(ctx, guests["wrote"].User.ID, lobby, models.NewMessage{Text: "hello"}, nil)
	must(t, err)
	_, _, err = s.Join(ctx, guests["joined"].User.ID, models.RoomPath{ID: room.ID})
	must(t, err)
	_, _, err = s.React(ctx, guests["reacted"].User.ID, lobby, said.Message.ID, "👍")
	must(t, err)
	_, _, err = s.AddContact(ctx, account.User.ID, models.UserPath{ID: guests["known"].User.ID})
	must(t, err)

	// All of that was seven hours ago, and one of them has sent a request since.
	const past = 7 * 3600_000
	must(t, s.writer.Exec("UPDATE users SET created_at = created_at - ?, last_seen_at = created_at - ?", past, past).Error)
	must(t, s.writer.Exec("UPDATE users SET last_seen_at = ? WHERE username = 'seen'", models.Now().Millis()).Error)
	must(t, s.writer.Exec("UPDATE sessions SET last_used_at = last_used_at - ? WHERE user_id <> ?", past,
		guests["asks"].User.ID).Error)
	fresh := newGuest(t, s, "fresh")
	(&testStore{s, t}).stopJanitor() // it runs this job too

	_, err = s.expireIdleGuests(ctx)
	must(t, err)
	if here := usernames(t, s); len(here) != len(guests)+2 {
		t.Errorf("before it is known which users are online: got guests %v", here)
	}
	s.Online(func(id int64) bool { return id == guests["online"].User.ID })
	for range 3 { // the second look is behind the last guest, the third at the first again
		_, err = s.expireIdleGuests(ctx)
		must(t, err)
	}
	want := []string{"account", "asks", "fresh", "joined", "known", "online", "owner", "reacted", "seen", "wrote"}
	if here := usernames(t, s); !slices.Equal(here, want) {
		t.Errorf("got guests %v, want %v", here, want)
	}
	testCountOfGuests(t, s, fresh)
}

// testCountOfGuests: guests count for their network until they are deleted or have an account.
func testCountOfGuests(t *testing.T, s *Store, fresh models.Login) {
	count := func(network string, most, want int) {
		t.Helper()
		if n, err := s.GuestsOf(t.Context(), network, most); err != nil || n != want {
			t.Errorf("network %q: got %d guests (%v), want %d", network, n, err, want)
		}
	}
	count("home", 100, 9)
	count("home", 5, 5)
	count("", 100, 0)
	count("elsewhere", 100, 0)
	_, err := s.UpgradeGuest(t.Context(), fresh.User.ID, models.NewAccount{Username: "upgraded", PasswordHash: "x"},
		newSession(), nil)
	must(t, err)
	count("home", 100, 8)
	linked := newGuest(t, s, "linked")
	must(t, s.writer.Exec("UPDATE users SET guest_network = 'abroad' WHERE id = ?", linked.User.ID).Error)
	count("abroad", 100, 1)
	must(t, s.Link(t.Context(), linked.User.ID, models.Person{Provider: "test", Issuer: "https://test",
		Subject: "linked"}))
	count("abroad", 100, 0)
	if err := s.UsernameFree(t.Context(), "UPGRADED", 0); !errors.Is(err, &models.Error{Code: models.CodeUsernameTaken}) {
		t.Errorf("got error %v for a name that is taken", err)
	}
	must(t, s.UsernameFree(t.Context(), "upgraded", fresh.User.ID))
	must(t, s.UsernameFree(t.Context(), "fresh", 0))
	if list, err := s.SessionAddresses(t.Context(), fresh.User.ID); err != nil || !slices.Equal(list,
		[]string{"2001:db8::1", "2001:db8::1"}) {
		t.Errorf("the sessions are from %v (%v)", list, err)
	}
}

// TestGuestsAreDeletedWithTheirSession: a guest is deleted when the last session is logged out or expires.
func TestGuestsAreDeletedWithTheirSession(t *testing.T) {
	s := openFilled(t, migrated.SQLite(t))
	s.committed = func([]models.LogEntry) {}
	ctx := context.Background()
	out, late, stays := newGuest(t, s, "out"), newGuest(t, s, "late"), newGuest(t, s, "stays")
	_, err := s.LogOut(ctx, out.User.ID, out.SessionID)
	must(t, err)
	if _, err := s.User(ctx, models.UserPath{ID: out.User.ID}); !isNotFound(err) {
		t.Errorf("after the log-out: got %v", err)
	}
	must(t, s.writer.Exec("UPDATE sessions SET expires_at = 1 WHERE user_id = ?", late.User.ID).Error)
	must(t, s.writer.Exec("UPDATE sessions SET revoked_at = 1 WHERE user_id = ?", stays.User.ID).Error)
	second := models.Login{}
	_, err = s.write(ctx, func(tx *transaction) error {
		second, err = insertSession(tx, stays.User, newSession())
		return err
	})
	must(t, err)
	_, err = s.expireGuests(ctx)
	must(t, err)
	if _, err := s.User(ctx, models.UserPath{ID: late.User.ID}); !isNotFound(err) {
		t.Errorf("after the session has expired: got %v", err)
	}
	must(t, s.CheckSession(ctx, models.Caller{UserID: stays.User.ID, SessionID: second.SessionID}))
}

func newGuest(t *testing.T, s *Store, name string) models.Login {
	t.Helper()
	return mustSignUp(t, s, models.NewAccount{Username: name, Guest: true, Network: "home"})
}

func mustSignUp(t *testing.T, s *Store, a models.NewAccount) models.Login {
	t.Helper()
	login, err := s.SignUp(t.Context(), a, newSession(), nil)
	must(t, err)
	return login
}

func newSession() models.NewSession {
	return models.NewSession{RefreshHash: rand.Text(), Device: models.Device{IP: "2001:db8::1"}}
}

func text(s string) *string { return &s }

func usernames(t *testing.T, s *Store) (list []string) {
	t.Helper()
	must(t, s.reader.Raw("SELECT username FROM users WHERE deleted_at = 0").Scan(&list).Error)
	slices.Sort(list)
	return list
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
