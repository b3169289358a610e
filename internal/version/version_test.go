package version

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"

	pep440 "github.com/aquasecurity/go-pep440-version"
	"golang.org/x/mod/semver"
)

func parsed(t testing.TB, s Scheme, text string) Version {
	t.Helper()
	v, err := s.Parse(text)
	if err != nil {
		t.Fatalf("%s: %q: %v", s.Name, text, err)
	}
	return v
}

// TestOrder has versions in rising order, those after "=" being equal; they
// come from the documents of the package managers.
func TestOrder(t *testing.T) {
	for _, c := range []struct {
		scheme Scheme
		rising string
	}{
		{SemVer, "0.9 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 =v1.0.0+build =1 1.0.1 1.10.0 99999999999999999999.0.0"},
		{Go, "v0.0.0-20191109021931-daa7c04131f5 v0.0.0-20220101000000-abcdefabcdef v1.2.3-0.20200101000000-abcdefabcdef v1.2.3-pre v1.2.3-pre.0.20200101000000-abcdefabcdef v1.2.3 =1.2.3 v2.0.0+incompatible =v2.0.0"},
		{Go, "go1.20 =1.20.0 go1.20.14 go1.21rc2 =1.21.0-rc.2 1.21.0 go1.21.1"},
		{Pub, "1.0.0-dev 1.0.0 1.0.0+1 1.0.0+2 1.0.1"},
		{Julia, "1.0.0-rc1 1.0.0 1.0.0+0 1.0.0+1 1.0.0+10 1.0.1+0"},
		{NuGet, "1.0.0-Alpha =1.0.0-alpha 1.0.0-alpha.2 1.0.0-alpha.10 1.0.0-BETA 1.0.0 =1.0 =1.0.0.0 =1.0.0+x 1.0.0.1 1.0.1"},
		{Python, "1.0.dev456 1.0a1 1.0a2.dev456 1.0a12.dev456 1.0a12 1.0b1.dev456 1.0b2 1.0b2.post345.dev456 1.0b2.post345 1.0rc1.dev456 1.0rc1 =1.0c1 =1.0-pre1 1.0 =1.0.0 1.0.post456.dev34 1.0.post456 =1.0-456 1.1.dev1 1!0.1"},
		{Ruby, "1.0.a 1.0.b1 1.0.b2 1.0.rc1 1.0 =1.0.0 =1 1.0.1 1.1.a 1.1 1.9.3 1.10.0 2.0.0-x86 =2.0.0.pre.x86 2.0.0.rc1 2.0.0"},
		{Maven, "1-alpha2snapshot 1-alpha2 1-alpha-123 1-beta-2 1-beta123 1-m2 1-m11 1-rc 1-cr2 1-rc123 1-SNAPSHOT 1 =1.0 =1.0.0 =1-ga =1-final 1-sp 1-sp2 1-sp123 1-abc 1-def 1-pom-1 1-1-snapshot 1-1 1-2 1-123"},
		{Maven, "2.0 2.0.a 2-1 2.0.2 2.0.123 2.1.0 2.1-a 2.1b 2.1-c 2.1-1 2.1.0.1 2.2 2.123 11.a2 11.a11 11.b2 11.b11 11.m2 11.m11 11 11.a 11b 11c 11m"},
		{Maven, "1.0.0.RC1 1.0.0-RC2 4.0.0.Beta3 4.0.0.CR1 =4.0.0.rc1 4.0.0.Final =4.0.0 20040616 20190722"},
		{Maven, "1a1 =1-alpha-1 =1.0-a1 1b2 =1-beta-2 1m3 =1-milestone-3 1X 20.0 99999999999999999999.1 99999999999999999999.2"},
		{Composer, "1.0.x-dev 1.5 2.0-dev 2.0.0-alpha =2.0.0a 2.0.0-alpha1 2.0.0-beta1-dev 2.0.0-beta1 2.0.0-RC1 2.0.0-RC2 2.0.0 =2.0.0-stable =v2.0 =2 2.0.0-patch1 =2.0.0pl1 2.0.0.1 2.0.1 2010.01.02 20100102-203040"},
		{Conan, "1.0.0-pre 1.0 =1.0.0 1.0+1 1.0.a 1.1.1 3.0 8"},
		{CRAN, "0.9 1.0 1.0-1 =1.0.1 1.0-1.1 1.0.2 1.10"},
		{Hackage, "1 1.0 1.0.0 1.0.1 1.2 1.10"},
		{Conda, "0.4 =0.4.0 0.4.1.rc =0.4.1.RC 0.4.1 0.5a1 0.5b3 0.5C1 0.5 0.9.6 0.960923 1.0 1.1dev1 1.1_ 1.1a1 1.1.0dev1 =1.1.dev1 1.1.a1 1.1.0rc1 1.1.0 =1.1 1.1.0post1 =1.1.post1 1996.07.12 1!0.4.1 1!3.1.1.6 2!0.4.1"},
		{Debian, "1.0~beta1~svn1 1.0~beta1 1.0~rc1 1.0 =0:1.0 =1.0-0 1.0-1 1.0-1+deb12u1 1.0a 1.0+b1 1.0.1 1.10 1:0.1"},
		{RPM, "1.0~rc1-1 1.0-1.el9 1.0-1.el9_2.3 1.0-2.el9 1.0^20200101-1 1.0a-1 1.0.1-1 1.10-1 2.0-1 1:0.1-1"},
		{APK, "1.0_alpha 1.0_alpha1 1.0_beta 1.0_rc1 1.0 1.0-r1 1.0_p1 1.0a 1.0.01 1.0.1 1.0.10 1.10 2.0"},
	} {
		var before Version
		var last string
		n := 0
		for text := range strings.FieldsSeq(c.rising) {
			text, equal := strings.CutPrefix(text, "=")
			v := parsed(t, c.scheme, text)
			if before != nil {
				got, back := v.Compare(before), before.Compare(v)
				if equal && (got != 0 || back != 0) || !equal && (got <= 0 || back >= 0) {
					t.Errorf("%s: %s against %s is %d and %d, equal is %v", c.scheme.Name, text, last, got, back, equal)
				}
			}
			before, last = v, text
			n++
		}
		if n < 5 {
			t.Fatalf("%s: only %d versions", c.scheme.Name, n)
		}
	}
}

