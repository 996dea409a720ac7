package request

import (
	"net/http"
	"strings"
	"testing"
)

func TestClientBehindProxies(t *testing.T) {
	var proxies Proxies
	if err := proxies.UnmarshalText([]byte("10.0.0.0/8, 192.0.2.7,2001:db8:f::/48,::ffff:172.16.0.0/108")); err != nil {
		t.Fatal(err)
	}
	const xff, fwd = "X-Forwarded-For", "Forwarded"
	for _, c := range []struct {
		name, peer string
		headers    []string // in pairs
		want       string
	}{
		{"nothing said", "10.1.1.1:99", nil, "10.1.1.1"},
		{"not a proxy", "198.51.100.1:99", []string{xff, "203.0.113.9", fwd, "for=203.0.113.8"}, "198.51.100.1"},
		{"one proxy", "10.1.1.1:99", []string{xff, "203.0.113.9"}, "203.0.113.9"},
		{"one proxy by its address", "192.0.2.7:99", []string{xff, "203.0.113.9"}, "203.0.113.9"},
		{"its neighbour", "192.0.2.8:99", []string{xff, "203.0.113.9"}, "192.0.2.8"},
		{"a proxy in mapped addresses", "[::ffff:10.1.1.1]:99", []string{xff, "203.0.113.9"}, "203.0.113.9"},
		{"a network in mapped addresses", "172.17.0.1:99", []string{xff, "203.0.113.9"}, "203.0.113.9"},
		{"a made-up address in front", "10.1.1.1:99", []string{xff, "1.1.1.1, 203.0.113.9"}, "203.0.113.9"},
		{"a made-up proxy in front", "10.1.1.1:99", []string{xff, "1.1.1.1, 10.3.3.3, 203.0.113.9"}, "203.0.113.9"},
		{"two proxies", "10.1.1.1:99", []string{xff, "1.1.1.1, 203.0.113.9,10.2.2.2"}, "203.0.113.9"},
		{"many lines", "10.1.1.1:99", []string{xff, "1.1.1.1", xff, "203.0.113.9", xff, "10.2.2.2, 10.3.3.3"}, "203.0.113.9"},
		{"proxies alone", "10.1.1.1:99", []string{xff, "10.9.9.9, 10.2.2.2"}, "10.9.9.9"},
		{"an empty item", "10.1.1.1:99", []string{xff, "203.0.113.9, ,"}, "203.0.113.9"},
		{"a port", "10.1.1.1:99", []string{xff, "203.0.113.9:4711"}, "203.0.113.9"},
		{"garbage", "10.1.1.1:99", []string{xff, "203.0.113.9, nonsense"}, "10.1.1.1"},
		{"garbage behind a proxy", "10.1.1.1:99", []string{xff, "nonsense, 10.2.2.2"}, "10.1.1.1"},
		{"garbage further out", "10.1.1.1:99", []string{xff, "nonsense, 203.0.113.9"}, "203.0.113.9"},
		{"IPv6", "[2001:db8:f::1]:99", []string{xff, "2001:db8:1::42"}, "2001:db8:1::42"},
		{"IPv6 in brackets", "10.1.1.1:99", []string{xff, "[2001:db8:1::42]:80"}, "2001:db8:1::42"},
		{"Forwarded wins", "10.1.1.1:99", []string{xff, "1.1.1.1", fwd, "for=203.0.113.9"}, "203.0.113.9"},
		{"Forwarded, empty", "10.1.1.1:99", []string{xff, "203.0.113.9", fwd, ""}, "203.0.113.9"},
		{"Forwarded, quoted", "10.1.1.1:99", []string{fwd, `For="[2001:db8:1::42]:4711";proto=https;by="a\"b,c;d"`},
			"2001:db8:1::42"},
		{"Forwarded, a list", "10.1.1.1:99", []string{fwd, "for=1.1.1.1, for=203.0.113.9 ; proto=http , for=10.2.2.2"},
			"203.0.113.9"},
		{"Forwarded, many lines", "10.1.1.1:99", []string{fwd, "for=1.1.1.1", fwd, "for=203.0.113.9", fwd, "for=10.2.2.2"},
			"203.0.113.9"},
		{"Forwarded, hidden", "10.1.1.1:99", []string{fwd, "for=_secret", xff, "1.1.1.1"}, "10.1.1.1"},
		{"Forwarded, nobody", "10.1.1.1:99", []string{fwd, "proto=https", xff, "1.1.1.1"}, "10.1.1.1"},
		{"Forwarded, a quote left open", "10.1.1.1:99", []string{fwd, `for="1.1.1.1, for=203.0.113.9`}, "10.1.1.1"},
		{"Forwarded, a quote that swallows", "10.1.1.1:99", []string{fwd, `for=1.1.1.1;x=", for="[2001:db8:1::42]:80"`},
			"10.1.1.1"},
		{"Forwarded, an old line is broken", "10.1.1.1:99", []string{fwd, `for="`, fwd, "for=203.0.113.9"}, "203.0.113.9"},
		{"no address", "@", []string{xff, "203.0.113.9"}, "@"},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{}}
		for i := 0; i < len(c.headers); i += 2 {
			r.Header.Add(c.headers[i], c.headers[i+1])
		}
		if got := proxies.ClientOf(r).Address(); got != c.want {
			t.Errorf("%s: %q said by %s is %s, want %s", c.name, c.headers, c.peer, got, c.want)
		}
	}
}

