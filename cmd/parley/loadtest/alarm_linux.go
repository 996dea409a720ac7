package loadtest

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// alarm waits for a moment, exact to tens of microseconds. Go's own timers are up to a millisecond late on Linux when
// the process is idle, which would be most of the latency of a good server.
type alarm struct{ file *os.File }

func newAlarm() (*alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &alarm{os.NewFile(uintptr(fd), "timer")}, nil
}

// wait waits for d, which must be positive, unless ctx ends first.
func (a *alarm) wait(ctx context.Context, d time.Duration) error {
	if err := a.set(d); err != nil {
		return err
	}
	// A deadline in the past ends the active read. It is never reset: after the end of its context, a sender does not
	// wait again.
	stop := context.AfterFunc(ctx, func() { _ = a.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var expirations [8]byte
	_, err := a.file.Read(expirations[:])
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (a *alarm) set(d time.Duration) error {
	raw, err := a.file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.TimerfdSettime(int(fd), 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}, nil)
	})
	return errors.Join(err, failed)
}

func (a *alarm) close() { a.file.Close() }
