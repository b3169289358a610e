package inventory

import (
	"archive/zip"
	"bytes"
	"crypto/sha1" //nolint:gosec // the name that registries know an archive by
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// parseJavaArchive reads what an archive of Java says it is, and what is packed
// into it: Maven writes group, artifact and version into each (pom.properties),
// and archives of programs hold those of their libraries.
func parseJavaArchive(f *Lockfile) (Inventory, error) {
	var inv Inventory
	if path.Base(f.Path) == "gradle-wrapper.jar" {
		inv.Skip = "the wrapper of Gradle has no dependencies"
		return inv, nil
	}
	j := &javaReader{inv: &inv, room: int64(limits.MaxArchiveRatio) * int64(len(f.Data))}
	if err := j.archive(f.Path, f.Data, 0); err != nil {
		return inv, &gatehouse.Unscannable{Code: gatehouse.GapParse, Reason: fmt.Sprintf("it cannot be read as an archive of Java: %v", err)}
	}
	return inv, nil
}

type javaReader struct {
	inv     *Inventory
	room    int64 // bytes that may still be unpacked
	entries int
}

var errJavaLimit = errors.New("it unpacks to more than is looked at")

// archive reads one archive; at says where it is, with the archives around it.
func (j *javaReader) archive(at string, data []byte, depth int) error {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	if j.entries += len(z.File); j.entries > limits.MaxArchiveEntries {
		return fmt.Errorf("%w: %d entries", errJavaLimit, j.entries)
	}
	found := false
	classes := false
	for _, e := range z.File {
		name := path.Clean(strings.ReplaceAll(e.Name, `\`, "/"))
		ext := strings.ToLower(path.Ext(name))
		switch {
		case ext == ".class":
			classes = true
		case path.Base(name) == "pom.properties" && strings.HasPrefix(name, "META-INF/maven/"):
			text, err := j.read(e)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if j.properties(at, text) {
				found = true
			}
		case slices.Contains([]string{".jar", ".war", ".ear"}, ext):
			if path.Base(name) == "gradle-wrapper.jar" {
				continue
			}
			if depth+1 >= limits.MaxArchiveDepth {
				return fmt.Errorf("%s: archives nest deeper than %d", name, limits.MaxArchiveDepth)
			}
			inner, err := j.read(e)
			if err == nil {
				err = j.archive(at+"!/"+name, inner, depth+1)
			}
			if err != nil {
				if errors.Is(err, errJavaLimit) {
					return err
				}
				j.inv.gap(gatehouse.GapParse, 0, name, fmt.Sprintf("the archive %s within it cannot be read: %v", name, err))
			}
		}
	}
	if !found && classes && !program(z) {
		base := path.Base(at)
		j.inv.gap(gatehouse.GapUnmatched, 0, base, fmt.Sprintf("which artifact %s is cannot be told: it has no META-INF/maven/…/pom.properties; its SHA-1 is %x, by which search.maven.org finds it. Use a build by Maven, or scan the lockfile of the build and exclude the file",
			base, sha1.Sum(data)))
	}
	return nil
}

// program reports whether an archive is the target's own program rather than a
// library: it holds its libraries.
func program(z *zip.Reader) bool {
	return slices.ContainsFunc(z.File, func(e *zip.File) bool {
		return strings.HasPrefix(e.Name, "BOOT-INF/") || strings.HasPrefix(e.Name, "WEB-INF/")
	})
}

// properties adds the artifact that a pom.properties names.
func (j *javaReader) properties(at string, text []byte) bool {
	fields := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		k, v, _ := strings.Cut(line, "=")
		fields[strings.TrimSpace(k)] = strings.TrimSpace(v)
	}
	group, artifact, version := fields["groupId"], fields["artifactId"], fields["version"]
	if group == "" || artifact == "" || version == "" || strings.Contains(version, "${") {
		return false
	}
	j.inv.add(Package{ID: at + " " + group + ":" + artifact, Eco: Maven, Name: group + ":" + artifact, Version: version, Installed: true})
	return true
}

// read unpacks one entry within what may still be unpacked.
func (j *javaReader) read(e *zip.File) ([]byte, error) {
	r, err := e.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	most := min(j.room, limits.MaxFileBytes)
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%w: %s", errJavaLimit, e.Name)
	}
	j.room -= int64(len(data))
	return data, nil
}
