package ospkg_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/internal/ospkg"
)

const status = `Package: libssl3
Status: install ok installed
Priority: optional
Architecture: amd64
Multi-Arch: same
Source: openssl
Version: 3.0.11-1~deb12u2
Depends: libc6 (>= 2.34), debconf (>= 0.5) | debconf-2.0
Description: Secure Sockets Layer toolkit
 This package is part of the OpenSSL project's implementation.
 .
 Package: not-a-field

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1.0

Package: bash
Status: install ok installed
Architecture: amd64
Source: bash (5.2.15-2)
Version: 5.2.15-2+b2
Pre-Depends: libc6 (>= 2.36)

Package: broken
Status: install ok installed
Version: what is this
`

const installed = `C:Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=
P:musl
V:1.2.4_git20230717-r4
A:x86_64
S:407278
L:MIT
o:musl
D:so:libc.musl-x86_64.so.1 busybox>=1.0 !old
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755

P:ssl_client
V:1.36.1-r15
o:busybox

V:1.0-r0
`

// header is the header of a package of rpm.
func header(name, version, release, source string, epoch uint32) []byte {
	var index, store bytes.Buffer
	n := 0
	add := func(tag, kind, count uint32, data []byte) {
		for kind == 4 && store.Len()%4 != 0 {
			store.WriteByte(0)
		}
		for _, v := range []uint32{tag, kind, uint32(store.Len()), count} {
			index.Write(binary.BigEndian.AppendUint32(nil, v))
		}
		store.Write(data)
		n++
	}
	text := func(tag, kind uint32, values ...string) {
		add(tag, kind, uint32(len(values)), []byte(strings.Join(values, "\x00")+"\x00"))
	}
	text(1000, 6, name)
	text(1001, 6, version)
	text(1002, 6, release)
	if epoch > 0 {
		add(1003, 4, 1, binary.BigEndian.AppendUint32(nil, epoch))
	}
	if epoch > 0 { // larger than a page
		text(1005, 6, strings.Repeat("description ", 300))
	}
	text(1014, 6, "MIT")
	text(1022, 6, "x86_64")
	text(1044, 6, source)
	text(1049, 8, "libc.so.6()(64bit)", "rpmlib(FileDigests)", "bash")
	add(1116, 4, 2, []byte{0, 0, 0, 0, 0, 0, 0, 1})
	text(1117, 8, "a", "b")
	text(1118, 8, "/usr/bin/", "/etc/")
	text(5096, 6, "mod:1:2:3")
	out := binary.BigEndian.AppendUint32(nil, uint32(n))
	out = binary.BigEndian.AppendUint32(out, uint32(store.Len()))
	return append(append(out, index.Bytes()...), store.Bytes()...)
}

func headers() [][]byte {
	return [][]byte{
		header("openssl-libs", "3.0.7", "24.el9", "openssl-3.0.7-24.el9.src.rpm", 1),
		header("gpg-pubkey", "8483c65d", "5ccc5b19", "", 0),
		header("bash", "5.1.8", "6.el9", "bash-5.1.8-6.el9.src.rpm", 0),
	}
}

// ndb puts headers into the format of SUSE.
func ndb(blobs [][]byte) []byte {
	le := binary.LittleEndian
	db := make([]byte, 4096)
	copy(db, "RpmP")
	le.PutUint32(db[12:], 1)
	for at := 32; at < len(db); at += 16 {
		copy(db[at:], "Slot")
	}
	for i, b := range blobs {
		start := len(db)
		block := append([]byte("BlbS"), le.AppendUint32(nil, uint32(i+1))...)
		block = le.AppendUint32(block, 1)
		block = le.AppendUint32(block, uint32(len(b)))
		block = append(block, b...)
		for (len(block)+12)%16 != 0 {
			block = append(block, 0)
		}
		block = le.AppendUint32(block, adler32.Checksum(block))
		block = le.AppendUint32(block, uint32(len(b)))
		db = append(append(db, block...), "BlbE"...)
		slot := db[32+16*i:]
		le.PutUint32(slot[4:], uint32(i+1))
		le.PutUint32(slot[8:], uint32(start/16))
		le.PutUint32(slot[12:], uint32((len(db)-start)/16))
	}
	return db
}

