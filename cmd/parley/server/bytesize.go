package server

import (
	"fmt"
	"strconv"
	"strings"
)

// ByteSize is a number of bytes, written with a unit: 100MB.
type ByteSize int64

// units are powers of ten, as disks are sold. Longer names come first, because "MB" ends in "B".
var units = []struct {
	name  string
	bytes int64
}{{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1}}

// UnmarshalText reads a whole number and a unit; without a unit it is bytes.
func (b *ByteSize) UnmarshalText(text []byte) error {
	for _, u := range units {
		digits, fits := strings.CutSuffix(strings.ToUpper(strings.TrimSpace(string(text))), u.name)
		if !fits {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > 1<<53/u.bytes {
			break
		}
		*b = ByteSize(n * u.bytes)
		return nil
	}
	return fmt.Errorf("%q is not a size: sizes are written like 500KB, 100MB or 2GB", text)
}
