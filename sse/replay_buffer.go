package sse

import (
	"slices"
	"sync"
)

// replayWriteSize is the size from which on a replay writes what it has gathered, and so that of its buffer. A larger
// one saves little: the kernel takes about twice as much at once.
const replayWriteSize = 64 << 10

// replayBuffer is the memory that a replay works with while it holds a slot. Frames are shared with the cache, and
// copied into one write here.
type replayBuffer struct {
	events []*event
	bytes  []byte
	ends   []frameEnd // of the frames in bytes
}

// frameEnd is where a frame ends in a write, and the position up to which the log has been sent with it.
type frameEnd struct {
	offset   int
	position int64
}

// replayBuffers has as many buffers as there are slots in use, and after a storm none.
var replayBuffers = sync.Pool{New: func() any {
	return &replayBuffer{bytes: make([]byte, 0, replayWriteSize+replayWriteSize/4)}
}}

func takeReplayBuffer() *replayBuffer {
	b, _ := replayBuffers.Get().(*replayBuffer)
	return b
}

// release gives the buffer back, unless one large frame has made it much larger.
func (b *replayBuffer) release() {
	b.reset()
	clear(b.events[:cap(b.events)]) // the cache may drop them
	if cap(b.bytes) <= 2*replayWriteSize {
		replayBuffers.Put(b)
	}
}

func (b *replayBuffer) reset() { b.bytes, b.ends = b.bytes[:0], b.ends[:0] }

// add adds a frame after which the log has been sent up to position. None is added if it is empty.
func (b *replayBuffer) add(frame []byte, position int64) {
	if len(frame) > 0 {
		b.bytes = append(b.bytes, frame...)
		b.ends = append(b.ends, frameEnd{len(b.bytes), position})
	}
}

// after returns what is left when n bytes were written: the rest of the frame that was written in part, the position
// that is reached with it, and whether that is all. The position is upTo then.
func (b *replayBuffer) after(n int, upTo int64) (rest []byte, position int64, whole bool) {
	if n == len(b.bytes) {
		return nil, upTo, true
	}
	at, _ := slices.BinarySearchFunc(b.ends, n, func(e frameEnd, n int) int { return e.offset - n })
	end := b.ends[at]
	return slices.Clone(b.bytes[n:end.offset]), end.position, false
}