// berkeley puts headers into a hash table: the last on the page itself, the
// others on pages of their own.
func berkeley(order binary.ByteOrder, blobs [][]byte) []byte {
	const size = 2048
	meta := make([]byte, size)
	order.PutUint32(meta[12:], 0x00061561)
	order.PutUint32(meta[20:], size)
	page := make([]byte, size)
	page[25] = 13
	pages := [][]byte{meta, page}
	top := size
	n := 0
	item := func(data []byte) {
		top -= len(data)
		copy(page[top:], data)
		order.PutUint16(page[26+2*n:], uint16(top))
		n++
	}
	put := func(key uint32, value []byte) {
		k := make([]byte, 5)
		k[0] = 1
		order.PutUint32(k[1:], key)
		item(k)
		item(value)
	}
	put(0, []byte{1, 3, 0, 0, 0}) // the counter
	for i, b := range blobs {
		if len(b) < 1000 && i > 1 {
			put(uint32(i+1), append([]byte{1}, b...))
			continue
		}
		value := make([]byte, 12)
		value[0] = 3
		order.PutUint32(value[4:], uint32(len(pages)))
		order.PutUint32(value[8:], uint32(len(b)))
		put(uint32(i+1), value)
		for len(b) > 0 {
			part := b[:min(len(b), 300)] // less than a page, so that there are several
			b = b[len(part):]
			over := make([]byte, size)
			over[25] = 7
			if len(b) > 0 {
				order.PutUint32(over[16:], uint32(len(pages)+1))
			}
			order.PutUint16(over[22:], uint16(len(part)))
			copy(over[26:], part)
			pages = append(pages, over)
		}
	}
	order.PutUint16(page[20:], uint16(n))
	order.PutUint32(meta[32:], uint32(len(pages)-1))
	return bytes.Join(pages, nil)
}

func varint(v uint64) []byte {
	b := []byte{byte(v & 0x7f)}
	for v >>= 7; v > 0; v >>= 7 {
		b = append([]byte{byte(v&0x7f) | 0x80}, b...)
	}
	return b
}

// sqlite puts headers into a table, with an inner page above two leaves.
func sqlite(blobs [][]byte) []byte {
	const size = 1024
	be := binary.BigEndian
	record := func(values ...any) []byte {
		var types, body []byte
		for _, v := range values {
			switch v := v.(type) {
			case string:
				types, body = append(types, varint(uint64(13+2*len(v)))...), append(body, v...)
			case []byte:
				types, body = append(types, varint(uint64(12+2*len(v)))...), append(body, v...)
			case int:
				types, body = append(types, 1), append(body, byte(v))
			case nil:
				types = append(types, 0)
			}
		}
		return append(append(varint(uint64(len(types)+1)), types...), body...)
	}
	pages := [][]byte{make([]byte, size), make([]byte, size), make([]byte, size), make([]byte, size)}
	leaf := func(page []byte, head int, records ...[]byte) {
		page[head] = 13
		be.PutUint16(page[head+3:], uint16(len(records)))
		top := size
		for i, r := range records {
			here := len(r)
			if most := size - 35; here > most {
				least := (size-12)*32/255 - 23
				if here = least + (len(r)-least)%(size-4); here > most {
					here = least
				}
			}
			cell := append(append(varint(uint64(len(r))), varint(uint64(i+1))...), r[:here]...)
			if rest := r[here:]; len(rest) > 0 {
				cell = be.AppendUint32(cell, uint32(len(pages)+1))
				for len(rest) > 0 {
					over := make([]byte, size)
					k := copy(over[4:], rest)
					if rest = rest[k:]; len(rest) > 0 {
						be.PutUint32(over, uint32(len(pages)+2))
					}
					pages = append(pages, over)
				}
			}
			top -= len(cell)
			copy(page[top:], cell)
			be.PutUint16(page[head+8+2*i:], uint16(top))
		}
	}
	one := pages[0]
	copy(one, "SQLite format 3\x00")
	be.PutUint16(one[16:], size)
	leaf(one, 100, record("index", "x", "Name", 9, "CREATE INDEX"), record("table", "Packages", "Packages", 2, "CREATE TABLE"))
	inner := pages[1]
	inner[0] = 5
	be.PutUint16(inner[3:], 1)
	be.PutUint32(inner[8:], 4)
	be.PutUint16(inner[12:], size-5)
	be.PutUint32(inner[size-5:], 3)
	var rows [][]byte
	for _, b := range blobs {
		rows = append(rows, record(nil, b))
	}
	leaf(pages[2], 0, rows[:1]...)
	leaf(pages[3], 0, rows[1:]...)
	be.PutUint32(one[28:], uint32(len(pages)))
	return bytes.Join(pages, nil)
}

