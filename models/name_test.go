package models_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/parley-chat/parley/models"
)

func TestSimilarNamesHaveTheSameKey(t *testing.T) {
	for _, same := range [][]string{
		{"anna", "Anna", "ANNA", "ａｎｎａ", "Ａｎna"},         // case and width
		{"Zoë", "zoë", "ZOË", "zoe\u0308"},               // composed and decomposed
		{"Ångström", "a\u030angstro\u0308m", "ångström"}, // the ångström sign is refused, its letter is not
		{"ΣΟΦΟΣ", "σοφοσ"},
		{"ПЁТР", "пётр", "пе\u0308тр"},
		{"アンナ", "ｱﾝﾅ"},
	} {
		want, ok := models.NameKey(same[0], models.MaxUsernameLength)
		for _, name := range same {
			if got, alsoOK := models.NameKey(name, models.MaxUsernameLength); !ok || !alsoOK || got != want {
				t.Errorf("%q has the key %q, %t; %q has %q, %t", same[0], want, ok, name, got, alsoOK)
			}
		}
	}
}

func TestInvalidNamesAreRefused(t *testing.T) {
	for what, name := range map[string]string{
		"too short": "a", "too short once composed": "e\u0301", "empty": "", "too long": strings.Repeat("a", 33),
		"too long once folded": strings.Repeat("İ", 20), "begins with a digit": "1st", "begins with a mark": "\u0301anna",
		"a space": "an na", "a Cyrillic a among Latin letters": "pаypal", "a Greek omicron among Latin letters": "gοοgle",
		"a Latin letter among Cyrillic ones": "Иvан", "Armenian among Latin letters": "nօra",
		"Cherokee among Latin letters":      "aᏚa",
		"Arabic digits among Latin letters": "anna٥", "Devanagari digits among Latin letters": "anna५",
		"right-to-left override": "anna\u202egnp", "right-to-left mark": "anna\u200f", "left-to-right isolate": "an\u2066na",
		"zero-width space": "an\u200bna", "zero-width joiner": "an\u200dna", "zero-width non-joiner": "an\u200cna",
		"zero-width non-joiner after a virama": "क्\u200cष", "byte order mark": "anna\ufeff", "word joiner": "an\u2060na",
		"soft hyphen": "an\u00adna", "variation selector": "an\ufe0fna", "tag character": "anna\U000E0061",
		"Hangul filler":             "anna\u3164",
		"combining grapheme joiner": "an\u034fna", "ligature": "ﬁnn", "mathematical letters": "𝐚𝐧𝐧𝐚", "Roman numeral": "ⅳan",
		"mixed directions": "annaשלום", "control character": "an\x00na", "not UTF-8": "an\xffna", "emoji": "anna🎉",
		"slash": "a/b",
	} {
		if key, ok := models.NameKey(name, models.MaxUsernameLength); ok {
			t.Errorf("%s: %q has the key %q", what, name, key)
		}
	}
}

func TestNamesInManyLanguagesAreValid(t *testing.T) {
	for _, name := range []string{
		"anna_b-c.d9", "Łukasz", "Đặng", "Пётр", "Σοφία", "נועה", "سارة", "سارة٥", "आरती", "அருண்", "สมชาย", "山田太郎",
		"山田taro", "やまだタロウ",
		"김철수", "金철수", "ㄅㄆ李", "ანა", "Արմեն", "Ꮳꮃꭹ", "ቤቴል",
	} {
		if _, ok := models.NameKey(name, models.MaxUsernameLength); !ok {
			t.Errorf("%q is refused", name)
		}
	}
}

// FuzzNameKey checks what the storage of names relies on: the key of a key is the key itself, and it contains no
// invisible characters.
func FuzzNameKey(f *testing.F) {
	for _, seed := range []string{"Anna", "ﾊﾝﾅ", "ΣΟΦΟΣ", "İstanbul", "ẞtraße", "zoe\u0308", "पा॑र", "سارة٥", "ǅabc",
		"ᏣꮃᎩ", "a\u0345b", "각\u11a8"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		key, ok := models.NameKey(name, models.MaxHandleLength)
		if !ok {
			if key != "" && utf8.RuneCountInString(key) > models.MaxHandleLength {
				t.Errorf("the refused %q has a key", name)
			}
			return
		}
		if again, ok := models.NameKey(key, models.MaxHandleLength); !ok || again != key {
			t.Errorf("%q has the key %q, which has the key %q, %t", name, key, again, ok)
		}
		if !norm.NFC.IsNormalString(key) {
			t.Errorf("%q has the key %+q, which is not normal", name, key)
		}
		if start := models.NameStart(name); start != key {
			t.Errorf("%q has the key %+q, but starts with %+q", name, key, start)
		}
		for _, r := range key {
			if unicode.In(r, unicode.C, unicode.Z, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
				t.Errorf("%+q has %U in its key", name, r)
			}
		}
	})
}
