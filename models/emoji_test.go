package models_test

import (
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

const (
	scotland = "🏴\U000E0067\U000E0062\U000E0073\U000E0063\U000E0074\U000E007F"
	// kiss is the longest emoji that Unicode recommends: people with skin tones.
	kiss = "👩🏻\u200d❤\ufe0f\u200d💋\u200d👨🏿"
)

// TestParseEmoji: all spellings of an emoji that clients send are normalized to one.
func TestParseEmoji(t *testing.T) {
	for want, spellings := range map[string][]string{
		"👍":                           {"👍", "👍\ufe0f"},
		"👍🏽":                          {"👍🏽", "👍\ufe0f🏽", "👍🏽\ufe0f"},
		"❤\ufe0f":                     {"❤", "❤\ufe0f", "❤\ufe0f\ufe0f"},
		"☝🏽":                          {"☝🏽", "☝\ufe0f🏽"},
		"🕵🏽\u200d♂\ufe0f":             {"🕵🏽\u200d♂", "🕵\ufe0f🏽\u200d♂\ufe0f"},
		"🏳\ufe0f\u200d🌈":              {"🏳\u200d🌈", "🏳\ufe0f\u200d🌈"},
		"👁\ufe0f\u200d🗨\ufe0f":        {"👁\u200d🗨", "👁\ufe0f\u200d🗨", "👁\u200d🗨\ufe0f"},
		"❤\ufe0f\u200d🔥":              {"❤\u200d🔥"},
		kiss:                          {kiss, strings.ReplaceAll(kiss, "\ufe0f", "")},
		"5\ufe0f\u20e3":               {"5\u20e3", "5\ufe0f\u20e3"},
		"#\ufe0f\u20e3":               {"#\u20e3"},
		"🇩🇪":                          {"🇩🇪", "🇩🇪\ufe0f"},
		scotland:                      {scotland},
		"©\ufe0f":                     {"©", "©\ufe0f"},
		"🏽":                           {"🏽"},
		"🐈\u200d⬛":                    {"🐈\u200d⬛"},
		"🚶\u200d♀\ufe0f\u200d➡\ufe0f": {"🚶\u200d♀\u200d➡", "🚶\u200d♀\ufe0f\u200d➡\ufe0f"},
		"\U0001FAE9":                  {"\U0001FAE9"}, // younger than the tables
	} {
		for _, given := range spellings {
			if got, ok := models.ParseEmoji(given); !ok || got != want {
				t.Errorf("%q (%+q): got %+q, %v, want %+q", given, given, got, ok, want)
			}
		}
	}
}

// TestParseEmojiRefuses: text, parts of emoji, and several emoji are refused.
func TestParseEmojiRefuses(t *testing.T) {
	for _, given := range []string{
		"", "a", "é", "e\u0301", "ß", "你", "가", "1", "#", "*", ":)", "👍👍", "👍a", "a👍", "👍 ", " 👍", "\n", "\u200d", "\ufe0f",
		"\ufe0f❤",
		"👍\u200d", "\u200d👍", "👍\u200d\u200d👍", "👍🏽🏽", "👍\u0301", "❤\ufe0e", "🇩", "🇩🇪🇫", "🇩🇪🇫🇷", "1\ufe0f", "1\u20e31\u20e3",
		"a\u20e3", "\u20e3", "👍\u20e3",
		"🏴\U000E0067\U000E0062", "\U000E0067\U000E007F", "🏴\U000E007F", "🏽x", "a\u200d👍", "👍\xff", "\xff", "👍\x00", "→", "±",
		"👩🏽" + strings.Repeat("\u200d👩🏽", 6), "❤" + strings.Repeat("\ufe0f", 21),
	} {
		if got, ok := models.ParseEmoji(given); ok {
			t.Errorf("%q (%+q) was accepted as the emoji %+q", given, given, got)
		}
	}
}
