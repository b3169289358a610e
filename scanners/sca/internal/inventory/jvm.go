package inventory

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// parseGradleLock reads lines "group:artifact:version=configurations"; see
// https://docs.gradle.org/current/userguide/dependency_locking.html.
func parseGradleLock(f *Lockfile) (Inventory, error) {
	inv, err := readTrivy(Maven, newGradleParser(), f.Data)
	if err != nil {
		return inv, err
	}
	n, known := 0, false
	for line := range strings.Lines(string(f.Data)) {
		n++
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case strings.HasPrefix(line, "#"), strings.HasPrefix(line, "empty="):
			known = true
		case strings.Count(line, ":") != 2:
			inv.gap(gatehouse.GapParse, n, "", "the line is no locked dependency (group:artifact:version=configurations)")
		}
	}
	if len(inv.Packages) == 0 && !known {
		return inv, errors.New("it names no packages and does not look like a lockfile of Gradle")
	}
	return inv, nil
}

// parseSbtLock reads build.sbt.lock. The parser leaves out what is only for
// tests, which belongs to the inventory all the same.
func parseSbtLock(f *Lockfile) (Inventory, error) {
	inv, err := readTrivy(Maven, newSbtLockParser(), f.Data)
	if err != nil {
		return inv, err
	}
	var lock struct {
		LockVersion  any
		Dependencies []struct {
			Org, Name, Version string
			Configurations     []string
		}
	}
	if err := decodeJSON(f.Data, &lock); err != nil {
		return inv, err
	}
	if lock.LockVersion == nil && lock.Dependencies == nil {
		return inv, errors.New(`it has neither "lockVersion" nor "dependencies"`)
	}
	have := map[string]bool{}
	for _, p := range inv.Packages {
		have[p.Label()] = true
	}
	lines := jsonItemLines(f.Data, "dependencies")
	for i, d := range lock.Dependencies {
		p := Package{Eco: Maven, Name: d.Org + ":" + d.Name, Version: d.Version, Dev: true}
		if i < len(lines) {
			p.Line = lines[i]
		}
		if !have[p.Label()] {
			if d.Org == "" || d.Name == "" || d.Version == "" {
				inv.gap(gatehouse.GapUnresolved, p.Line, p.Name, "the dependency has no organisation, name or version")
				continue
			}
			inv.add(p)
		}
	}
	return inv, nil
}

// mavenName joins a group and an artifact.
func mavenName(group, artifact string) string { return fmt.Sprintf("%s:%s", group, artifact) }
