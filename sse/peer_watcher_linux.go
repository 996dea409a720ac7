package sse

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// watchBatch is the maximum number of sockets that one system call reports.
const watchBatch = 128

// peerWatcher finds streams whose peers have closed. It uses one epoll instance for all of them: a goroutine per
// stream that waits in a read would be the larger part of the memory of an idle stream.
//
// The sockets also stay with Go's own poller, which waits when a write blocks.
type peerWatcher struct {
	queue *os.File // the epoll instance; non-blocking, so that Go's poller waits for it

	mu      sync.Mutex
	streams []*Stream // by file descriptor, nil for those of other files
}

func newPeerWatcher() (*peerWatcher, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create an epoll instance: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return &peerWatcher{queue: os.NewFile(uintptr(fd), "epoll")}, nil
}

// close stops run.
func (w *peerWatcher) close() { _ = w.queue.Close() }

// watch makes run end the stream when its peer closes or resets the connection. Data that a client sends is ignored.
func (w *peerWatcher) watch(s *Stream) error {
	queue, err := w.queue.SyscallConn()
	if err != nil {
		return err
	}
	var asked, added error
	err = s.socket.raw.Control(func(socket uintptr) {
		w.put(int(socket), s)
		asked = queue.Control(func(queue uintptr) {
			added = unix.EpollCtl(int(queue), unix.EPOLL_CTL_ADD, int(socket),
				&unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(socket)})
		})
	})
	return errors.Join(err, asked, added)
}

func (w *peerWatcher) put(socket int, s *Stream) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if socket >= len(w.streams) {
		w.streams = append(w.streams, make([]*Stream, socket+1-len(w.streams))...)
	}
	w.streams[socket] = s
}

// forget must be called before the socket of a watched stream is closed. The kernel removes it from epoll by itself.
func (w *peerWatcher) forget(s *Stream) {
	if s.socket.raw == nil {
		return // it was never watched
	}
	_ = s.socket.raw.Control(func(socket uintptr) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if int(socket) < len(w.streams) && w.streams[socket] == s {
			w.streams[socket] = nil
		}
	})
}

// run ends streams whose peers have closed, until close.
func (w *peerWatcher) run() {
	queue, err := w.queue.SyscallConn()
	if err != nil {
		return // closed already
	}
	var events [watchBatch]unix.EpollEvent
	for {
		n := 0
		closed := queue.Read(func(queue uintptr) bool {
			n, err = unix.EpollWait(int(queue), events[:], 0)
			return n != 0 // -1 after a signal
		})
		if closed != nil {
			return
		}
		for _, e := range events[:max(n, 0)] {
			w.check(int(e.Fd))
		}
	}
}

// check reads from a socket that has data or has ended. If the descriptor belongs to another stream by now, there is
// nothing to read, which does no harm.
func (w *peerWatcher) check(socket int) {
	w.mu.Lock()
	var s *Stream
	if socket < len(w.streams) {
		s = w.streams[socket]
	}
	w.mu.Unlock()
	if s != nil && s.socket.isClosed() {
		s.hub.endStream(s)
	}
}

// isClosed reads what the peer has sent, and reports whether the connection has ended.
func (s socket) isClosed() (over bool) {
	var b [512]byte
	err := s.raw.Read(func(fd uintptr) bool {
		n, err := syscall.Read(int(fd), b[:])
		over = n == 0 || err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
		return true // epoll reports again if there is more
	})
	return over || err != nil
}
