package deadline

import (
	"cmp"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// perRequest is how many files a connection for requests may need: itself, and a file that is read or written for it.
	perRequest = 2
	// streamShare is the part of all files that streams leave to requests: one in so many.
	streamShare = 8
	// evictShare is how many of a network's idle connections go at once when there is no room: one in so many.
	evictShare = 16
)

// ErrFull is the error of a connection that may not become a stream, since there are as many as there is room for.
var ErrFull = errors.New("there are as many streams as this process has files for")

// Listener hands out connections with the rules of this package.
//
// Their number is bounded by the files that the process may open. One network (an IPv4 address, or the /64 of an IPv6
// address; proxies left out) has half of the room at most, lest one client has all of it. When there is no room, who has been idle longest
// gives way, of the network that has the most idle ones; when nobody is idle the new connection is closed at once.
type Listener struct {
	*net.TCPListener
	limits Limits
	files  int // that connections may have together; 0 for no bound
	shared func(netip.Addr) bool

	mu       sync.Mutex
	conns    map[*Conn]struct{}
	networks map[netip.Prefix]int // how many of them each has
	streams  int
}

// NewListener makes a Listener of one that listens. Connections from addresses that shared reports, those of proxies, are of
// many clients, and have no network. Files is how many the connections may have open together, 0 for no
// bound; see Room.
func NewListener(l *net.TCPListener, limits Limits, files int, shared func(netip.Addr) bool) *Listener {
	return &Listener{
		TCPListener: l, limits: limits, files: files, shared: shared, conns: map[*Conn]struct{}{}, networks: map[netip.Prefix]int{},
	}
}

// Accept waits for the next connection that there is room for.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		tcp, err := l.AcceptTCP()
		if err != nil {
			return nil, err // net/http waits a moment and tries again when the process has no files left
		}
		c := &Conn{TCPConn: tcp, listener: l, network: l.networkOf(tcp.RemoteAddr())}
		c.since.Store(time.Now().UnixNano())
		if l.enter(c) {
			return c, nil
		}
		_ = tcp.Close()
	}
}

// Track follows the connections' states; it is for http.Server.ConnState.
func (l *Listener) Track(conn net.Conn, state http.ConnState) {
	c, ok := conn.(*Conn)
	switch {
	case !ok:
	case state == http.StateActive:
		c.since.Store(0)
	case state == http.StateIdle:
		c.since.Store(time.Now().UnixNano())
	}
}

// enter finds room for a connection, or answers false.
func (l *Listener) enter(c *Conn) bool {
	for {
		l.mu.Lock()
		crowd, room := l.crowd(c.network)
		if room {
			l.conns[c] = struct{}{}
			l.networks[c.network]++
			l.mu.Unlock()
			return true
		}
		gone := l.longestIdle(crowd)
		l.mu.Unlock()
		if len(gone) == 0 {
			return false
		}
		for _, idle := range gone {
			_ = idle.Close()
		}
	}
}

// crowd reports whether there is room for one more of a network, and which network is to make some. l.mu is held.
func (l *Listener) crowd(network netip.Prefix) (crowd netip.Prefix, room bool) {
	if l.files == 0 {
		return network, true
	}
	if network.IsValid() && l.networks[network] >= max(1, l.files/perRequest/2) {
		return network, false
	}
	if l.streams+perRequest*(len(l.conns)+1) <= l.files {
		return network, true
	}
	idle, most := map[netip.Prefix]int{}, 0
	for c := range l.conns {
		if c.since.Load() == 0 {
			continue
		}
		idle[c.network]++
		if idle[c.network] > most {
			crowd, most = c.network, idle[c.network]
		}
	}
	return crowd, false
}

// longestIdle are connections of a network that no request is served on. l.mu is held.
func (l *Listener) longestIdle(network netip.Prefix) []*Conn {
	type idle struct {
		conn  *Conn
		since int64
	}
	var list []idle
	for c := range l.conns {
		if since := c.since.Load(); since != 0 && c.network == network {
			list = append(list, idle{c, since})
		}
	}
	slices.SortFunc(list, func(a, b idle) int { return cmp.Compare(a.since, b.since) })
	var gone []*Conn
	for _, i := range list[:(len(list)+evictShare-1)/evictShare] {
		gone = append(gone, i.conn)
	}
	return gone
}

// forget gives the place of a connection up.
func (l *Listener) forget(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, there := l.conns[c]; !there {
		return
	}
	delete(l.conns, c)
	l.networks[c.network]--
	if l.networks[c.network] == 0 {
		delete(l.networks, c.network)
	}
}

// Connections are how many are open for requests, and how many were released as streams and are not closed.
func (l *Listener) Connections() (requests, streams int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns), l.streams
}

// networkOf is where a connection comes from: of an IPv6 address its /64, of which one customer has all addresses. It is not
// valid where it comes from a proxy.
func (l *Listener) networkOf(a net.Addr) netip.Prefix {
	address, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := address.AddrPort().Addr().Unmap().WithZone("")
	if l.shared(ip) {
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
