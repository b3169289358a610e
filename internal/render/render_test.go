package render

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func render(t *testing.T, name string, in Input) string {
	t.Helper()
	r, err := ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := r(&buf, in); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return buf.String()
}

func TestGolden(t *testing.T) {
	for _, f := range fixtures() {
		for _, name := range Formats() {
			t.Run(f.name+"/"+name, func(t *testing.T) {
				got := render(t, name, f.make())
				file := filepath.Join("testdata", f.name+"."+name)
				if *update {
					if err := os.MkdirAll("testdata", 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("output differs from %s; if it is as it should be, run go test -update:\n%s", file, got)
				}
			})
		}
	}
}

func TestByName(t *testing.T) {
	if len(Formats()) != 7 || Formats()[0] != "text" {
		t.Errorf("Formats() = %v", Formats())
	}
	for name, want := range map[string]string{
		"sarfi": `did you mean "sarif"?`,
		"JSON":  `did you mean "json"?`,
		"pdf":   "want one of text, json, sarif, junit, github, gitlab, markdown",
	} {
		_, err := ByName(name)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ByName(%q) = %v, want an error with %q", name, err, want)
		}
	}
}

func TestNoReport(t *testing.T) {
	for _, name := range Formats() {
		r, _ := ByName(name)
		if err := r(&bytes.Buffer{}, Input{}); err == nil {
			t.Errorf("%s: no error without a report", name)
		}
	}
}

// fullDisk takes some bytes and then fails, as a full disk does.
type fullDisk struct{ left int }

var errFull = errors.New("no space left on device")

func (w *fullDisk) Write(p []byte) (int, error) {
	if len(p) > w.left {
		return w.left, errFull
	}
	w.left -= len(p)
	return len(p), nil
}

func TestWriteErrorIsAnError(t *testing.T) {
	for _, f := range fixtures() {
		for _, name := range Formats() {
			size := len(render(t, name, f.make()))
			for _, left := range []int{0, 1, size / 2, size - 1} {
				r, _ := ByName(name)
				if err := r(&fullDisk{left}, f.make()); !errors.Is(err, errFull) {
					t.Errorf("%s/%s: error = %v after %d of %d bytes", f.name, name, err, left, size)
				}
			}
		}
	}
}

func TestSameInputSameBytes(t *testing.T) {
	for _, f := range append(fixtures(), fixture{"large", large}) {
		for _, name := range Formats() {
			first := render(t, name, f.make())
			for range 5 {
				if render(t, name, f.make()) != first {
					t.Errorf("%s/%s differs between runs", f.name, name)
				}
			}
		}
	}
}

func TestInputIsNotChanged(t *testing.T) {
	in := failing()
	before := render(t, "json", in)
	for _, name := range Formats() {
		render(t, name, in)
	}
	if render(t, "json", in) != before {
		t.Error("a renderer changed its input")
	}
}

// What is not a pass must not look like one, even without violation and gap.
func TestIncompleteWithoutGapsIsVisible(t *testing.T) {
	in := passing()
	in.Verdict.Outcome = gatehouse.OutcomeIncomplete
	in.Verdict.Reasons = nil
	for name, want := range map[string]string{
		"text": "INCOMPLETE", "json": `"outcome": "INCOMPLETE"`, "sarif": `"executionSuccessful": false`,
		"junit": `errors="1"`, "github": "::error title=gatehouse%3A INCOMPLETE", "gitlab": `"blocker"`, "markdown": "gatehouse: INCOMPLETE",
	} {
		if got := render(t, name, in); !strings.Contains(got, want) {
			t.Errorf("%s lacks %q:\n%s", name, want, got)
		}
	}
	if strings.Contains(render(t, "text", in), "Nothing to do") {
		t.Error("text says that there is nothing to do")
	}
}

func TestTextWidth(t *testing.T) {
	for _, f := range fixtures() {
		for _, width := range []int{0, 60, 100} {
			in := f.make()
			in.Width = width
			for line := range strings.Lines(render(t, "text", in)) {
				line = strings.TrimSuffix(line, "\n")
				limit := max(width, 60)
				if width == 0 {
					limit = 80
				}
				// A word that is longer than a line is not cut. The table keeps
				// its shape.
				if len([]rune(line)) > limit && width != 60 && f.name != "hostile" {
					t.Errorf("%s at %d columns: line of %d: %s", f.name, width, len([]rune(line)), line)
				}
			}
		}
	}
}

func TestTextNeutralisesControls(t *testing.T) {
	for _, verbose := range []bool{false, true} {
		in := hostile()
		in.Verbose = verbose
		out := render(t, "text", in) + render(t, "github", in)
		for _, r := range out {
			if r < 0x20 && r != '\n' || r >= 0x7f && r < 0xa0 || r == '\u202e' || r == '\ufffd' {
				t.Errorf("output has %q", r)
			}
		}
		for line := range strings.Lines(render(t, "text", in)) {
			if s := strings.TrimSpace(line); strings.HasPrefix(s, "::") || strings.Contains(s, "##[") || strings.Contains(s, "##vso[") {
				t.Errorf("a build system would obey: %s", line)
			}
		}
	}
}

