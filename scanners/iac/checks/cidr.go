package checks

import (
	"math"
	"net/netip"
	"strings"
)

// everywhere reports whether s is one of the words that providers accept
// instead of 0.0.0.0/0.
func everywhere(s string) bool {
	return s == "*" || strings.EqualFold(s, "internet") || strings.EqualFold(s, "any")
}

// countAddresses is the number of addresses of a CIDR block or address: 0 if it
// is neither, the largest uint64 if they are more.
func countAddresses(s string) uint64 {
	if everywhere(s) {
		return math.MaxUint64
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return 1
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return 0
	}
	if free := p.Addr().BitLen() - p.Bits(); free < 63 {
		return 1 << free
	}
	return math.MaxUint64
}

// sharedAddresses is the IPv4 shared address space of RFC 6598.
var sharedAddresses = netip.MustParsePrefix("100.64.0.0/10")

// internal reports whether an address cannot be reached from the internet.
func internal(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || sharedAddresses.Contains(a)
}

// isPublic reports whether an address, a CIDR block or a range "first-last"
// contains an address that can be reached from the internet, as far as its
// first and last address say.
func isPublic(s string) bool {
	if everywhere(s) {
		return true
	}
	if first, last, ok := strings.Cut(s, "-"); ok {
		a, errA := netip.ParseAddr(strings.TrimSpace(first))
		b, errB := netip.ParseAddr(strings.TrimSpace(last))
		return errA == nil && errB == nil && (!internal(a) || !internal(b))
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return !internal(a)
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return false
	}
	return !internal(p.Masked().Addr()) || !internal(lastAddress(p))
}

func lastAddress(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
