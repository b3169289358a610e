package gatehouse

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// link is a symbolic link of the target. It is never followed: what it leads
// to is looked at in its own place, if it has one within the target.
type link struct {
	path, dest string // dest as it stands in the link; empty if it cannot be read
}

// linkHops bounds the links on the way to a destination, as the Linux kernel
// does (MAXSYMLINKS).
const linkHops = 40

// places says what is where in a target.
type places struct {
	links map[string]string // destination by path
	files map[string]int    // index by path
	dirs  map[string]bool
	// rooted is true if links cannot leave the target: its root is theirs.
	rooted bool
}

func (s *scan) places(index map[string]int) places {
	p := places{links: make(map[string]string, len(s.found.links)), files: index, dirs: map[string]bool{".": true}, rooted: s.found.leftOut != nil}
	for _, l := range s.found.links {
		p.links[l.path] = l.dest
	}
	if len(s.found.links) == 0 {
		return p // nobody will ask
	}
	for _, f := range s.found.files {
		for dir := path.Dir(f.Path); !p.dirs[dir]; dir = path.Dir(dir) {
			p.dirs[dir] = true
		}
	}
	return p
}

// resolve returns where a link leads, or why that is nowhere in the target, as
// the rest of "symbolic link that". Links on the way are followed by name
// alone.
func (p *places) resolve(l link) (at, nowhere string) {
	if l.dest == "" {
		return "", "cannot be read"
	}
	at = path.Dir(l.path)
	var rest []string
	follow := func(dest string) bool {
		if path.IsAbs(dest) {
			at, dest = ".", strings.TrimLeft(dest, "/")
			if !p.rooted {
				return false
			}
		}
		rest = append(rest, dest)
		return true
	}
	out := fmt.Sprintf("leads out of the target, to %s", l.dest)
	if !follow(l.dest) {
		return "", out
	}
	for hops := 0; len(rest) > 0; {
		first, more, _ := strings.Cut(rest[len(rest)-1], "/")
		if rest = rest[:len(rest)-1]; more != "" {
			rest = append(rest, more)
		}
		next := path.Join(at, first)
		if next == ".." || strings.HasPrefix(next, "../") {
			if !p.rooted {
				return "", out
			}
			next = "." // nothing is above a root
		}
		dest, isLink := p.links[next]
		switch {
		case !isLink:
			at = next
		case dest == "":
			return "", "cannot be read"
		case hops == linkHops:
			return "", "leads in a circle"
		case !follow(dest):
			return "", out
		default:
			hops++
		}
	}
	return at, ""
}

// addLinks enters the links as skips. Where a scanner reads the name of a link
// but not what it leads to under the name that has, nothing was looked at that
// the name promises, which is a gap.
func (s *scan) addLinks(index map[string]int) {
	p := s.places(index)
	for _, l := range s.found.links {
		dest, nowhere := p.resolve(l)
		i, isFile := index[dest]
		reason := "symbolic link that " + nowhere
		switch {
		case nowhere != "":
		case isFile, p.dirs[dest]:
			reason = fmt.Sprintf("symbolic link to %s, which is looked at in its own place", dest)
		case p.rooted && !s.found.leftOut(dest):
			s.found.skipped = append(s.found.skipped, Skip{Path: l.path, Reason: fmt.Sprintf("symbolic link to %s, which is not in the target", clip(dest))})
			continue
		default:
			nowhere = fmt.Sprintf("leads to %s, which is missing or left out", dest)
			reason = "symbolic link that " + nowhere
		}
		s.found.skipped = append(s.found.skipped, Skip{Path: l.path, Reason: reason})
		if nowhere == "" && !isFile {
			continue
		}
		for k, sc := range s.scanners {
			if !sc.wantsName(l.path) || sc.Want(FileInfo{Path: "name/of/no/kind"}).Scan {
				continue // its name says nothing about what it holds
			}
			why := nowhere
			if isFile {
				if s.files[i].wants[k].Scan || s.files[i].owner[k] != nil {
					continue
				}
				why = fmt.Sprintf("leads to %s, which is no name that the scanner reads", dest)
			}
			s.found.gaps = append(s.found.gaps, Gap{Code: GapUnresolved, Scanner: sc.Name, Path: l.path,
				Reason: fmt.Sprintf("the symbolic link %s, so what it stands for was not looked at; replace the link by the file, or exclude it", clip(why))})
		}
	}
}

// wantsName reports whether a file of that name would be looked at, alone or
// as what a group is about.
func (sc *Scanner) wantsName(name string) bool {
	info := FileInfo{Path: name}
	if sc.Want(info).Scan {
		return true
	}
	return sc.Groups != nil && slices.ContainsFunc(sc.Groups([]FileInfo{info}), func(g Group) bool { return slices.Contains(g.Owned, name) })
}
