package replay

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

func said(nick, text string) step {
	return step{action: replaySay, nick: nick, text: text}
}

func TestParseReplayLog(t *testing.T) {
	for name, c := range map[string]struct {
		log   string
		steps []step
		tally tally
	}{
		"messages": {
			log:   "[09:07] <anna> hello\n[23:59] <anna>  two  spaces <b> \n",
			steps: []step{said("anna", "hello"), said("anna", " two  spaces <b> ")},
		},
		"joins, renames and leaves": {
			log: "=== anna  has joined #tea\n=== anna is now known as ann\n=== ann  has left #tea [\"bye\"]\n" +
				"=== bert has joined #tea\n=== bert has left #tea\n",
			steps: []step{
				{action: replayJoin, nick: "anna"}, {action: replayRename, nick: "anna", newNick: "ann"},
				{action: replayLeave, nick: "ann"}, {action: replayJoin, nick: "bert"}, {action: replayLeave, nick: "bert"},
			},
		},
		"hosts, whole and in parts": {
			log: "=== anna [~anna@example.org]  has joined #tea\n=== b[n] er [n=b@example.org]  has joined #tea\n" +
				"=== [c] @example.org]  has joined #tea\n=== dora -12@example.org]  has left #tea []\n",
			steps: []step{
				{action: replayJoin, nick: "anna"}, {action: replayJoin, nick: "b[n] er"},
				{action: replayJoin, nick: "[c]"}, {action: replayLeave, nick: "dora"},
			},
		},
		"weird nicks": {
			log: "[00:00] <|QuaD-> a\n[00:00] <`anthony> b\n[00:00] <" + strings.Repeat("x", 40) + "> c\n" +
				"[00:00] <3com> d\n[00:00] <Jürgen> e\n[00:00] <[miles] > f\n[00:00] <_> g\n",
			steps: []step{
				said("|QuaD-", "a"), said("`anthony", "b"), said(strings.Repeat("x", 40), "c"),
				said("3com", "d"), said("Jürgen", "e"), said("[miles]", "f"), said("_", "g"),
			},
		},
		"CRLF, and no newline at the end": {
			log:   "[09:07] <anna> one\r\n=== anna  has joined #tea\r\n[09:08] <anna> two",
			steps: []step{said("anna", "one"), {action: replayJoin, nick: "anna"}, said("anna", "two")},
		},
		"bytes that are not UTF-8": {
			log:   "[09:07] <an\xffa> caf\xe9 \xe2\x82\n[09:08] <anna> caf\u00e9 \ufffd\n",
			steps: []step{said("an\ufffda", "caf\ufffd \ufffd\ufffd"), said("anna", "caf\u00e9 \ufffd")},
			tally: tally{brokenBytes: 4},
		},
		"U+0000": {
			log:   "[09:07] <anna> a\x00b\x00\n",
			steps: []step{said("anna", "a\ufffdb\ufffd")},
			tally: tally{nulls: 2},
		},
		"no text": {
			log:   "[09:07] <anna>\n[09:07] <anna> \n[09:07] <anna>  \n",
			steps: []step{said("anna", " ")},
			tally: tally{emptyTexts: 2},
		},
		"other lines": {
			log:   "=== mode/#tea  by ChanServ\n\n=== anna explodes\n[9:07] <anna> x\n[09:07] < > x\nplain\n",
			tally: tally{otherLines: 6},
		},
		"actions": {
			log:   "[09:07]  * anna waves\n[09:08]  * anna\n",
			steps: []step{said("anna", "* anna waves")},
			tally: tally{otherLines: 1},
		},
		"a text over the limit": {
			log:   "[09:07] <anna> " + strings.Repeat("é", 8001) + "\n[09:07] <anna> " + strings.Repeat("é", 8000) + "\n",
			steps: []step{said("anna", strings.Repeat("é", 8000)), said("anna", strings.Repeat("é", 8000))},
			tally: tally{cutTexts: 1},
		},
		"nothing": {},
	} {
		t.Run(name, func(t *testing.T) {
			// One byte at a time: a line may arrive in any number of parts.
			l, err := readReplayLog(iotest.OneByteReader(strings.NewReader(c.log)), "2020-01-01")
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(l.steps, c.steps) {
				t.Errorf("got steps\n%+v, want\n%+v", l.steps, c.steps)
			}
			if l.tally != c.tally {
				t.Errorf("got tally %+v, want %+v", l.tally, c.tally)
			}
			messages := 0
			for _, s := range c.steps {
				if s.action == replaySay {
					messages++
				}
			}
			if l.messages != messages {
				t.Errorf("got %d messages, want %d", l.messages, messages)
			}
		})
	}
}

func TestReadErrorOfReplayLogIsReturned(t *testing.T) {
	broken := errors.New("the disk is gone")
	_, err := readReplayLog(io.MultiReader(strings.NewReader("[09:07] <anna> a\n"), iotest.ErrReader(broken)), "x")
	if !errors.Is(err, broken) {
		t.Errorf("got error %v, want %v", err, broken)
	}
}

func TestReplayRoomIsNamedAfterChannelAndFile(t *testing.T) {
	for log, want := range map[string]string{
		"=== anna  has joined #tea\n=== anna  has left #coffee\n": "#tea 2020-01-01",
		"=== anna  has left #Tea []\n":                            "#Tea 2020-01-01",
		"[09:07] <anna> hello\n":                                  "2020-01-01",
	} {
		l, err := readReplayLog(strings.NewReader(log), "2020-01-01")
		if err != nil {
			t.Fatal(err)
		}
		if got := l.title(); got != want {
			t.Errorf("title of %q: got %q, want %q", log, got, want)
		}
	}
}
