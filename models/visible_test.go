package models_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

// unseen are texts without visible characters.
var unseen = []string{
	" ", "\n\n", "\t", "\u00a0", "\u3000", "\u2028", "\u0085", "\x07", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff",
	"\u00ad", "\u034f",
	"\u061c", "\u115f\u1160", "\u17b4", "\u180b", "\u180e", "\u202e", "\u2066\u2069", "\u2800", "\u2800 \u2800", "\u3164",
	"\uffa0", "\ufe0f",
	"\ufe00\U000e0100", "\U000e0041\U000e007f", "\ufff9\ufffb", "\U0001d173", "\U0001bca0", "\U00013441", "\U0001d159",
	"\ufffe",
	" \u200b\u2800\n\u3164\ufe0f ",
}

// seen are texts with visible characters; some have invisible ones too.
var seen = []string{
	"a", "0", ".", "☐", "\u0301", "ⵏ", "한", "ㅤㄱ", "می\u200cخواهم", "👩\u200d💻", "❤\ufe0f", "1\ufe0f\u20e3",
	"🏴\U000e0067\U000e0062\U000e007f", "🏳\ufe0f\u200d🌈",
	"\u0600", "⠁", "🫩", "\ue000", "\u200ba\u200b",
}

func TestVisible(t *testing.T) {
	for _, text := range unseen {
		if models.IsVisible(text) {
			t.Errorf("%+q counts as visible", text)
		}
		for what, err := range map[string]error{
			"sent": models.NewMessage{Text: text}.Validate(), "edited": models.MessageEdit{Text: text}.Validate(),
			"to a target": models.TargetedMessage{Target: "@anna", NewMessage: models.NewMessage{Text: text}}.Validate(),
		} {
			if !errors.Is(err, &models.Error{Code: models.CodeInvalidRequest}) || !strings.Contains(err.Error(), "[text: ") {
				t.Errorf("%+q was accepted as %s: %v", text, what, err)
			}
		}
	}
	for _, text := range seen {
		if !models.IsVisible(text) {
			t.Errorf("%+q counts as invisible", text)
		}
		if err := (models.NewMessage{Text: text}).Validate(); err != nil {
			t.Errorf("%+q is refused as a message: %v", text, err)
		}
	}
	if err := (models.NewMessage{FileIDs: []string{"f_1"}}).Validate(); err != nil {
		t.Errorf("a message with only a file was refused: %v", err)
	}
}

func TestNicknames(t *testing.T) {
	refused := append([]string{
		"", "a\nb", "a\rb", "a\tb", "Anna\x07", "Anna\u202e", "\u202egnp.nimda", "Anna\u2066", "Anna\u200b", "An\u200cna",
		"Anna\u200d", "Anna\u00ad",
		"Anna\ufeff", "Anna\ufe0f", "Anna\U000e0041", "Anna\u3164", "a\u2028b", "Anna\x7f", "Anna\u0085", "Anna\u200f",
		"\ue000x", "An\xffna",
		"👩\u200d", "\u200d👩", "$\u200d$", "x|\u200d|", "+\ufe0f", "Bob$\U000e0068\U000e007f", "👨\ufe0f\ufe0f\ufe0f",
		"\u0308", "\u00a8",
	}, unseen...)
	for _, name := range refused {
		if shown, ok := models.Nickname(name); ok {
			t.Errorf("%+q was accepted as %+q", name, shown)
		}
	}
	for name, want := range map[string]string{
		"Anna": "Anna", " Anna \u3000 Meier ": "Anna Meier", "Anna\u00a0M": "Anna M", "Ａｎｎａ": "Anna", "zoe\u0308": "zoë",
		"ﬁnn":           "finn",
		"می\u200cخواهم": "می\u200cخواهم", "क्\u200dष": "क्\u200dष", "山田 太郎": "山田 太郎",
		"O'Neil, Jr. (№ 1)": "O'Neil, Jr. (No 1)",
		"👩\u200d💻 Ada":      "👩\u200d💻 Ada", "I ❤\ufe0f NY": "I ❤\ufe0f NY", "1\ufe0f\u20e3": "1\ufe0f\u20e3",
		"🏴\U000e0067\U000e0062\U000e007f": "🏴\U000e0067\U000e0062\U000e007f",
		"👨🏽\u200d🚒":                       "👨🏽\u200d🚒",
		"🙂\u200d↔\ufe0f":                  "🙂\u200d↔\ufe0f", "🫩": "🫩", "⠓⠊": "⠓⠊", "نور": "نور", "שלום": "שלום",
	} {
		shown, ok := models.Nickname(name)
		if !ok || shown != want {
			t.Errorf("%+q: got %+q, %t, want %+q", name, shown, ok, want)
		}
		if again, ok := models.Nickname(shown); !ok || again != shown {
			t.Errorf("normalizing %+q again returned %+q", shown, again)
		}
	}
}

