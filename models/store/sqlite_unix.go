//go:build unix

package store

import (
	"fmt"
	"io/fs"
	"syscall"
)

func fileNumber(info fs.FileInfo) string {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return fmt.Sprint(st.Ino)
	}
	return ""
}
