package loadtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/parley-chat/parley/cmd/parley/remote"
)

// errorCounts counts failures by their kind.
type errorCounts struct {
	mu     sync.Mutex
	counts map[string]int64
	total  int64
}

func newErrorCounts() *errorCounts { return &errorCounts{counts: map[string]int64{}} }

// add counts an error of an operation.
func (l *errorCounts) add(doing string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[doing+": "+kindOf(err)]++
	l.total++
}

func (l *errorCounts) snapshot() (counts map[string]int64, total int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.counts), l.total
}

// kindOf returns the kind of an error: a status and a code, or what happened to the connection.
func kindOf(err error) string {
	var refused remote.StatusError
	var network *net.OpError
	switch {
	case errors.As(err, &refused):
		return fmt.Sprintf("%d %s", refused.Status, refused.Problem.Code)
	case errors.Is(err, context.Canceled):
		return "no response before the end"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no response in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed"
	case errors.As(err, &network):
		return network.Op + ": " + network.Err.Error() // without the addresses
	default:
		return err.Error()
	}
}