func TestHowTheClientCame(t *testing.T) {
	proxies := Proxies{}
	if err := proxies.UnmarshalText([]byte("10.0.0.0/8")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		proxies Proxies
		peer    string
		headers []string
		want    bool
	}{
		{nil, "10.1.1.1:1", nil, false},
		{nil, "10.1.1.1:1", []string{"X-Forwarded-Proto", "https"}, true},
		{proxies, "10.1.1.1:1", []string{"X-Forwarded-Proto", "https"}, true},
		{proxies, "10.1.1.1:1", []string{"X-Forwarded-Proto", "https", "X-Forwarded-Proto", "http"}, false},
		{proxies, "198.51.100.1:1", []string{"X-Forwarded-Proto", "https", "Forwarded", "for=1.1.1.1;proto=https"}, false},
		{proxies, "10.1.1.1:1", []string{"Forwarded", "for=1.1.1.1;proto=https"}, true},
		{proxies, "10.1.1.1:1", []string{"Forwarded", "for=2.2.2.2;proto=https, for=1.1.1.1;proto=http"}, false},
		{proxies, "10.1.1.1:1", []string{"Forwarded", "for=1.1.1.1;proto=https, for=10.2.2.2;proto=http"}, true},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{}}
		for i := 0; i < len(c.headers); i += 2 {
			r.Header.Add(c.headers[i], c.headers[i+1])
		}
		if got := c.proxies.ClientOf(r).HTTPS; got != c.want {
			t.Errorf("%q said by %s is TLS: %v", c.headers, c.peer, got)
		}
	}
}

func TestNetworks(t *testing.T) {
	for peer, want := range map[string]string{
		"203.0.113.9:1": "203.0.113.9", "[::ffff:203.0.113.9]:1": "203.0.113.9",
		"[2001:db8:1:2:3:4:5:6]:1": "2001:db8:1:2::/64", "[2001:db8:1:2::9]:1": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:1": "fe80::/64",
	} {
		if got := (Proxies{}).ClientOf(&http.Request{RemoteAddr: peer, Header: http.Header{}}).Network(); got != want {
			t.Errorf("%s counts as %s, want %s", peer, got, want)
		}
	}
}

func TestProxiesThatAreNone(t *testing.T) {
	for _, text := range []string{"proxy", "10.0.0.0/33", "10.0.0", "10.0.0.0/8 192.0.2.1", "fe80::1%eth0",
		"fe80::1%eth0/64"} {
		if err := new(Proxies).UnmarshalText([]byte("10.0.0.1," + text)); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q is read, with %v", text, err)
		}
	}
}

// FuzzForwarded looks for headers that no reader survives.
func FuzzForwarded(f *testing.F) {
	f.Add(`for="[::1]:1";proto=https, for=1.2.3.4`, "1.2.3.4, ::1")
	f.Fuzz(func(t *testing.T, forwarded, list string) {
		r := &http.Request{RemoteAddr: "10.1.1.1:1", Header: http.Header{"Forwarded": {forwarded}, "X-Forwarded-For": {list}}}
		var p Proxies
		if err := p.UnmarshalText([]byte("0.0.0.0/0")); err != nil {
			t.Fatal(err)
		}
		if c := p.ClientOf(r); !c.IP.IsValid() {
			t.Errorf("%q and %q leave no address", forwarded, list)
		}
	})
}
