package replay_test

import (
	"strings"
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

// TestReplaySurvivesBadConnection: lost responses, temporary refusals, expired tokens and cut streams must not change
// the result.
func TestReplaySurvivesBadConnection(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		f := &harness.FaultyProxy{LoseResponses: true, RefuseSends: true, ExpireTokens: true, CutStreams: 4}
		printed, err := runReplay(t, harness.StartFaultyProxy(t, s.URL, f), teaLogs(t))
		if err != nil {
			t.Fatalf("%v\n%s", err, printed)
		}
		if n := row(t, printed, "messages"); n != 49 {
			t.Errorf("got %d messages, want 49", n)
		}
		if f.Lost.Load() < 10 || f.Refused.Load() < 3 || f.ExpiredTokens.Load() < 12 ||
			row(t, printed, "reader reconnects") < 10 {
			t.Errorf("too few faults: %d lost responses, %d refusals, %d expired tokens, and\n%s",
				f.Lost.Load(), f.Refused.Load(), f.ExpiredTokens.Load(), printed)
		}
	})
}

// TestReplayDetectsEachFault lets a proxy falsify one thing in the server's responses: the replay must fail.
func TestReplayDetectsEachFault(t *testing.T) {
	t.Parallel()
	s := harness.StartServer(t, harness.NewSQLite(t))
	second := `"text":"second"`
	for name, c := range map[string]struct {
		spoil func(path, body string) string
		want  string
	}{
		"a message lost on the stream": {func(path, body string) string {
			if strings.HasSuffix(path, " stream") && strings.Contains(body, second) {
				return ": nothing\n\n"
			}
			return body
		}, "want message 3 of"},
		"a message twice on the stream": {func(path, body string) string {
			if strings.HasSuffix(path, " stream") && strings.Contains(body, second) {
				return body + body
			}
			return body
		}, "reader 1: #tea 2020-01-01: got message 3"},
		"a resync": {func(path, body string) string {
			if strings.HasSuffix(path, " stream") && strings.Contains(body, second) {
				return body + "event: resync\ndata: {\"reason\":\"expired\"}\n\n"
			}
			return body
		}, "got a resync after"},
		"a stream that wrongly claims to have resumed": {func(path, body string) string {
			if strings.HasSuffix(path, " stream") {
				return strings.Replace(body, `"resumed":false`, `"resumed":true`, 1)
			}
			return body
		}, "got ready"},
		"another text in the history": {func(path, body string) string {
			if strings.HasSuffix(path, "/messages") && strings.Contains(body, `"items"`) {
				return strings.ReplaceAll(body, second, `"text":"2nd"`)
			}
			return body
		}, `in the history after 1: message 3 of`},
		"a wrong response to a message": {func(path, body string) string {
			if strings.HasSuffix(path, "/messages") && !strings.Contains(body, `"items"`) {
				return strings.ReplaceAll(body, second, `"text":"2nd"`)
			}
			return body
		}, "the response to message 3 of"},
		"a wrong count": {func(_, body string) string {
			return strings.ReplaceAll(body, `"message_count":46`, `"message_count":44`)
		}, "message_count is 44, want 46"},
		"a member with another name": {func(path, body string) string {
			if strings.HasSuffix(path, "/members") {
				return strings.ReplaceAll(body, `"display_name":"3com"`, `"display_name":"4com"`)
			}
			return body
		}, "is listed as a member wrongly or twice"},
		"an event of another name in the log": {func(path, body string) string {
			if path == "/v1/events/log" {
				return strings.ReplaceAll(body, `"event":"member.left"`, `"event":"member.updated"`)
			}
			return body
		}, "the log: #tea 2020-01-01: got"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := harness.StartFaultyProxy(t, s.URL, &harness.FaultyProxy{ChangeBody: c.spoil})
			printed, err := runReplay(t, proxy, teaLogs(t))
			if err == nil || !strings.Contains(err.Error(), "differences") {
				t.Errorf("got error %v, want differences", err)
			}
			if !strings.Contains(printed, c.want) {
				t.Errorf("%q is not in\n%s", c.want, printed)
			}
		})
	}
}
