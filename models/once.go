package models

// Once makes a creation happen once for an Idempotency-Key, whatever the number of calls: the caller, the path and the
// key name it, for IdempotencyLife.
type Once struct {
	CallerID    int64 // 0 before log-in
	Path        string
	Key         string
	Fingerprint string // of the body: another body under the same key is a mistake
	// Answer turns what was created into the body that is kept with it, in the same transaction. Of a message none is
	// kept: it is answered as it is when the call comes again.
	Answer func(created any) ([]byte, error)
}

// Replayed is the error of a creation whose Once had been used: the first call's answer, to be given again.
type Replayed struct {
	Body  []byte
	Event Cursor
}

func (*Replayed) Error() string { return "already done under this Idempotency-Key" }
