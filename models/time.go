package models

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// timeLayout is RFC 3339 with milliseconds, always in UTC.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// Time is an instant as the contract writes it: RFC 3339, UTC, milliseconds. Databases keep it as Unix milliseconds, so
// nothing finer than what was stored is ever shown.
type Time struct{ time.Time }

// Now is the current time, cut to the millisecond that the databases store.
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

// UnmarshalJSON reads a time as ParseTime does.
func (t *Time) UnmarshalJSON(b []byte) (err error) {
	if len(b) < 2 || b[0] != '"' {
		return fmt.Errorf("a time is a string, not %s", b)
	}
	*t, err = ParseTime(string(b[1 : len(b)-1]))
	return err
}

// ErrNotTime says that a text is not a time as in RFC 3339.
var ErrNotTime = errors.New("not a time as in RFC 3339")

// timeForm is date-time of RFC 3339, section 5.6, but for how many days a month has and when there are leap seconds.
// The standard library reads both less (leap seconds, t and z in lower case) and more (a comma, hours of one digit).
var timeForm = regexp.MustCompile(`^(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))[Tt]` +
	`((?:[01]\d|2[0-3]):[0-5]\d):([0-5]\d|60)(\.\d+)?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$`)

// The first and the last time that Time can write in RFC 3339, in UTC. The zero Time is not one of them, since it
// stands for no time at all.
var (
	zeroYear = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	lastYear = time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC)
)

// ParseTime reads a time as RFC 3339 has it (section 5.6), and nothing else. A leap second is the first second of the
// next day, as clocks have it that know none; it may stand where UTC could have one, at the end of a month. What an
// offset carries out of the years 0 to 9999 becomes their first or last instant. The error is ErrNotTime.
func ParseTime(s string) (Time, error) {
	parts := timeForm.FindStringSubmatch(s)
	if parts == nil {
		return Time{}, ErrNotTime
	}
	date, minute, second, fraction, offset := parts[1], parts[2], parts[3], parts[4], strings.ToUpper(parts[5])
	leap := second == "60"
	if leap {
		second = "59"
	}
	parsed, err := time.Parse(time.RFC3339Nano, date+"T"+minute+":"+second+fraction+offset)
	if err != nil {
		return Time{}, ErrNotTime // a month without such a day
	}
	t := At(parsed)
	if leap {
		t = Time{t.Add(time.Second)}
		if t.Day() != 1 || t.Hour() != 0 || t.Minute() != 0 {
			return Time{}, ErrNotTime
		}
	}
	switch {
	case t.IsZero():
		return Time{t.Add(time.Millisecond)}, nil
	case t.Before(zeroYear):
		return Time{zeroYear}, nil
	case t.After(lastYear):
		return Time{lastYear}, nil
	}
	return t, nil
}
