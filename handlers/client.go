package handlers

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the networks whose word on where a request comes from is taken: those of the proxies in front of the
// server, and nobody else's. What others say in X-Forwarded-For and Forwarded can be made up.
type Proxies []netip.Prefix

// UnmarshalText reads networks in CIDR notation and single addresses, separated by commas, and adds them.
func (p *Proxies) UnmarshalText(text []byte) error {
	for item := range strings.SplitSeq(string(text), ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		network, err := netip.ParsePrefix(item)
		if err != nil {
			var address netip.Addr
			if address, err = netip.ParseAddr(item); address.Zone() != "" {
				err = errors.New("it has a zone")
			}
			network = netip.PrefixFrom(address, address.BitLen())
		}
		if err != nil {
			return fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", item)
		}
		*p = append(*p, unmapped(network).Masked())
	}
	return nil
}

// unmapped is an IPv4 network that was written in IPv6 (::ffff:10.0.0.0/104) as the one that it is.
func unmapped(network netip.Prefix) netip.Prefix {
	const mapped = 96 // bits in front of the IPv4 address
	if a := network.Addr(); a.Is4In6() && network.Bits() >= mapped {
		return netip.PrefixFrom(a.Unmap(), network.Bits()-mapped)
	}
	return network
}

// Trust reports whether an address is one of theirs.
func (p Proxies) Trust(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(a) })
}

// client is where a request comes from.
type client struct {
	ip    netip.Addr // not valid where the peer has none
	other string     // what the peer has then
	https bool       // whether the client speaks TLS, with the server or with a proxy
}

// clientOf finds the client behind the trusted proxies: the first address, from the server outwards, that is not a
// trusted proxy's. What stands further out is the client's own invention. An address that cannot be read, where a
// trusted proxy should have put one, leaves the peer.
func (p Proxies) clientOf(r *http.Request) client {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return client{other: r.RemoteAddr, https: r.TLS != nil}
	}
	c := client{ip: plainIP(peer.Addr()), https: r.TLS != nil}
	switch {
	case len(p) == 0:
		// Nothing is known of a proxy. Whoever claims TLS without need only keeps their own cookie from being sent.
		c.https = c.https || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
		return c
	case !p.Trust(c.ip):
		return c
	}
	said := lastOf(r.Header.Values("X-Forwarded-Proto"))
	nearest := c.ip
	for h := range hopsOf(r.Header) {
		if !h.ip.IsValid() {
			c.ip = nearest
			break
		}
		c.ip = h.ip
		if !p.Trust(h.ip) {
			if h.proto != "" {
				said = h.proto
			}
			break
		}
	}
	c.https = c.https || strings.EqualFold(said, "https")
	return c
}

// plainIP is an address without its zone; an IPv4 address that comes as IPv6 is IPv4.
func plainIP(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// hop is what a proxy says of who came to it.
type hop struct {
	ip    netip.Addr // not valid when it cannot be read
	proto string     // "" for nothing said
}

// hopsOf are the hops of a request, the nearest first. Forwarded wins over X-Forwarded-For. Many lines are one list.
func hopsOf(header http.Header) iter.Seq[hop] {
	if lines := header.Values("Forwarded"); strings.Join(lines, "") != "" {
		return forwarded(lines)
	}
	return func(yield func(hop) bool) {
		for _, line := range slices.Backward(header.Values("X-Forwarded-For")) {
			for more := true; more; {
				at := strings.LastIndexByte(line, ',')
				text := strings.TrimSpace(line[at+1:])
				if more = at >= 0; more {
					line = line[:at]
				}
				if text != "" && !yield(hop{ip: addressIn(text)}) {
					return
				}
			}
		}
	}
}

// forwarded are the hops of RFC 7239. A line that is not well-formed has none that can be read.
func forwarded(lines []string) iter.Seq[hop] {
	return func(yield func(hop) bool) {
		for _, line := range slices.Backward(lines) {
			hops, err := parseForwarded(line)
			if err != nil {
				yield(hop{})
				return
			}
			for _, h := range slices.Backward(hops) {
				if !yield(h) {
					return
				}
			}
		}
	}
}

var errForwarded = errors.New("not a list of RFC 7239")

// parseForwarded reads one line: elements between commas, each of them pairs between semicolons, of which a value may be
// quoted and then hold either.
func parseForwarded(line string) (hops []hop, err error) {
	var h hop
	empty := true // nothing of the element has come yet
	for rest := line; ; {
		rest = strings.TrimLeft(rest, " \t")
		if rest != "" && rest[0] != ',' && rest[0] != ';' {
			name, value, after, ok := forwardedPair(rest)
			if !ok {
				return nil, errForwarded
			}
			rest, empty = strings.TrimLeft(after, " \t"), false
			switch {
			case strings.EqualFold(name, "for"):
				h.ip = addressIn(value)
			case strings.EqualFold(name, "proto"):
				h.proto = value
			}
		}
		if rest != "" && rest[0] == ';' {
			rest = rest[1:]
			continue
		}
		if !empty {
			hops, h, empty = append(hops, h), hop{}, true
		}
		switch {
		case rest == "":
			return hops, nil
		case rest[0] != ',':
			return nil, errForwarded
		}
		rest = rest[1:]
	}
}

// forwardedPair reads name=value, of which the value may be quoted, from the start of s.
func forwardedPair(s string) (name, value, rest string, ok bool) {
	name, s, ok = strings.Cut(s, "=")
	if !ok || name == "" || strings.ContainsAny(name, " \t,;\"") {
		return "", "", "", false
	}
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, " \t,;\"")
		if end < 0 {
			end = len(s)
		}
		return name, s[:end], s[end:], end > 0
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return name, b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", "", false
}

// addressIn reads an address, of IPv6 perhaps in brackets, and perhaps with a port. It is not valid for anything else,
// such as "unknown".
func addressIn(text string) netip.Addr {
	if a, err := netip.ParseAddr(text); err == nil {
		return plainIP(a)
	}
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		text += ":0" // a port, which nobody looks at
	}
	if a, err := netip.ParseAddrPort(text); err == nil {
		return plainIP(a.Addr())
	}
	return netip.Addr{}
}

// lastOf is the last item of a list that may come in many lines.
func lastOf(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	last := lines[len(lines)-1]
	return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
}

// network is what limits count by: of an IPv6 address its /64, of which one customer has all addresses.
func (c client) network() string {
	if !c.ip.Is6() {
		return c.address()
	}
	network, _ := c.ip.Prefix(64) // 64 bits are never too many for IPv6
	return network.String()
}

// address is the client's address, without a port.
func (c client) address() string {
	if !c.ip.IsValid() {
		return c.other
	}
	return c.ip.String()
}

// addressOf is the address of the client that a request comes from, as people read it.
func addressOf(r *http.Request) string { return traceOf(r).client.address() }

// networkOf is the network that limits count the request for, where no user is known.
func networkOf(r *http.Request) string { return traceOf(r).client.network() }
