package sse

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// watchBatch is how many sockets one call of the kernel tells of at most.
const watchBatch = 128

// watcher finds out which streams were closed from their other end. It asks the kernel's event queue (epoll) about all of
// them: a goroutine for each, waiting in a read, would be the larger part of what an idle stream costs.
//
// The sockets stay with Go's own poller too, which waits for those that owe something.
type peerWatcher struct {
	queue *os.File // the epoll instance; not blocking, so that Go's poller waits for it

	mu      sync.Mutex
	streams []*Stream // by the number of their socket, nil for sockets that are no stream's
}

func newPeerWatcher() (*peerWatcher, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an event queue: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return &peerWatcher{queue: os.NewFile(uintptr(fd), "epoll")}, nil
}

// close ends run.
func (w *peerWatcher) close() { _ = w.queue.Close() }

// watch has run remove the stream when its peer closes, or breaks off. Whatever else a client sends is ignored.
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

// forget is called before the socket of a stream that was watched is closed. The kernel forgets it by itself.
func (w *peerWatcher) forget(s *Stream) {
	if s.socket.raw == nil {
		return // it was never attached
	}
	_ = s.socket.raw.Control(func(socket uintptr) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if int(socket) < len(w.streams) && w.streams[socket] == s {
			w.streams[socket] = nil
		}
	})
}

// run removes streams whose peers are gone, until close.
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
			return n != 0 // -1 when a signal came in between
		})
		if closed != nil {
			return
		}
		for _, e := range events[:max(n, 0)] {
			w.check(int(e.Fd))
		}
	}
}

// look reads from a socket that has something, or has ended. Should it be another stream's by now, there is nothing to
// read, and no harm done.
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

// isOver takes what the peer has sent, and reports whether the connection has ended.
func (s socket) isClosed() (over bool) {
	var b [512]byte
	err := s.raw.Read(func(fd uintptr) bool {
		n, err := syscall.Read(int(fd), b[:])
		over = n == 0 || err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
		return true // more is told of again
	})
	return over || err != nil
}
