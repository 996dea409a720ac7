package deadline

import (
	"cmp"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// perRequest is how many files a connection for requests may need: itself, and one that a request reads or writes.
	perRequest = 2
	// streamShare is the share of all files that streams leave to requests: one in streamShare.
	streamShare = 8
	// evictShare is the share of a network's idle connections that are closed at once when there is no room: one in
	// evictShare.
	evictShare = 16
)

// ErrFull means that a connection cannot become a stream, because there are as many streams as the process has files
// for.
var ErrFull = errors.New("there are as many streams as this process has files for")

// Listener accepts connections with the rules of this package.
//
// Their number is bounded by the files that the process may open. One network (an IPv4 address, or the /64 of an IPv6
// address; proxies excepted) may have half of them for its requests at most, so that no client can take all. When there
// are no files left, the listener closes the connections that have been idle longest, of a network that has more than
// its share together with those that wait to be served (see arrivals), otherwise of the one with the most idle ones. If
// none is idle it closes one that waits, of the network with the most of them.
type Listener struct {
	*net.TCPListener
	limits Limits
	files  int // that connections may have open together; 0 for no limit
	proxy  func(netip.Addr) bool
	log    *slog.Logger

	accepting sync.Once
	mu        sync.Mutex
	conns     map[*Conn]struct{} // for requests, not those that wait
	networks  map[netip.Prefix]*network
	arrivals  arrivals
	streams   int
	lacked    time.Time // when there was no file for a connection or a stream last
}

// network is what the connections of one network have.
type network struct {
	prefix   netip.Prefix // invalid for all proxies together
	conns    int          // for requests
	starting int          // how many of conns are in arrivals.starting
	waiting  []*Conn      // the first one first
	inTurn   bool
}

// NewListener wraps a listener. proxy reports whether an address is that of a proxy: its connections are from many
// clients, and belong to no network. files is how many files the connections may have open together, 0 for no limit;
// see Room.
func NewListener(
	l *net.TCPListener, limits Limits, files int, proxy func(netip.Addr) bool, log *slog.Logger,
) *Listener {
	return &Listener{
		TCPListener: l,
		limits:      limits,
		files:       files,
		proxy:       proxy,
		log:         log,
		conns:       map[*Conn]struct{}{},
		networks:    map[netip.Prefix]*network{},
		arrivals:    newArrivals(),
	}
}

// Track records the states of connections. It is for http.Server.ConnState.
func (l *Listener) Track(conn net.Conn, state http.ConnState) {
	c, ok := conn.(*Conn)
	switch {
	case !ok:
	case state == http.StateActive:
		c.idle.Store(0)
	case state == http.StateIdle:
		c.idle.Store(time.Now().UnixNano())
		l.started(c)
	}
}

// network returns the entry of a network. l.mu is held.
func (l *Listener) network(prefix netip.Prefix) *network {
	n := l.networks[prefix]
	if n == nil {
		n = &network{prefix: prefix}
		l.networks[prefix] = n
	}
	return n
}

// forget deletes the entry of a network that has nothing. l.mu is held.
func (l *Listener) forget(n *network) {
	if n.conns+len(n.waiting) == 0 && !n.inTurn {
		delete(l.networks, n.prefix)
	}
}

// isFull reports whether there are no files for another connection. l.mu is held.
func (l *Listener) isFull() bool {
	return l.files > 0 && l.streams+perRequest*(len(l.conns)+l.arrivals.waiting+1) > l.files
}

// reportLack logs that a connection is closed or a stream refused because there are no files for it, once per episode.
// l.mu is held.
func (l *Listener) reportLack() {
	now := time.Now()
	if now.Sub(l.lacked) > lackEpisode {
		l.log.Warn("connections are refused: as many are open as the limit of open files allows (ulimit -n)",
			"connections", len(l.conns)+l.arrivals.waiting, "streams", l.streams, "files", l.files)
	}
	l.lacked = now
}

// exceedsShare reports whether so many connections are more than a network may have for requests. l.mu is held.
func (l *Listener) exceedsShare(n *network, conns int) bool {
	return l.files > 0 && n.prefix.IsValid() && conns > max(1, l.files/perRequest/2)
}

// mostIdle returns the network with the most idle connections. l.mu is held.
func (l *Listener) mostIdle() (largest netip.Prefix) {
	idle, most := map[netip.Prefix]int{}, 0
	for c := range l.conns {
		if !c.isIdle() {
			continue
		}
		idle[c.network]++
		if idle[c.network] > most {
			largest, most = c.network, idle[c.network]
		}
	}
	return largest
}

// longestIdle returns the connections of a network that have been idle longest. l.mu is held.
func (l *Listener) longestIdle(network netip.Prefix) []*Conn {
	type idleConn struct {
		conn  *Conn
		since int64
	}
	var list []idleConn
	for c := range l.conns {
		if c.isIdle() && c.network == network {
			list = append(list, idleConn{c, c.idle.Load()})
		}
	}
	slices.SortFunc(list, func(a, b idleConn) int { return cmp.Compare(a.since, b.since) })
	var victims []*Conn
	for _, i := range list[:(len(list)+evictShare-1)/evictShare] {
		victims = append(victims, i.conn)
	}
	return victims
}

// remove removes a connection.
func (l *Listener) remove(c *Conn) {
	l.started(c)
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.conns[c]; !known {
		return
	}
	delete(l.conns, c)
	n := l.networks[c.network]
	n.conns--
	l.forget(n)
	l.arrivals.wake()
}

// Connections returns how many connections are open for requests, and how many as streams.
func (l *Listener) Connections() (requests, streams int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns), l.streams
}

// networkOf returns the network of a connection: an IPv4 address, or the /64 of an IPv6 address, since one customer
// usually has all of it. The result is invalid for a proxy.
func (l *Listener) networkOf(a net.Addr) netip.Prefix {
	address, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := address.AddrPort().Addr().Unmap().WithZone("")
	if l.proxy(ip) {
		return netip.Prefix{}
	}
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
