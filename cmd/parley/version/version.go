// Package version knows which version of parley this is.
package version

import (
	"runtime/debug"
)

// String is the version of the module that the binary was built from.
func String() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
