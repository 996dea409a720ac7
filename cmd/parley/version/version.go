// Package version describes the running build of Parley. The linker sets the variables (make build, make image). Values
// that it leaves empty come from the information that the Go toolchain adds to every binary, so that a binary of
// "go install github.com/parley-chat/parley/cmd/parley@latest" has a version too.
package version

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// Set by the linker, as in -ldflags "-X github.com/parley-chat/parley/cmd/parley/version.Version=v1.2.3". Read Current.
var (
	Version string // such as v1.2.3
	Commit  string // the full hash; -dirty follows when the tree had changes
	Date    string // of the commit, in RFC 3339 format
)

// development is the version of a binary without version information, as the Go toolchain names it.
const development = "(devel)"

// Info describes a build. A field is empty if it is not known.
type Info struct {
	Version string
	Commit  string
	Date    string // of the commit, RFC 3339 in UTC
	Go      string // the version of Go that compiled it
}

// Current returns the description of the running binary.
func Current() Info {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		build = &debug.BuildInfo{}
	}
	return merge(Info{Version: Version, Commit: Commit, Date: Date}, build)
}

// merge fills the values that the linker did not set from the toolchain's build information.
func merge(set Info, build *debug.BuildInfo) Info {
	settings := map[string]string{}
	for _, s := range build.Settings {
		settings[s.Key] = s.Value
	}
	commit := settings["vcs.revision"]
	if commit != "" && settings["vcs.modified"] == "true" {
		commit += "-dirty"
	}
	return Info{
		Version: cmp.Or(set.Version, build.Main.Version, development),
		Commit:  cmp.Or(set.Commit, commit),
		Date:    utc(cmp.Or(set.Date, settings["vcs.time"])),
		Go:      cmp.Or(build.GoVersion, runtime.Version()),
	}
}

// utc converts an RFC 3339 time to UTC, and leaves anything else as it is.
func utc(date string) string {
	t, err := time.Parse(time.RFC3339, date)
	if err != nil {
		return date
	}
	return t.UTC().Format(time.RFC3339)
}

// String returns one line, such as "v1.2.3 (commit 0123abc, 2026-01-02T03:04:05Z, go1.26.8)".
func (i Info) String() string {
	var details []string
	if i.Commit != "" {
		details = append(details, "commit "+i.Commit)
	}
	if i.Date != "" {
		details = append(details, i.Date)
	}
	return fmt.Sprintf("%s (%s)", i.Version, strings.Join(append(details, i.Go), ", "))
}
