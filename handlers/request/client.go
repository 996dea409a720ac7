package request

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the networks of the trusted proxies in front of the server. Only what these say in X-Forwarded-For and
// Forwarded is believed; everybody else can make it up.
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

// unmapped turns an IPv4 network in IPv6 notation (::ffff:10.0.0.0/104) into an IPv4 network.
func unmapped(network netip.Prefix) netip.Prefix {
	const mapped = 96 // bits in front of the IPv4 address
	if a := network.Addr(); a.Is4In6() && network.Bits() >= mapped {
		return netip.PrefixFrom(a.Unmap(), network.Bits()-mapped)
	}
	return network
}

// Trust reports whether the address belongs to a trusted proxy.
func (p Proxies) Trust(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(a) })
}

// Client is the client that a request comes from.
type Client struct {
	IP    netip.Addr // invalid if the peer has none
	Other string     // the peer's address then
	HTTPS bool       // whether the client uses TLS, to the server or to a proxy
}

// ClientOf finds the client behind the trusted proxies: the first address, from the server outwards, that does not
// belong to a trusted proxy. Addresses further out may be made up by the client. If an address cannot be parsed, the
// client is the peer.
func (p Proxies) ClientOf(r *http.Request) Client {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return Client{Other: r.RemoteAddr, HTTPS: r.TLS != nil}
	}
	c := Client{IP: plainIP(peer.Addr()), HTTPS: r.TLS != nil}
	switch {
	case len(p) == 0:
		// There may be a proxy that is not configured. A client that claims TLS wrongly only loses its own cookie.
		c.HTTPS = c.HTTPS || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
		return c
	case !p.Trust(c.IP):
		return c
	}
	return p.behind(c, r)
}

// behind finds the client behind the proxies, of which c is the one that connects to the server.
func (p Proxies) behind(c Client, r *http.Request) Client {
	proto := lastOf(r.Header.Values("X-Forwarded-Proto"))
	nearest := c.IP
	for h := range hopsOf(r.Header) {
		if !h.ip.IsValid() {
			c.IP = nearest
			break
		}
		c.IP = h.ip
		if !p.Trust(h.ip) {
			if h.proto != "" {
				proto = h.proto
			}
			break
		}
	}
	c.HTTPS = c.HTTPS || strings.EqualFold(proto, "https")
	return c
}

// plainIP returns the address without its zone, and an IPv4 address in IPv6 notation as IPv4.
func plainIP(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// hop is what a proxy says about its own client.
type hop struct {
	ip    netip.Addr // invalid if it cannot be parsed
	proto string     // "" if unknown
}

// hopsOf returns the hops of a request, the nearest first. Forwarded takes precedence over X-Forwarded-For. Several
// lines of a header form one list.
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

// forwarded returns the hops of the header Forwarded (RFC 7239). A malformed line stands for one unknown hop.
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

var errForwarded = errors.New("malformed Forwarded header (RFC 7239)")

// parseForwarded parses one line: elements separated by commas, each with pairs separated by semicolons. A quoted value
// may contain both.
func parseForwarded(line string) (hops []hop, err error) {
	var h hop
	empty := true // the element has no pair yet
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

// forwardedPair parses name=value from the start of s; the value may be quoted.
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

// addressIn parses an address, with or without a port; IPv6 may be in brackets. For anything else, such as "unknown",
// the result is invalid.
func addressIn(text string) netip.Addr {
	if a, err := netip.ParseAddr(text); err == nil {
		return plainIP(a)
	}
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		text += ":0" // ParseAddrPort needs a port
	}
	if a, err := netip.ParseAddrPort(text); err == nil {
		return plainIP(a.Addr())
	}
	return netip.Addr{}
}

// lastOf returns the last item of a list that may span several header lines.
func lastOf(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	last := lines[len(lines)-1]
	return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
}

// Network is the key of limits: an IPv4 address, or the /64 of an IPv6 address, since one customer usually has all of
// it.
func (c Client) Network() string {
	if !c.IP.Is6() {
		return c.Address()
	}
	network, _ := c.IP.Prefix(64) // 64 bits are always valid for IPv6
	return network.String()
}

// Address is the client's address without a port.
func (c Client) Address() string {
	if !c.IP.IsValid() {
		return c.Other
	}
	return c.IP.String()
}