func TestNoVersion(t *testing.T) {
	for _, c := range []struct {
		scheme Scheme
		texts  []string
	}{
		{SemVer, []string{"", "a", "1.x", "1.2.", "1..2", "1-", "1-a..b", "1-é", "^1", "1 2", strings.Repeat("1", 600)}},
		{Go, []string{"go", "latest", "master"}},
		{NuGet, []string{"1.2.3.4.5", "$(Version)"}},
		{Python, []string{"1.x", "latest", "1.0-"}},
		{Ruby, []string{"abc", "1..2", "1.2 "[:3] + "/x", "a1"}},
		{Maven, []string{"${v}", "LATEST", "1 2", "-1"}},
		{Composer, []string{"dev-main", "dev-master", "1.2.3.4.5", "main"}},
		{CRAN, []string{"1.a", "1--2"}},
		{Hackage, []string{"1-2", "1.a"}},
		{Conda, []string{"1..2", "!1", "1+", "1 2"}},
		{Debian, []string{"a:1", "x1", "1-", "1_2", ""}},
		{RPM, []string{"", "a:1", "1 2", "-1"}},
		{APK, []string{"a", "1.0_foo", "1-1"}},
	} {
		for _, text := range c.texts {
			if v, err := c.scheme.Parse(text); err == nil {
				t.Errorf("%s: %.80q is %v", c.scheme.Name, text, v)
			}
		}
	}
}

