//go:build unix

package sse

import (
	"errors"
	"os"
	"runtime"
	"syscall"
)

// networkYield lets the goroutines run that wait for the network, such as those of requests that have arrived. Go looks
// at the network only once no goroutine is ready to run, or every 10 ms: while flushers write, and are always ready,
// requests would wait for the end of the round. Here the flusher itself waits for a pipe in which it has just written a
// byte. So Go looks at the network, finds all who have something to do, and the flusher with them.
type networkYield struct {
	reader, writer *os.File
	pipe           syscall.RawConn // the reader
}

// newNetworkYield makes the pipe. Without files for it, yield gives way only to goroutines that are ready to run.
func newNetworkYield() *networkYield {
	reader, writer, err := os.Pipe()
	if err != nil {
		return &networkYield{}
	}
	y := &networkYield{reader: reader, writer: writer}
	y.pipe, _ = reader.SyscallConn() // fails only for a file that is closed
	return y
}

func (y *networkYield) yield() {
	if y.pipe == nil {
		runtime.Gosched()
		return
	}
	var b [1]byte
	written := false
	_ = y.pipe.Read(func(fd uintptr) (done bool) {
		if !written {
			written = true
			_, err := y.writer.Write(b[:])
			return err != nil // or else wait until the pipe can be read
		}
		_, err := syscall.Read(int(fd), b[:])
		return !errors.Is(err, syscall.EAGAIN)
	})
}

func (y *networkYield) close() {
	if y.pipe != nil {
		_ = y.reader.Close()
		_ = y.writer.Close()
	}
}