// FuzzNickname checks what the display of names relies on: an accepted name has visible characters and no invisible
// ones, and normalizing it again does not change it.
func FuzzNickname(f *testing.F) {
	for _, seed := range append(seen, unseen...) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		shown, ok := models.Nickname(name)
		if !ok {
			return
		}
		if !models.IsVisible(shown) || strings.ContainsAny(shown, "\n\r\t\x00\u200b\u202e\u2066\u3164\ufeff") ||
			strings.TrimSpace(shown) != shown {
			t.Errorf("%+q was accepted as %+q", name, shown)
		}
	})
}

func TestReservedNames(t *testing.T) {
	refusedBy := func(err error) bool { return err != nil && strings.Contains(err.Error(), "[username: is reserved") }
	for _, name := range []string{
		"deleted", "Deleted", "DELETED", "ｄｅｌｅｔｅｄ", "admin", "ad.min", "admin_", "a-d-m-i-n", "adm1n", "admın", "system",
		"room", "r00m", "here", "me", "M_e",
		"everyone", "all", "a11", "channel", "moderator", "support", "supp0rt", "root", "parley",
	} {
		if err := (models.NewUser{Username: name, Password: "long enough"}).Validate(); !refusedBy(err) {
			t.Errorf("%q may sign up: %v", name, err)
		}
		if err := (models.Credentials{Username: name, Guest: true}).Validate(); !refusedBy(err) {
			t.Errorf("%q may be a guest: %v", name, err)
		}
		if err := (models.Credentials{Username: name, Password: "long enough"}).Validate(); err != nil {
			t.Errorf("an existing user named %q cannot log in: %v", name, err)
		}
	}
	for _, name := range []string{"ali", "admina", "admin2", "roomy", "mee", "delete", "heres", "annaroot", "ällie",
		"дмин"} {
		if err := (models.NewUser{Username: name, Password: "long enough"}).Validate(); err != nil {
			t.Errorf("%q is refused: %v", name, err)
		}
	}
}

func TestFreeTexts(t *testing.T) {
	text := func(s string) *string { return &s }
	for _, bad := range []string{"a\x07", "\x1b[31m", "a\u0085b", "a\x7f", "nul\x00"} {
		for what, v := range map[string]interface{ Validate() error }{
			"user's description":     models.ProfileChange{Description: text(bad)},
			"room's description":     models.RoomChange{Description: text(bad)},
			"new user's description": models.NewUser{Username: "anna", Password: "long enough", Description: text(bad)},
			"new room's description": models.NewRoom{Name: text("room"), Description: text(bad)},
			"subject":                models.NewRoom{Name: text("room"), Subject: text(bad)},
			"reason":                 models.NewBan{Reason: text(bad)},
		} {
			if v.Validate() == nil {
				t.Errorf("%s: %q was accepted", what, bad)
			}
		}
	}
	lines := "two\r\nlines\n\tand a tab"
	for _, v := range []interface{ Validate() error }{
		models.ProfileChange{Description: &lines}, models.RoomChange{Description: &lines}, models.NewBan{Reason: &lines},
		models.NewRoom{Name: text("room"), Description: text("")},
	} {
		if err := v.Validate(); err != nil {
			t.Errorf("%+v: %v", v, err)
		}
	}
	if (models.NewRoom{Name: text("room"), Subject: text("advert\n7")}).Validate() == nil {
		t.Error("a subject with two lines was accepted")
	}
}

func TestFileNamesAreVisible(t *testing.T) {
	for _, name := range unseen {
		if got := models.FileName(name); got != "file" {
			t.Errorf("%+q: got the file name %+q", name, got)
		}
	}
	for name, want := range map[string]string{
		"a\u2028b.txt": "a b.txt", "so\u00adft.txt": "soft.txt", "word\u2060.pdf": "word.pdf",
		"tag\U000e0041.txt": "tag.txt", "ㅤ.txt": ".txt",
		"می\u200cخواهم.txt": "می\u200cخواهم.txt", "❤\ufe0f.png": "❤\ufe0f.png", "x\u200b\u200d.png": "x\u200d.png",
		"\u3000a\u3000.txt": "a .txt",
	} {
		if got := models.FileName(name); got != want {
			t.Errorf("%+q: got the file name %+q, want %+q", name, got, want)
		}
	}
}