func rpmDatabases() map[string][]byte {
	return map[string][]byte{"ndb": ndb(headers()), "sqlite": sqlite(headers()),
		"little-endian Berkeley DB": berkeley(binary.LittleEndian, headers()), "big-endian Berkeley DB": berkeley(binary.BigEndian, headers())}
}

func names(list []ospkg.Package) string {
	var out []string
	for _, p := range list {
		out = append(out, fmt.Sprintf("%s=%s %s=%s", p.Name, p.Version, p.Source, p.SourceVersion))
	}
	return strings.Join(out, ", ")
}

func TestDpkg(t *testing.T) {
	list, problems, err := ospkg.Parse(ospkg.Dpkg, []byte(status))
	if want := "libssl3=3.0.11-1~deb12u2 openssl=3.0.11-1~deb12u2, bash=5.2.15-2+b2 bash=5.2.15-2"; err != nil || names(list) != want {
		t.Fatalf("got %s, %v", names(list), err)
	}
	if p := list[0]; p.Arch != "amd64" || p.Line != 1 || strings.Join(p.DependsOn, " ") != "libc6 debconf debconf-2.0" {
		t.Errorf("got %+v", p)
	}
	if len(problems) != 1 || problems[0].Entry != "broken" || problems[0].Line != 26 {
		t.Errorf("problems %v", problems)
	}
	// In status.d no entry has a status.
	list, problems, err = ospkg.Parse(ospkg.Dpkg, []byte("Package: base-files\nVersion: 12.4\nArchitecture: amd64\n"))
	if err != nil || len(problems) > 0 || names(list) != "base-files=12.4 base-files=12.4" {
		t.Errorf("status.d: %v, %v, %v", list, problems, err)
	}
	for _, bad := range []string{"hello\n", "Package: a\x00", "\x1f\x8b\x08"} {
		if list, problems, err := ospkg.Parse(ospkg.Dpkg, []byte(bad)); err == nil && len(problems) == 0 {
			t.Errorf("%q: %v without an error", bad, list)
		}
	}
	if got := ospkg.DpkgFiles([]byte("/.\n/usr\n/usr/bin/a b\n")); !slices.Equal(got, []string{"usr", "usr/bin/a b"}) {
		t.Errorf("files of a list: %q", got)
	}
	if got := ospkg.DpkgFiles([]byte("0123456789abcdef0123456789abcdef  usr/lib/os-release\n")); !slices.Equal(got, []string{"usr/lib/os-release"}) {
		t.Errorf("files of sums: %q", got)
	}
}

func TestAPK(t *testing.T) {
	list, problems, err := ospkg.Parse(ospkg.APK, []byte(installed))
	if want := "musl=1.2.4_git20230717-r4 musl=1.2.4_git20230717-r4, ssl_client=1.36.1-r15 busybox=1.36.1-r15"; err != nil || names(list) != want {
		t.Fatalf("got %s, %v", names(list), err)
	}
	p := list[0]
	if strings.Join(p.DependsOn, " ") != "so:libc.musl-x86_64.so.1 busybox" || !slices.Equal(p.Files, []string{"lib/ld-musl-x86_64.so.1"}) ||
		!slices.Equal(p.Licenses, []string{"MIT"}) || len(p.Hashes) != 1 || !strings.HasPrefix(p.Hashes[0], "sha1:a8a7") {
		t.Errorf("got %+v", p)
	}
	if list[1].Line != 13 || len(problems) != 1 {
		t.Errorf("line %d, problems %v", list[1].Line, problems)
	}
	if list, problems, err := ospkg.Parse(ospkg.APK, []byte("no database\n")); err == nil && len(problems) == 0 {
		t.Errorf("%v without an error", list)
	}
}

