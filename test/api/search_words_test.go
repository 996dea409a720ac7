package api

import (
	"net/url"
	"slices"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// wordCases are texts, with searches that find them and searches that do not.
var wordCases = []struct {
	text         string
	finds, fails []string
}{
	// Letters that Unicode does not decompose.
	{"Łódź", []string{"lodz", "LODZ", "łódź", "Lo\u0301dz\u0301", "lod"}, []string{"odz", "kodz"}},
	{"Møller og Ærø", []string{"moller", "aero", "møl", "ÆRØ"}, []string{"mueller"}},
	{"Đỗ đường Nguyễn", []string{"do", "duong", "nguyen", "Đuo"}, nil},
	{"Aðalsteinn Þórsson", []string{"adalsteinn", "thors", "þor"}, nil},
	{"cœur Œuvre", []string{"coeur", "oeuv"}, nil},
	{"IĞDIR İzmir", []string{"ığdır", "igdir", "izmir", "IZMIR"}, nil},
	{"Straße STRASSE", []string{"strasse", "straße", "STRAẞE"}, nil},
	{"Ħal Għaxaq ŧ", []string{"hal", "ghaxaq", "t"}, nil},
	{"Ŋaa ɓaawo ƙasa", []string{"naa", "baawo", "kasa"}, nil},
	{"Ґалаґан", []string{"галаган"}, nil},
	{"Ὀδυσσεύς ΣΊΣΥΦΟΣ", []string{"οδυσσευσ", "οδυσσευς", "σισυφος"}, nil},
	{"مـــرحبا علی", []string{"مرحبا", "علي"}, nil},
	{"שָׁלוֹם ארץ", []string{"שלומ", "שלום", "ארצ"}, nil},
	{"ｆｕｌｌ ｗｉｄｔｈ ﬁnal ½", []string{"full", "width", "final", "1/2"}, nil},
	{"۲۰۲۶ 123", []string{"2026", "١٢٣"}, nil},
	{"e\u0301te\u0301", []string{"été", "ete"}, nil},
	{"été 2", []string{"e\u0301te\u0301", "ete"}, nil},
	// Characters that divide words, and characters that do not.
	{"zero\u200bwidth", []string{"zero", "width"}, []string{"zerowidth"}},
	{"half\u200bway\u200bhere", []string{"way", "here half"}, nil},
	{"soft\u00adhyphen \u202eover\u202c", []string{"softhyphen", "over"}, []string{"hyphen"}},
	{"میخواهم می\u200cروم", []string{"می\u200cخواهم", "میروم"}, []string{"روم"}},
	{"l’école o'clock п'ять", []string{"l'ecole", "ecole", "o’clock", "пʼять", "clock"}, []string{"lecole"}},
	// Starts of words.
	{"Kubernetes upgrade", []string{"kube", "up kub", "k", "upgrade"}, []string{"bernetes", "grade"}},
	{"Прекрасный вечер", []string{"прекр", "веч"}, []string{"красный"}},
	{"नमस्ते दुनिया", []string{"नमस", "दुनि"}, []string{"मस्ते"}},
	{"hostname.test.com is down", []string{"hostna", "hostname.te", "test.com", "com test"},
		[]string{"host.test", "hostname.com"}},
	// Korean.
	{"친구들이 학교에서 만났어요", []string{"친구", "학교", "학교에", "만났", "학교"},
		[]string{"구친", "교학", "친고"}},
	{"텔레그램이 좋아요", []string{"텔레그램", "좋아"}, nil},
	{"서울대학교", []string{"대학교", "서울", "서"}, []string{"대서"}},
	// Scripts without spaces between words.
	{"東京へ行きます", []string{"東京", "行き", "京へ行", "東", "ます"},
		[]string{"京東", "行東", "東へ"}},
	{"今日はママとカラオケ、バーで", []string{"ママ", "ｶﾗｵｹ", "カラ", "バー", "オケ"},
		[]string{"ケバ", "ハー", "マカ"}},
	{"我家在上海东边", []string{"上海", "海东", "上海东边"}, []string{"海上", "上东", "家上海"}},
	{"ข้าวสวย", []string{"ข้าว", "ข้าวสวย", "สวย"},
		[]string{"ขาว", "ข่าว", "ยวส"}},
	{"ຂ້ອຍຮັກເຈົ້າ", []string{"ຮັກ", "ເຈົ້າ"}, []string{"ກຮັ"}},
	{"ខ្ញុំស្រឡាញ់កម្ពុជា", []string{"កម្ពុជា",
		"ស្រឡាញ់"}, []string{"ជាកម្ពុ"}},
	{"ကျွန်တော်မြန်မာ", []string{"မြန်မာ", "ကျွန်"},
		[]string{"မာမြန်"}},
	{"ABC一二一三二三", []string{"一二一", "一三二", "abc"}, []string{"二三一", "一二三"}},
	// Emoji.
	{"party 🎉 tonight ☕️", []string{"🎉", "☕", "☕️", "🎉 party"}, []string{"🎊"}},
	{"👩🏽‍💻 at work", []string{"👩🏽‍💻", "👩"}, []string{"💻", "👩🏿‍💻"}},
	{"well 👍🏿👍done", []string{"👍🏿", "👍", "done"}, []string{"👍🏻"}},
	{"🇩🇪🇫🇷", []string{"🇩🇪", "🇫🇷"}, []string{"🇪🇫"}},
	{"press 1️⃣ or #️⃣", []string{"1️⃣", "#️⃣", "1⃣"}, []string{"2️⃣", "*️⃣"}},
	{"❤️‍🔥 → 5€", []string{"❤️‍🔥", "❤", "→", "5€", "€"}, []string{"←", "🔥"}},
	{"🏴󠁧󠁢󠁳󠁣󠁴󠁿", []string{"🏴󠁧󠁢󠁳󠁣󠁴󠁿"}, []string{"🏴󠁧󠁢󠁥󠁮󠁧󠁿"}},
	// Symbols.
	{"C++ and C# code", []string{"C#", "c++", "C+", "code C"}, []string{"F#", "c+#"}},
	{"plain C code costs 50", []string{"c code", "50"}, []string{"C#", "C++", "50%", "$50"}},
	{"@anna about #release, $20 and 30%", []string{"@anna", "anna", "#rel", "release", "$20", "20", "30%"},
		[]string{"#anna", "@release", "$30"}},
	{"write to info@anna.example.com", []string{"info@anna.example.com", "anna.example", "info"},
		[]string{"@anna", "info@example.com"}},
	{"about 3.14, not 14.3; 1,000 and 2 of 71", []string{"3.14", "1,000", "1.000", "14.3", "71 2"},
		[]string{"3.3", "2.71"}},
	{"see https://example.org/a/path_to?x=1#end", []string{"https://example.org/a/path", "path_to", "example.org", "end"},
		[]string{"example.path"}},
	{"ｃ＃ #東京タワー", []string{"c#", "#東京", "東京タワー"}, []string{"#タワー", "@東京"}},
}

// TestSearchFindsWords searches for words in many scripts, and for symbols.
func TestSearchFindsWords(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		anna := harness.NewClient(t, harness.StartServer(t, database).URL).NewGuestNamed("anna")
		room := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("talk")})
		for _, c := range wordCases {
			anna.SendText(room.ID, c.text)
		}
		for _, c := range wordCases {
			for _, q := range c.finds {
				if !slices.Contains(searchByWords(anna, room.ID, q), c.text) {
					t.Errorf("%+q (%s) does not find %+q (%s)", q, q, c.text, c.text)
				}
			}
			for _, q := range c.fails {
				if slices.Contains(searchByWords(anna, room.ID, q), c.text) {
					t.Errorf("%+q (%s) finds %+q (%s)", q, q, c.text, c.text)
				}
			}
		}
	})
}

// TestPrefixSearchFindsComposedLetters searches by prefix for texts and names whose accents are combining characters or
// not.
func TestPrefixSearchFindsComposedLetters(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		anna := harness.NewClient(t, harness.StartServer(t, database).URL).NewGuestNamed("anna")
		room := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("E\u0301clairs")})
		anna.SendText(room.ID, "E\u0301clair one")
		anna.SendText(room.ID, "Éclair two")
		for _, prefix := range []string{"éclair", "e\u0301CLAIR", "\u00c9c"} {
			wantFound(t, prefix, searchByPrefix(anna, room.ID, prefix), "Éclair two", "E\u0301clair one")
		}
		wantFound(t, "without the accent", searchByPrefix(anna, room.ID, "eclair"))
		for _, prefix := range []string{"éclair", "e\u0301CL"} {
			page := harness.Get[models.Page[models.Room]](anna, "/v1/rooms/search?prefix="+url.QueryEscape(prefix))
			if len(page.Items) != 1 {
				t.Errorf("%+q finds %d rooms", prefix, len(page.Items))
			}
		}
	})
}