func TestTextColor(t *testing.T) {
	in := failing()
	plain := render(t, "text", in)
	if strings.Contains(plain, "\x1b") {
		t.Error("escapes without Color")
	}
	in.Color = true
	colored := render(t, "text", in)
	if !strings.Contains(colored, "\x1b[1;31mFAIL\x1b[0m") {
		t.Error("the outcome is not painted")
	}
	stripped := colored
	for _, s := range []style{bold, dim, red, green, yellow, redB, greenB, yellB} {
		stripped = strings.ReplaceAll(stripped, "\x1b["+string(s)+"m", "")
	}
	stripped = strings.ReplaceAll(stripped, "\x1b[0m", "")
	if stripped != plain {
		t.Error("colours change more than colours")
	}
}

func TestTextShortensUnlessVerbose(t *testing.T) {
	in := large()
	short := render(t, "text", in)
	if n := strings.Count(short, "\n"); n > 140 {
		t.Errorf("%d lines for 800 violations", n)
	}
	for _, want := range []string{"… and 390 more", "Shortened; -v", "Upgrade 400 packages"} {
		if !strings.Contains(short, want) {
			t.Errorf("lacks %q", want)
		}
	}
	lines := strings.Split(strings.TrimSpace(short), "\n")
	if !strings.HasPrefix(lines[len(lines)-1], "FAIL  800 violations") {
		t.Errorf("last line of a long output is %q", lines[len(lines)-1])
	}
	in.Verbose = true
	long := render(t, "text", in)
	for _, want := range []string{"package-399 ", "deploy/399.yaml", "f199"} {
		if !strings.Contains(long, want) {
			t.Errorf("verbose lacks %q", want)
		}
	}
	if strings.Contains(long, "-v or -o json") {
		t.Error("verbose is shortened")
	}
}

func TestElapsedIsOnlyInText(t *testing.T) {
	in := passing()
	in.Elapsed = 2340 * time.Millisecond
	in.Report.Stats = gatehouse.Stats{CacheHits: 60, CacheMisses: 3}
	if s := render(t, "text", in); !strings.Contains(s, "Took 2.3s; 60 of 63 results were cached.") {
		t.Errorf("text lacks the time:\n%s", s)
	}
	for _, name := range Formats()[1:] {
		if render(t, name, in) != render(t, name, passing()) {
			t.Errorf("%s depends on how the run went", name)
		}
	}
}

func TestPathPrefix(t *testing.T) {
	in := failing()
	in.PathPrefix = "services/shop"
	for name, want := range map[string]string{
		"sarif": `"uri": "services/shop/billing/Dockerfile"`, "github": "file=services/shop/billing/Dockerfile,",
		"gitlab": `"path": "services/shop/billing/Dockerfile"`,
	} {
		out := render(t, name, in)
		if !strings.Contains(out, want) || strings.Contains(out, strings.Replace(want, "services/shop/", "", 1)) {
			t.Errorf("%s lacks %s", name, want)
		}
	}
	for _, name := range []string{"text", "json", "junit", "markdown"} {
		if render(t, name, in) != render(t, name, failing()) {
			t.Errorf("%s depends on the prefix", name)
		}
	}
}

func TestUpgradeTarget(t *testing.T) {
	for _, tt := range []struct {
		current string
		fixed   []string
		want    string
	}{
		{"1.2.0", []string{"0.2.4", "1.2.6"}, "1.2.6"},
		{"1.2.0", []string{"2.0.0", "1.10.0", "1.9.0"}, "1.9.0"},
		{"v1.2.0", []string{"v1.2.1"}, "v1.2.1"},
		{"4.2.7", []string{"~> 4.2.8", ">= 5.0.0.beta1"}, "4.2.8"},
		{"2.0.0", []string{">= 2.1.0, < 3"}, "2.1.0"},
		{"2.0.0-rc1", []string{"2.0.0"}, "2.0.0"},
		{"9", []string{"1", "2"}, "2"},
		{"1", nil, ""},
	} {
		if got := upgradeTarget(tt.current, tt.fixed); got != tt.want {
			t.Errorf("upgradeTarget(%q, %q) = %q, want %q", tt.current, tt.fixed, got, tt.want)
		}
	}
	ordered := []string{"1.0a1", "1.0rc1", "1.0", "1.0.post1", "1.0.1", "1.2", "1.10", "1.10.0-alpha.1", "2"}
	for i := range ordered[1:] {
		if ordered[i+1] == "1.10.0-alpha.1" {
			if compareVersions(ordered[i+1], "1.10") >= 0 {
				t.Error("a pre-release is not before its release")
			}
			continue
		}
		if compareVersions(ordered[i], ordered[i+1]) >= 0 {
			t.Errorf("%s is not before %s", ordered[i], ordered[i+1])
		}
	}
	if compareVersions("1.0", "1.0.0") != 0 {
		t.Error("1.0 is not 1.0.0")
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain ünïcode 漢字": "plain ünïcode 漢字",
		"a\nb\r":           `a\nb\r`,
		"\x1b[2J":          `\x1b[2J`,
		"a\u202eb\u200bc":  `a\u202eb\u200bc`,
		"\xff":             `\xff`,
		"::error::x":       `\x3a:error::x`,
		"a ::error::x":     `a \x3a:error::x`,
		"std::string":      "std::string",
		"##[group]":        `\x23#[group]`,
		"a##vso[x]":        `a\x23#vso[x]`,
		"## heading":       "## heading",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestPlacesText(t *testing.T) {
	places := []gatehouse.Location{loc("a", 1), loc("a", 4), loc("b", 0), loc("c", 2), loc("d", 2)}
	if got, want := placesText(places, 2), "a:1, 4; b and 2 more"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !slices.Contains([]string{"a:1, 4; b; c:2; d:2"}, placesText(places, 9)) {
		t.Error(placesText(places, 9))
	}
}
