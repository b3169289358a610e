package inventory

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"debug/buildinfo"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// upxHeader is how far into a program the mark of UPX stands: behind the headers.
const upxHeader = 4096

// parseProgram reads what a program says that it was built from: the modules
// that the Go linker writes down (runtime/debug.BuildInfo), or the packages that
// cargo-auditable does. A program that says nothing has no packages: nothing is
// known of it, as of any other file.
func parseProgram(f *Lockfile) (Inventory, error) {
	if !isProgram(f.Data) {
		return Inventory{}, nil
	}
	if bytes.Contains(f.Data, []byte("\xff Go buildinf:")) {
		return goProgram(f.Data)
	}
	if audit := auditSection(f.Data); audit != nil {
		return rustProgram(audit)
	}
	var inv Inventory
	if bytes.Contains(f.Data[:min(len(f.Data), upxHeader)], []byte("UPX!")) {
		inv.gap(gatehouse.GapUnresolved, 0, "", "it is packed with UPX, so what it was built from cannot be seen; unpack it with upx -d")
	}
	return inv, nil
}

// isProgram reports whether the file starts as ELF, PE or Mach-O does.
func isProgram(data []byte) bool {
	for _, magic := range []string{"\x7fELF", "MZ", "\xcf\xfa\xed\xfe", "\xce\xfa\xed\xfe", "\xca\xfe\xba\xbe"} {
		if bytes.HasPrefix(data, []byte(magic)) {
			return true
		}
	}
	return false
}

func goProgram(data []byte) (Inventory, error) {
	var inv Inventory
	info, err := buildinfo.Read(bytes.NewReader(data))
	if err != nil {
		return inv, &gatehouse.Unscannable{Code: gatehouse.GapParse,
			Reason: fmt.Sprintf("it is a program of Go whose list of modules cannot be read (%v); build it anew", err)}
	}
	// Experiments ("go1.26.1-X:name", "go1.26.1 X:name") do not matter here.
	toolchain, _, _ := strings.Cut(strings.Replace(strings.TrimPrefix(info.GoVersion, "go"), "-X:", " X:", 1), " ")
	inv.add(Package{Eco: Golang, Name: "stdlib", Version: toolchain, Direct: true, Installed: true})
	if m := info.Main; m.Path != "" {
		main := Package{Eco: Golang, Name: m.Path, Version: m.Version, Installed: true, Direct: true}
		// Without a release, it is the target's own.
		main.FirstParty = m.Version == "" || m.Version == "(devel)"
		inv.add(main)
	}
	for _, m := range info.Deps {
		p := Package{Eco: Golang, Name: m.Path, Version: m.Version, Installed: true}
		sum := m.Sum
		if r := m.Replace; r != nil {
			p.Name, p.Version, sum = r.Path, r.Version, r.Sum
			if r.Version == "" {
				p.Name, p.Version = m.Path, m.Version
				p.Unmatched = fmt.Sprintf("it was built from the directory %q and not from the module", r.Path)
				p.Origin = &gatehouse.Origin{Kind: "path", URL: r.Path}
			}
		}
		if sum != "" {
			p.Hashes = []string{sum}
		}
		inv.add(p)
	}
	return inv, nil
}

// auditSection returns the content of the section that cargo-auditable adds
// (https://github.com/rust-secure-code/cargo-auditable, PARSING.md), or nil.
func auditSection(data []byte) []byte {
	r := bytes.NewReader(data)
	if f, err := elf.NewFile(r); err == nil {
		if s := f.Section(".dep-v0"); s != nil {
			return sectionData(s.Data())
		}
		return nil
	}
	if f, err := pe.NewFile(r); err == nil {
		if s := f.Section(".dep-v0"); s != nil {
			return sectionData(s.Data())
		}
		return nil
	}
	if f, err := macho.NewFile(r); err == nil {
		if s := f.Section(".dep-v0"); s != nil {
			return sectionData(s.Data())
		}
	}
	return nil
}

// sectionData is empty, and so no valid list, if the section cannot be read.
func sectionData(data []byte, err error) []byte {
	if err != nil {
		return []byte{}
	}
	return data
}

func rustProgram(section []byte) (Inventory, error) {
	var inv Inventory
	fail := func(err error) (Inventory, error) {
		return Inventory{}, &gatehouse.Unscannable{Code: gatehouse.GapParse,
			Reason: fmt.Sprintf("it is a program of Rust whose list of packages cannot be read (%v); build it anew", err)}
	}
	z, err := zlib.NewReader(bytes.NewReader(section))
	if err != nil {
		return fail(err)
	}
	// cargo-auditable itself allows 8 MiB.
	text, err := io.ReadAll(io.LimitReader(z, limits.MaxConfigBytes+1))
	if err == nil && len(text) > limits.MaxConfigBytes {
		err = fmt.Errorf("it has more than %d bytes", limits.MaxConfigBytes)
	}
	if err != nil {
		return fail(err)
	}
	var list struct {
		Packages []struct {
			Name, Version, Source string
			Kind                  string
			Dependencies          []int
			Root                  bool
		}
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return fail(err)
	}
	if len(list.Packages) == 0 {
		return fail(fmt.Errorf("it is empty"))
	}
	for i, p := range list.Packages {
		out := Package{ID: strconv.Itoa(i), Eco: Cargo, Name: p.Name, Version: p.Version, Installed: true, FirstParty: p.Root || p.Source == "local"}
		if p.Kind == "build" {
			out.Scope = gatehouse.ScopeBuild
		}
		if kind := cmp.Or(p.Source, "crates.io"); kind != "crates.io" && !out.FirstParty {
			out.Unmatched = fmt.Sprintf("it was built from %s and not from crates.io", kind)
		}
		for _, d := range p.Dependencies {
			out.DependsOn = append(out.DependsOn, strconv.Itoa(d))
		}
		inv.add(out)
	}
	for _, p := range list.Packages {
		for _, d := range p.Dependencies {
			if p.Root && d >= 0 && d < len(inv.Packages) {
				inv.Packages[d].Direct = true
			}
		}
	}
	return inv, nil
}
