package version

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestMerge(t *testing.T) {
	t.Parallel()
	installed := &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: "v1.2.3"}}
	checkout := &debug.BuildInfo{
		GoVersion: "go1.26.8", Main: debug.Module{Version: "v0.0.0-20260102030405-0123456789ab+dirty"},
		Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123456789abcdef"},
			{Key: "vcs.time", Value: "2026-01-02T03:04:05Z"},
			{Key: "vcs.modified", Value: "true"},
		},
	}
	for name, c := range map[string]struct {
		set   Info
		build *debug.BuildInfo
		want  Info
		line  string
	}{
		"go install": {
			Info{}, installed, Info{Version: "v1.2.3", Go: "go1.26.8"}, "v1.2.3 (go1.26.8)",
		},
		"go build in a checkout": {
			Info{}, checkout, Info{
				Version: "v0.0.0-20260102030405-0123456789ab+dirty", Commit: "0123456789abcdef-dirty",
				Date: "2026-01-02T03:04:05Z", Go: "go1.26.8",
			},
			"v0.0.0-20260102030405-0123456789ab+dirty (commit 0123456789abcdef-dirty, 2026-01-02T03:04:05Z, go1.26.8)",
		},
		"the linker's values": {
			Info{Version: "v2.0.0", Commit: "feed", Date: "2026-01-02T05:04:05+02:00"}, checkout,
			Info{Version: "v2.0.0", Commit: "feed", Date: "2026-01-02T03:04:05Z", Go: "go1.26.8"},
			"v2.0.0 (commit feed, 2026-01-02T03:04:05Z, go1.26.8)",
		},
		"an invalid date": {
			Info{Date: "today"}, installed,
			Info{Version: "v1.2.3", Date: "today", Go: "go1.26.8"}, "v1.2.3 (today, go1.26.8)",
		},
		"nothing known": {
			Info{}, &debug.BuildInfo{}, Info{Version: "(devel)", Go: runtime.Version()},
			"(devel) (" + runtime.Version() + ")",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := merge(c.set, c.build)
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if got.String() != c.line {
				t.Errorf("got %q, want %q", got, c.line)
			}
		})
	}
}

// TestCurrent: the test's own binary has a version and a Go version, built from a checkout or not.
func TestCurrent(t *testing.T) {
	t.Parallel()
	if got := Current(); got.Version == "" || got.Go != runtime.Version() {
		t.Errorf("got %+v", got)
	}
}
