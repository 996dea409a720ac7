package models

import (
	"fmt"
	"time"
)

// timeLayout is RFC 3339 with milliseconds, always in UTC.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// Time is an instant as the contract writes it: RFC 3339, UTC, milliseconds. Databases keep it as Unix milliseconds, so
// nothing finer than what was stored is ever shown.
type Time struct{ time.Time }

// Now is the present instant, cut to the millisecond that the databases keep.
func Now() Time { return At(time.Now()) }

// At is t in UTC, cut to the millisecond.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Millisecond)} }

// FromMillis is the instant ms milliseconds after the Unix epoch; 0 is the zero Time, which JSON leaves out.
func FromMillis(ms int64) Time {
	if ms == 0 {
		return Time{}
	}
	return Time{time.UnixMilli(ms).UTC()}
}

// Millis is t in milliseconds since the Unix epoch; 0 for the zero Time.
func (t Time) Millis() int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// MarshalJSON writes t as a string with milliseconds.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.appendJSON(make([]byte, 0, len(timeLayout)+2)), nil
}

// UnmarshalJSON reads any RFC 3339 time but the zero one, which would read as none at all.
func (t *Time) UnmarshalJSON(b []byte) error {
	if len(b) < 2 || b[0] != '"' {
		return fmt.Errorf("a time is a string, not %s", b)
	}
	parsed, err := time.Parse(time.RFC3339Nano, string(b[1:len(b)-1]))
	if err != nil || At(parsed).IsZero() {
		return fmt.Errorf("not an RFC 3339 time: %s", b)
	}
	*t = At(parsed)
	return nil
}
