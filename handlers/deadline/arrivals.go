package deadline

import (
	"container/list"
	"errors"
	"net"
	"net/netip"
	"time"
)

const (
	// maxStarting is how many connections may be starting at the same time: net/http needs about 30 KB for each. One
	// network may have one in startingShare of them.
	maxStarting   = 512
	startingShare = 2
	// startTime is how long a connection counts as starting at most: one whose first request takes longer must not hold up
	// the others. silentTime is how long one does that has not sent the head of a request, and costs little: otherwise a
	// few hundred of them in each second would keep all others of their network out.
	startTime  = time.Second
	silentTime = 100 * time.Millisecond
	// arrivalWait is how long a connection waits at most until it is served. Then it is closed.
	arrivalWait = 20 * time.Second
	// acceptPause is the pause after the process had no files left.
	acceptPause = 10 * time.Millisecond
	// lackEpisode is how long there must have been files before their lack is logged again.
	lackEpisode = time.Minute
)

// arrivals are the connections that wait to be served. After a restart all clients come back at once: net/http would
// start to read the requests of all of them, with buffers and a goroutine for each. Here a connection costs a few
// hundred bytes until it may start, and none is refused. A connection is starting from when it is handed to net/http
// until its first response, until it is a stream or closed, and for startTime at most, or silentTime if it is silent.
// Networks take turns.
type arrivals struct {
	maxStarting int           // the constant of that name, except in tests
	startTime   time.Duration // likewise
	silentTime  time.Duration // likewise
	wait        time.Duration // arrivalWait, likewise

	waiting  int
	turns    *list.List    // of *network: those with waiting connections
	starting *list.List    // of *Conn, in the order of their start
	changed  chan struct{} // wakes Accept; capacity 1, never closed
	checked  time.Time     // when dropLate was called
	err      error         // of the listener, once it accepts no more
}

func newArrivals() arrivals {
	return arrivals{
		maxStarting: maxStarting, startTime: startTime, silentTime: silentTime, wait: arrivalWait,
		turns: list.New(), starting: list.New(), changed: make(chan struct{}, 1),
	}
}

// wake lets Accept look again.
func (a *arrivals) wake() {
	select {
	case a.changed <- struct{}{}:
	default: // a wake-up is pending already
	}
}

// Accept waits for the next connection that may start.
func (l *Listener) Accept() (net.Conn, error) {
	l.accepting.Do(func() { go l.acceptAll() })
	timer := time.NewTimer(l.arrivals.startTime)
	defer timer.Stop()
	for {
		c, again, err := l.next(time.Now())
		if c != nil || err != nil {
			return c, err
		}
		timer.Reset(again)
		select {
		case <-l.arrivals.changed:
		case <-timer.C:
		}
	}
}

// acceptAll accepts connections, and has them wait, until the listener is closed.
func (l *Listener) acceptAll() {
	var failed time.Time // when there were no files last
	for {
		tcp, err := l.AcceptTCP()
		var problem interface{ Temporary() bool }
		if errors.As(err, &problem) && problem.Temporary() { // there are no files left
			if now := time.Now(); now.Sub(failed) > lackEpisode {
				l.log.Warn("cannot accept connections for now", "error", err)
			}
			failed = time.Now()
			time.Sleep(acceptPause) //nolint:forbidigo // any part of the process may free a file: there is no event to wait for
			continue
		}
		if err != nil {
			l.endArrivals(err)
			return
		}
		l.add(&Conn{TCPConn: tcp, listener: l, network: l.networkOf(tcp.RemoteAddr())})
	}
}

// endArrivals closes the connections that wait, and lets Accept return err.
func (l *Listener) endArrivals(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.arrivals.err = err
	for first := l.arrivals.turns.Front(); first != nil; first = l.arrivals.turns.Front() {
		n := first.Value.(*network)
		for len(n.waiting) > 0 {
			_ = l.takeFirst(n).TCPConn.Close()
		}
		l.endTurn(first)
	}
	l.arrivals.wake()
}

