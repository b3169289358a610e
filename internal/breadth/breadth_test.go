package breadth_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/internal/breadth"
)

func TestGlob(t *testing.T) {
	for _, g := range []string{"src/**", "a/**", "**/Dockerfile", "**/*.go", "*.c", "test_*", "**/[Dd]ockerfile", "{docs,test}/**", "v1/{a,b}/*", `weird\*name`, "日本/**", "vendor", "**/testdata/**", "package-lock.json", ".env"} {
		if !breadth.Glob(g) {
			t.Errorf("%q names nothing", g)
		}
	}
	for _, g := range []string{"", "/", ".", "*", "**", "**/*", "*/**", "?*", "???*", "{*,*/**}", "{**,src}", "{src/**,*}", "{,**/}*", "[!x]*", "[^x]**", "**/*[!39p]",
		"{[a-y]*,[a-y]*/**}", "**/*e*", "**/D*", "**/*{e,t,y}", "{a,b,c}**/**", "*.*", "*-*", "[a-zA-Z_.]*", "[]a]*", "./**", "{a,b", strings.Repeat("{a,b}", 12) + "bc"} {
		if breadth.Glob(g) {
			t.Errorf("%q names something", g)
		}
	}
}

func TestText(t *testing.T) {
	for _, s := range []string{"a", "AWS-*", "module.a.*", "*.logs", "DS-0002"} {
		if !breadth.Text(s) {
			t.Errorf("%q names nothing", s)
		}
	}
	for _, s := range []string{"", " ", "*", "**", "*-*", "*S*", "C*", "*.*", "* *"} {
		if breadth.Text(s) {
			t.Errorf("%q names something", s)
		}
	}
}
