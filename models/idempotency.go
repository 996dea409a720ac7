package models

// IdempotentCall is a call with an Idempotency-Key: however often it is repeated, it creates something once. The
// caller, the path and the key identify it, for IdempotencyLife.
type IdempotentCall struct {
	CallerID    int64 // 0 before log-in
	Path        string
	Key         string
	Fingerprint string // of the body: another body under the same key is a mistake
	// Encode encodes what was created as the response that is stored with it, in the same transaction. Nothing is stored
	// of a message: the response is the message as it is when the call is repeated.
	Encode func(created any) ([]byte, error)
}

// Replayed is the error of an IdempotentCall that was made before: the first call's response, to be sent again.
type Replayed struct {
	Body  []byte
	Event Cursor
}

func (*Replayed) Error() string { return "already done under this Idempotency-Key" }