// words are what versions of each scheme are put together from.
var words = map[string][]string{
	"deb":      {"1", "2", "10", "0", "00", "a", "b", "~", "~~", "+", ".", ".", "-", ":", "rc", "Z", "~rc1"},
	"rpm":      {"1", "2", "10", "0", "01", "a", "b", "~", "^", ".", "_", "-", "rc", "Z", "el9"},
	"apk":      {"1", "2", "10", "0", ".", ".1", "a", "_rc", "_p", "_alpha", "_git", "-r1", "-r0", "_p2"},
	"pep440":   {"1", "2", "10", "0", ".1", ".0", "a1", "b2", "rc1", ".dev1", ".post2", "!", "+l"},
	"rubygems": {"1", "2", "10", "0", ".1", ".0", "a", "rc", ".b", "-x", ".pre"},
	"composer": {"1", "2", "10", "0", ".1", ".0", "-alpha", "-beta", "2", "-RC", "-dev", "-p", "1", ".x"},
	"conda":    {"1", "2", "10", "0", ".1", ".0", "a", "rc", "dev", "post", "_", "-", "!", "+"},
	"conan":    {"1", "2", "10", "0", ".1", ".0", ".a", "-pre", "+1", "b", "+x"},
	"cran":     {"1", "2", "10", "0", ".", "-", "1"},
	"hackage":  {"1", "2", "10", "0", ".", "1"},
	"":         {"1", "2", "10", "0", ".1", ".0", "-alpha", "-1", ".x", "-rc.1", "+1", "+b", "a", "-A"},
}

// generated returns versions that the scheme takes.
func generated(s Scheme, rng *rand.Rand, want int) (versions []Version, texts []string) {
	w := words[s.Name]

	if w == nil {
		w = words[""]
	}
	for tries := 0; len(versions) < want && tries < 500*want; tries++ {
		var b strings.Builder
		if s.Name == "maven" {
			mavenLike(&b, rng)
		}
		for range 1 + rng.IntN(7) {
			if s.Name != "maven" {
				b.WriteString(w[rng.IntN(len(w))])
			}
		}
		if v, err := s.Parse(b.String()); err == nil {
			versions, texts = append(versions, v), append(texts, b.String())
		}
	}
	return versions, texts
}

// mavenLike makes a version as people write them. The order of Maven itself is
// none among heaps of words: 1.x-SNAPSHOT < 1-SNAPSHOT < 1 < 1.x-SNAPSHOT.
func mavenLike(b *strings.Builder, rng *rand.Rand) {
	pick := func(list ...string) { b.WriteString(list[rng.IntN(len(list))]) }
	pick("1", "2", "10", "0")
	for range rng.IntN(3) {
		pick(".0", ".1", ".2", ".10")
	}
	switch rng.IntN(4) {
	case 0:
		pick(".Final", ".RC1", ".jre8", ".x", ".M2", "")
		return
	case 1:
		pick("-")
		pick("alpha", "beta", "M", "rc", "RC", "CR", "jre", "sp", "foo", "android")
		if rng.IntN(2) == 0 {
			pick("", "-")
			pick("1", "2", "10")
		}
	}
	if rng.IntN(4) == 0 {
		b.WriteString("-SNAPSHOT")
	}
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

// TestTotalOrder sorts thousands of versions, and then holds many pairs against
// the sorted order: that is reflexive, antisymmetric, transitive and total.
func TestTotalOrder(t *testing.T) {
	for _, s := range Schemes() {
		t.Run(s.Name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			versions, texts := generated(s, rng, 2000)
			if len(versions) < 2000 {
				t.Fatalf("only %d versions were made", len(versions))
			}
			order := make([]int, len(versions))
			for i := range order {
				order[i] = i
			}
			slices.SortStableFunc(order, func(i, j int) int { return versions[i].Compare(versions[j]) })
			// Two are equal if no step between them rises.
			class := make([]int, len(order))
			for k := 1; k < len(order); k++ {
				class[order[k]] = class[order[k-1]]
				if versions[order[k-1]].Compare(versions[order[k]]) != 0 {
					class[order[k]]++
				}
			}
			bad := 0
			for n := range 50_000 {
				i, j := rng.IntN(len(versions)), rng.IntN(len(versions))
				if n < len(versions) {
					i, j = n, n
				}
				got, back := sign(versions[i].Compare(versions[j])), sign(versions[j].Compare(versions[i]))
				if want := sign(class[i] - class[j]); got != want || back != -want {
					if bad++; bad < 5 {
						t.Errorf("%q against %q is %d and %d, want %d", texts[i], texts[j], got, back, want)
					}
				}
			}
			if bad > 0 {
				t.Errorf("%d pairs are out of order", bad)
			}
		})
	}
}

