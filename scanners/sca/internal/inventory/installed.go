package inventory

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

// Installed is a kind of file that is, or describes, a package that is there
// itself: what was built or installed, rather than what a lockfile asks for.
type Installed struct {
	// Parse reads the file; it gets the bytes as they are.
	Parse func(*Lockfile) (Inventory, error)
}

var (
	pythonInstalled = &Installed{parsePythonMetadata}
	javaInstalled   = &Installed{parseJavaArchive}
	gemInstalled    = &Installed{parseGemspec}
	rInstalled      = &Installed{parseDescription}
	condaInstalled  = &Installed{parseCondaMeta}
	juliaInstalled  = &Installed{parseJuliaPackage}
	programs        = &Installed{parseProgram}
)

// leastProgram is the size from which an executable file may be a program of Go
// or Rust: the smallest ones have several hundred kilobytes.
const leastProgram = 64 << 10

// scripts are names of executable files that are text.
var scripts = []string{".sh", ".bash", ".zsh", ".fish", ".py", ".rb", ".pl", ".js", ".mjs", ".ts", ".php", ".lua", ".ps1", ".bat", ".cmd", ".jar", ".txt", ".md"}

// InstalledOf returns the kind of installed package that a file is by its name,
// size and mode, or nil.
func InstalledOf(name string, size int64, mode fs.FileMode) *Installed {
	base, dir := path.Base(name), path.Base(path.Dir(name))
	ext := strings.ToLower(path.Ext(base))
	switch {
	case base == "METADATA" && strings.HasSuffix(dir, ".dist-info"), base == "PKG-INFO" && strings.HasSuffix(dir, ".egg-info"), ext == ".egg-info":
		return pythonInstalled
	case slices.Contains([]string{".jar", ".war", ".ear", ".par", ".hpi", ".jpi"}, ext):
		return javaInstalled
	case ext == ".gemspec" && (dir == "specifications" || dir == "default" && path.Base(path.Dir(path.Dir(name))) == "specifications"):
		return gemInstalled
	case base == "DESCRIPTION":
		return rInstalled
	case isCondaMeta(name):
		return condaInstalled
	case isJuliaPackage(name):
		return juliaInstalled
	case size >= leastProgram && (ext == ".exe" || mode.IsRegular() && mode&0o111 != 0 && !slices.Contains(scripts, ext)):
		return programs
	}
	return nil
}

// parsePythonMetadata reads the core metadata of an installed distribution
// (https://packaging.python.org/en/latest/specifications/core-metadata/).
func parsePythonMetadata(f *Lockfile) (Inventory, error) {
	var inv Inventory
	if err := CheckText(f.Data); err != nil {
		return inv, err
	}
	h := readHeaders(PlainText(f.Data))
	name, version := h.get("Name"), h.get("Version")
	if name == "" || version == "" {
		return inv, &gatehouse.Unscannable{Code: gatehouse.GapParse, Reason: "it names no package and version, so it is no metadata of Python; install the package anew, or remove what is left of it"}
	}
	p := Package{Eco: PyPI, Name: PythonName(name), Version: version, Line: h.line("Name"), Installed: true}
	switch license := h.get("License-Expression"); {
	case license != "":
		p.Licenses = []string{license}
	case h.get("License") != "" && !strings.Contains(h.get("License"), "\n"):
		p.Licenses = []string{h.get("License")}
	}
	inv.add(p)
	return inv, nil
}

var (
	gemName    = lazyregexp.New(`(?m)^\s*\w+\.name\s*=\s*["']([^"']+)["']`)
	gemVersion = lazyregexp.New(`(?m)^\s*\w+\.version\s*=\s*["']([^"']+)["']`)
	gemLicense = lazyregexp.New(`(?m)^\s*\w+\.licenses?\s*=\s*\[?\s*["']([^"']+)["']`)
)

// parseGemspec reads the specification that RubyGems writes for an installed
// gem. It is a program; RubyGems always writes it in the same form.
func parseGemspec(f *Lockfile) (Inventory, error) {
	var inv Inventory
	if err := CheckText(f.Data); err != nil {
		return inv, err
	}
	data := PlainText(f.Data)
	name, version := gemName().FindSubmatchIndex(data), gemVersion().FindSubmatchIndex(data)
	if name == nil || version == nil {
		return inv, &gatehouse.Unscannable{Code: gatehouse.GapParse, Reason: "it does not say name and version in the form that RubyGems writes; install the gem anew"}
	}
	p := Package{Eco: Gem, Name: string(data[name[2]:name[3]]), Version: string(data[version[2]:version[3]]), Installed: true,
		Line: 1 + bytes.Count(data[:name[2]], []byte("\n"))}
	if l := gemLicense().FindSubmatch(data); l != nil {
		p.Licenses = []string{string(l[1])}
	}
	inv.add(p)
	return inv, nil
}