func TestRPM(t *testing.T) {
	for name, db := range rpmDatabases() {
		list, problems, err := ospkg.Parse(ospkg.RPM, db)
		if want := "openssl-libs=1:3.0.7-24.el9 openssl=3.0.7-24.el9, bash=5.1.8-6.el9 bash=5.1.8-6.el9"; err != nil || len(problems) > 0 || names(list) != want {
			t.Errorf("%s: got %s, %v, %v", name, names(list), problems, err)
			continue
		}
		p := list[0]
		if p.Arch != "x86_64" || p.Module != "mod:1:2:3" || !slices.Equal(p.Files, []string{"usr/bin/a", "etc/b"}) || strings.Join(p.DependsOn, " ") != "libc.so.6()(64bit) bash" {
			t.Errorf("%s: got %+v", name, p)
		}
		// A package that is missing must not go unsaid. What was read before
		// the damage is kept.
		for cut := range len(db) - 1 {
			list, problems, err := ospkg.Parse(ospkg.RPM, db[:cut])
			if err == nil && len(problems) == 0 && len(list) < 2 {
				t.Fatalf("%s cut to %d of %d bytes: %s without an error", name, cut, len(db), names(list))
			}
		}
	}
	for _, bad := range []string{"", "Package: a\n", "SQLite format 3\x00", strings.Repeat("\x00", 4096)} {
		if list, _, err := ospkg.Parse(ospkg.RPM, []byte(bad)); err == nil {
			t.Errorf("%.20q: %v without an error", bad, list)
		}
	}
}

func TestRelease(t *testing.T) {
	for _, c := range []struct{ path, text, want string }{
		{"etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nID=debian\n", "debian|12|[]|bookworm|Debian GNU/Linux 12 (bookworm)"},
		{"usr/lib/os-release", "NAME='Rocky Linux'\nVERSION=\"9.3 (Blue \\\"Onyx\\\")\"\nID=rocky\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=9.3\n", "rocky|9.3|[rhel centos fedora]||Rocky Linux 9.3 (Blue \"Onyx\")"},
		{"etc/os-release", "# wolfi\nID=wolfi\nNAME=Wolfi\nVERSION_ID=20230201\n", "wolfi|20230201|[]||Wolfi"},
		{"etc/alpine-release", "3.19.1\n", "alpine|3.19.1|[]||Alpine Linux 3.19.1"},
		{"etc/redhat-release", "CentOS release 6.10 (Final)\n", "centos|6.10|[]||CentOS release 6.10 (Final)"},
		{"etc/redhat-release", "Red Hat Enterprise Linux Server release 7.9 (Maipo)\n", "rhel|7.9|[]||Red Hat Enterprise Linux Server release 7.9 (Maipo)"},
		{"etc/debian_version", "trixie/sid\n", "debian||[]|trixie/sid|Debian trixie/sid"},
		{"etc/os-release", "", "error"},
		{"etc/redhat-release", "hello\n", "error"},
		{"etc/os-release", "ID=\x00", "error"},
	} {
		r, err := ospkg.ParseRelease(c.path, []byte(c.text))
		got := fmt.Sprintf("%s|%s|%v|%s|%s", r.ID, r.Version, r.Like, r.Codename, r.Name)
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("%s %q: got %s, want %s (%v)", c.path, c.text, got, c.want, err)
		}
	}
}

func TestKindOf(t *testing.T) {
	for path, want := range map[string]ospkg.Kind{
		"var/lib/dpkg/status": ospkg.Dpkg, "var/lib/dpkg/status.d/base": ospkg.Dpkg, "var/lib/dpkg/status.d/base.md5sums": "",
		"lib/apk/db/installed": ospkg.APK, "usr/lib/apk/db/installed": ospkg.APK, "var/lib/rpm/Packages": ospkg.RPM,
		"usr/lib/sysimage/rpm/Packages.db": ospkg.RPM, "var/lib/rpm/rpmdb.sqlite": ospkg.RPM, "srv/var/lib/rpm/Packages": "", "status": "",
	} {
		if got := ospkg.KindOf(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(string(ospkg.Dpkg), []byte(status))
	f.Add(string(ospkg.APK), []byte(installed))
	for _, db := range rpmDatabases() {
		f.Add(string(ospkg.RPM), db)
	}
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		list, _, _ := ospkg.Parse(ospkg.Kind(kind), data)
		for _, p := range list {
			if p.Name == "" || p.Version == "" {
				t.Errorf("a package without a name or version: %+v", p)
			}
		}
	})
}