// add has a connection wait, and makes room for it if necessary.
func (l *Listener) add(c *Conn) {
	for {
		l.mu.Lock()
		if !l.isFull() {
			break
		}
		victims := l.longestIdle(l.givesWay(c))
		if len(victims) == 0 {
			l.dropOne(c)
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		closeAll(victims)
	}
	defer l.mu.Unlock()
	l.enqueue(c)
}

// givesWay returns the network whose idle connections make room for c: that of c, or else another, if it has more than
// its share together with those that wait, and otherwise the one with the most idle connections. So a network that
// floods the listener takes nobody else's. l.mu is held.
func (l *Listener) givesWay(c *Conn) netip.Prefix {
	if n := l.network(c.network); l.exceedsShare(n, n.conns+len(n.waiting)+1) {
		return c.network
	}
	for turn := l.arrivals.turns.Front(); turn != nil; turn = turn.Next() {
		if n := turn.Value.(*network); l.exceedsShare(n, n.conns+len(n.waiting)) {
			return n.prefix
		}
	}
	return l.mostIdle()
}

// enqueue appends a connection to those of its network that wait. l.mu is held.
func (l *Listener) enqueue(c *Conn) {
	n := l.network(c.network)
	c.arrived = time.Now()
	n.waiting = append(n.waiting, c)
	l.arrivals.waiting++
	if !n.inTurn {
		n.inTurn = true
		l.arrivals.turns.PushBack(n)
	}
	l.arrivals.wake()
}

// dropOne closes the newest connection that waits, of the network with the most of them, and has c wait in its place.
// It closes c if its own network has its share, or if that network does not have at least two more that wait: then the
// exchange would gain nothing. l.mu is held.
func (l *Listener) dropOne(c *Conn) {
	l.reportLack()
	own := l.network(c.network)
	most := own
	for turn := l.arrivals.turns.Front(); turn != nil; turn = turn.Next() {
		if n := turn.Value.(*network); len(n.waiting) > len(most.waiting) {
			most = n
		}
	}
	last := len(most.waiting) - 1
	if last <= len(own.waiting) || l.exceedsShare(own, own.conns+len(own.waiting)+1) {
		l.forget(own)
		_ = c.TCPConn.Close()
		return
	}
	_ = most.waiting[last].TCPConn.Close()
	most.waiting[last] = nil
	most.waiting = most.waiting[:last]
	l.arrivals.waiting--
	l.enqueue(c)
}

// takeFirst removes the first connection of a network that waits. l.mu is held.
func (l *Listener) takeFirst(n *network) *Conn {
	c := n.waiting[0]
	n.waiting[0] = nil
	if n.waiting = n.waiting[1:]; len(n.waiting) == 0 {
		n.waiting = nil
	}
	l.arrivals.waiting--
	return c
}

// endTurn ends the turn of a network, and gives it the last one if more of its connections wait. l.mu is held.
func (l *Listener) endTurn(turn *list.Element) {
	n := turn.Value.(*network)
	if len(n.waiting) > 0 {
		l.arrivals.turns.MoveToBack(turn)
		return
	}
	l.arrivals.turns.Remove(turn)
	n.inTurn = false
	l.forget(n)
}

// next returns the next connection that may start, nil if there is none now. Accept then looks again when something has
// changed, or after the time again.
func (l *Listener) next(now time.Time) (c *Conn, again time.Duration, err error) {
	var victims []*Conn
	defer func() { closeAll(victims) }()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.arrivals.err != nil {
		return nil, 0, l.arrivals.err
	}
	l.dropLate(now)
	again = l.endStarts(now)
	for turn := l.arrivals.turns.Front(); turn != nil && l.arrivals.starting.Len() < l.arrivals.maxStarting; {
		n, following := turn.Value.(*network), turn.Next()
		if n.prefix.IsValid() && n.starting >= l.arrivals.maxStarting/startingShare {
			turn = following
			continue
		}
		if l.exceedsShare(n, n.conns+1) {
			if victims = l.longestIdle(n.prefix); len(victims) == 0 {
				turn = following
				continue
			}
		}
		c = l.takeFirst(n)
		l.begin(n, c, now)
		l.endTurn(turn)
		return c, 0, nil
	}
	return nil, again, nil
}

// begin counts a connection as one for requests, and as starting. l.mu is held.
func (l *Listener) begin(n *network, c *Conn, now time.Time) {
	c.arrived = now
	c.idle.Store(now.UnixNano())
	c.start = l.arrivals.starting.PushBack(c)
	n.starting++
	n.conns++
	l.conns[c] = struct{}{}
}

// dropLate closes connections that have waited too long. l.mu is held.
func (l *Listener) dropLate(now time.Time) {
	if now.Sub(l.arrivals.checked) < min(l.arrivals.startTime, l.arrivals.wait) {
		return
	}
	l.arrivals.checked = now
	for turn := l.arrivals.turns.Front(); turn != nil; {
		n, following := turn.Value.(*network), turn.Next()
		for len(n.waiting) > 0 && now.Sub(n.waiting[0].arrived) > l.arrivals.wait {
			_ = l.takeFirst(n).TCPConn.Close()
		}
		if len(n.waiting) == 0 {
			l.endTurn(turn)
		}
		turn = following
	}
}

// endStarts no longer counts connections as starting that have done so for startTime, or for silentTime and are silent.
// It returns when it will be the turn of the next one. l.mu is held.
func (l *Listener) endStarts(now time.Time) (again time.Duration) {
	again = l.arrivals.startTime
	for first := l.arrivals.starting.Front(); first != nil; {
		c, following := first.Value.(*Conn), first.Next()
		age := now.Sub(c.arrived)
		switch left := l.arrivals.startTime - age; {
		case left <= 0, age >= l.arrivals.silentTime && c.isSilent():
			l.endStart(c)
		case age < l.arrivals.silentTime: // and so are all that follow
			return min(again, left, l.arrivals.silentTime-age)
		default:
			again = min(again, left)
		}
		first = following
	}
	return again
}

// endStart no longer counts a connection as starting. l.mu is held.
func (l *Listener) endStart(c *Conn) {
	l.arrivals.starting.Remove(c.start)
	c.start = nil
	l.networks[c.network].starting--
}

// started no longer counts a connection as starting: it had its first response, has ended, or is a stream.
func (l *Listener) started(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.start != nil {
		l.endStart(c)
		l.arrivals.wake()
	}
}

func closeAll(conns []*Conn) {
	for _, c := range conns {
		_ = c.Close()
	}
}