func TestGoIsSemver(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	versions, texts := generated(Go, rng, 4000)
	compared := 0
	for i := 1; i < len(versions); i++ {
		a, b := "v"+texts[i-1], "v"+texts[i]
		if !semver.IsValid(a) || !semver.IsValid(b) {
			continue
		}
		compared++
		if got, want := sign(versions[i-1].Compare(versions[i])), semver.Compare(a, b); got != want {
			t.Errorf("%s against %s is %d, want %d", a, b, got, want)
		}
	}
	if compared < 200 {
		t.Fatalf("only %d were compared", compared)
	}
}

// TestPythonIsPEP440 takes a library for the one that is right.
func TestPythonIsPEP440(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	parts := []string{"1", "2", "0", "10", ".1", ".0", "a", "b", "rc", "c", "pre", "preview", "alpha", "beta", "post", "rev", "r", "dev", ".", "-", "_", "1", "2", "!", "+l", "v", "x"}
	var versions []Version
	var theirs []pep440.Version
	var texts []string
	for range 300_000 {
		var b strings.Builder
		for range 1 + rng.IntN(7) {
			b.WriteString(parts[rng.IntN(len(parts))])
		}
		text := b.String()
		v, err := Python.Parse(text)
		w, errs := pep440.Parse(text)
		if (err == nil) != (errs == nil) {
			t.Fatalf("%q: %v, and the library says %v", text, err, errs)
		}
		if err == nil {
			if w.Local() != "" {
				w = pep440.MustParse(w.Public())
			}
			versions, theirs, texts = append(versions, v), append(theirs, w), append(texts, text)
		}
	}
	if len(versions) < 5000 {
		t.Fatalf("only %d versions", len(versions))
	}
	for range 50_000 {
		i, j := rng.IntN(len(versions)), rng.IntN(len(versions))
		if got, want := sign(versions[i].Compare(versions[j])), theirs[i].Compare(theirs[j]); got != want {
			t.Errorf("%q against %q is %d, want %d", texts[i], texts[j], got, want)
		}
	}
}

// TestDpkg asks dpkg itself.
func TestDpkg(t *testing.T) {
	dpkg, err := exec.LookPath("dpkg")
	if err != nil {
		t.Skip("there is no dpkg: NOT comparing with its order")
	}
	pairs := 3000
	if testing.Short() {
		pairs = 100
	}
	rng := rand.New(rand.NewPCG(5, 6))
	versions, texts := generated(Debian, rng, 2*pairs)
	// One shell makes all comparisons: it is dpkg that takes the time.
	var script strings.Builder
	for i := 0; i+1 < len(texts); i += 2 {
		fmt.Fprintf(&script, "if %[1]s --compare-versions '%[2]s' lt '%[3]s'; then echo -1; elif %[1]s --compare-versions '%[2]s' gt '%[3]s'; then echo 1; else echo 0; fi\n", dpkg, texts[i], texts[i+1])
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh")
	cmd.Stdin = strings.NewReader(script.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(out))
	if len(lines) != pairs {
		t.Fatalf("dpkg compared %d of %d pairs", len(lines), pairs)
	}
	for k, want := range lines {
		if got := fmt.Sprint(sign(versions[2*k].Compare(versions[2*k+1]))); got != want {
			t.Errorf("%s against %s is %s, want %s", texts[2*k], texts[2*k+1], got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"1.0", "1:1.0~rc1-1", "v1.2.3-pre+build", "1!2.0.post1", "dev-main", ">=1,<2 || [1,2)"} {
		f.Add(text)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		for _, s := range Schemes() {
			if v, err := s.Parse(text); err == nil && v.Compare(v) != 0 {
				panic(s.Name + " " + text)
			}
			_, _ = s.ParseRange([]string{text})
			_, _ = s.ParseRequirement(text)
		}
	})
}
