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
// address; proxies excepted) may have half of them at most, so that no client can take all. When there are no files
// left, the listener closes the connections that have been idle longest, of the network with the most idle ones; if
// none is idle it closes the new connection at once.
type Listener struct {
	*net.TCPListener
	limits Limits
	files  int // that connections may have open together; 0 for no limit
	proxy  func(netip.Addr) bool

	mu       sync.Mutex
	conns    map[*Conn]struct{}
	networks map[netip.Prefix]int // number of connections
	streams  int
}

// NewListener wraps a listener. proxy reports whether an address is that of a proxy: its connections are from many
// clients, and belong to no network. files is how many files the connections may have open together, 0 for no limit;
// see Room.
func NewListener(l *net.TCPListener, limits Limits, files int, proxy func(netip.Addr) bool) *Listener {
	return &Listener{
		TCPListener: l,
		limits:      limits,
		files:       files,
		proxy:       proxy,
		conns:       map[*Conn]struct{}{},
		networks:    map[netip.Prefix]int{},
	}
}

// Accept waits for the next connection that there are files for.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		tcp, err := l.AcceptTCP()
		if err != nil {
			return nil, err // net/http waits a moment and retries if the process has no files left
		}
		c := &Conn{TCPConn: tcp, listener: l, network: l.networkOf(tcp.RemoteAddr())}
		c.idle.Store(time.Now().UnixNano())
		if l.add(c) {
			return c, nil
		}
		_ = tcp.Close()
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
	}
}

// add adds a connection, and closes idle ones if necessary. It returns false if there are no files for it.
func (l *Listener) add(c *Conn) bool {
	for {
		l.mu.Lock()
		largest, free := l.hasRoom(c.network)
		if free {
			l.conns[c] = struct{}{}
			l.networks[c.network]++
			l.mu.Unlock()
			return true
		}
		victims := l.longestIdle(largest)
		l.mu.Unlock()
		if len(victims) == 0 {
			return false
		}
		for _, idle := range victims {
			_ = idle.Close()
		}
	}
}

// hasRoom reports whether there is room for another connection of a network. If there is none, largest is the network
// whose idle connections are to be closed. l.mu is held.
func (l *Listener) hasRoom(network netip.Prefix) (largest netip.Prefix, free bool) {
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
		if c.idle.Load() == 0 {
			continue
		}
		idle[c.network]++
		if idle[c.network] > most {
			largest, most = c.network, idle[c.network]
		}
	}
	return largest, false
}

// longestIdle returns the connections of a network that have been idle longest. l.mu is held.
func (l *Listener) longestIdle(network netip.Prefix) []*Conn {
	type idleConn struct {
		conn  *Conn
		since int64
	}
	var list []idleConn
	for c := range l.conns {
		if since := c.idle.Load(); since != 0 && c.network == network {
			list = append(list, idleConn{c, since})
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
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.conns[c]; !known {
		return
	}
	delete(l.conns, c)
	l.networks[c.network]--
	if l.networks[c.network] == 0 {
		delete(l.networks, c.network)
	}
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
