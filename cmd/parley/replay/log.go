package replay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/parley-chat/parley/models"
)

// replayLog is one parsed chat log.
type replayLog struct {
	name     string // of the file, without its ending
	channel  string // from the first line about a join or leave; "" if there is none
	steps    []step
	messages int
	tally    tally
}

// tally counts the parts of a log that were changed or skipped.
type tally struct {
	brokenBytes int // bytes that are not UTF-8
	nulls       int // U+0000, which the server cannot store
	emptyTexts  int
	cutTexts    int // texts longer than the limit
	otherLines  int
}

func (t *tally) add(o tally) {
	t.brokenBytes += o.brokenBytes
	t.nulls += o.nulls
	t.emptyTexts += o.emptyTexts
	t.cutTexts += o.cutTexts
	t.otherLines += o.otherLines
}

// step is one action of a nick.
type step struct {
	action  replayAction
	nick    string
	text    string // with replaySay
	newNick string // with replayRename
}

type replayAction int

const (
	replaySay replayAction = iota
	replayJoin
	replayLeave
	replayRename
)

var (
	saidLine    = regexp.MustCompile(`^\[\d\d:\d\d\] <([^>]+)>(?: (.*))?$`)
	didLine     = regexp.MustCompile(`^\[\d\d:\d\d\]  ?(\* (\S+) .*)$`)
	joinedLine  = regexp.MustCompile(`^=== (.+?)  ?has joined (#\S*)`)
	leftLine    = regexp.MustCompile(`^=== (.+?)  ?has left (#\S*)`)
	renamedLine = regexp.MustCompile(`^=== (.+?) is now known as (.+)$`)
)

// readLogFile parses a log file.
func readLogFile(path string) (*replayLog, error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	base := filepath.Base(path)
	l, err := readReplayLog(f, strings.TrimSuffix(base, filepath.Ext(base)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return l, nil
}

// readReplayLog parses a log. Lines may have any length and end with LF or CRLF.
func readReplayLog(r io.Reader, name string) (*replayLog, error) {
	l := &replayLog{name: name}
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
			l.take(l.repair(line))
		}
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// repair makes a line storable text: each byte that is not UTF-8, and each U+0000, becomes U+FFFD.
func (l *replayLog) repair(line []byte) string {
	if utf8.Valid(line) && bytes.IndexByte(line, 0) < 0 {
		return string(line)
	}
	var whole strings.Builder
	for len(line) > 0 {
		r, size := utf8.DecodeRune(line)
		switch {
		case r == utf8.RuneError && size == 1:
			l.tally.brokenBytes++
		case r == 0:
			l.tally.nulls++
			r = utf8.RuneError
		}
		whole.WriteRune(r)
		line = line[size:]
	}
	return whole.String()
}

func (l *replayLog) take(line string) {
	if m := saidLine.FindStringSubmatch(line); m != nil {
		l.say(strings.TrimSpace(m[1]), m[2])
		return
	}
	if m := didLine.FindStringSubmatch(line); m != nil {
		l.say(m[2], m[1]) // "/me waves" becomes "* anna waves"
		return
	}
	var s step
	if m := joinedLine.FindStringSubmatch(line); m != nil {
		s = step{action: replayJoin, nick: withoutHost(m[1])}
		l.setChannel(m[2])
	} else if m := leftLine.FindStringSubmatch(line); m != nil {
		s = step{action: replayLeave, nick: withoutHost(m[1])}
		l.setChannel(m[2])
	} else if m := renamedLine.FindStringSubmatch(line); m != nil {
		s = step{action: replayRename, nick: strings.TrimSpace(m[1]), newNick: strings.TrimSpace(m[2])}
	}
	if s.nick == "" || s.action == replayRename && s.newNick == "" {
		l.tally.otherLines++
		return
	}
	l.steps = append(l.steps, s)
}

func (l *replayLog) say(nick, text string) {
	switch {
	case nick == "":
		l.tally.otherLines++
		return
	case text == "":
		l.tally.emptyTexts++
		return
	}
	if short := firstRunes(text, models.MaxTextLength); short != text {
		l.tally.cutTexts++
		text = short
	}
	l.messages++
	l.steps = append(l.steps, step{action: replaySay, nick: nick, text: text})
}

func (l *replayLog) setChannel(name string) {
	if l.channel == "" {
		l.channel = name
	}
}

// title returns the name of the log's room.
func (l *replayLog) title() string {
	return firstRunes(strings.TrimSpace(l.channel+" "+l.name), models.MaxRoomNameLength)
}

// withoutHost removes the host that some logs write after a nick, as in "anna [~anna@example.org]". In logs whose hosts
// were removed by a pattern, a part of the host can remain after a nick with brackets; it is removed too.
func withoutHost(s string) string {
	if at := strings.IndexByte(s, '@'); at >= 0 {
		if space := strings.LastIndexByte(s[:at], ' '); space >= 0 {
			s = s[:space]
		}
	}
	return strings.TrimSpace(s)
}

// firstRunes returns the first n characters of s.
func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
