package inventory

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// parseGradleLock reads lines "group:artifact:version=configurations"; see
// https://docs.gradle.org/current/userguide/dependency_locking.html.
func parseGradleLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	n, known := 0, false
	build := strings.HasPrefix(path.Base(f.Path), "buildscript-")
	for line := range strings.Lines(string(f.Data)) {
		n++
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			continue
		case line[0] == '#', strings.HasPrefix(line, "empty="):
			known = true
			continue
		}
		coordinates, list, _ := strings.Cut(line, "=")
		parts := strings.Split(coordinates, ":")
		if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
			inv.gap(gatehouse.GapParse, n, "", "the line is no locked dependency (group:artifact:version=configurations)")
			continue
		}
		p := Package{Eco: Maven, Name: mavenName(parts[0], parts[1]), Version: parts[2], Line: n}
		for one := range strings.SplitSeq(list, ",") {
			p.Scope = wider(p.Scope, gradleScope(one))
		}
		if build {
			p.Scope = gatehouse.ScopeBuild
		}
		p.Dev = !shippedScope(p.Scope)
		inv.add(p)
	}
	if len(inv.Packages) == 0 && !known {
		return inv, errors.New("it names no packages and does not look like a lockfile of Gradle")
	}
	return inv, nil
}

// gradleTools are configurations of plugins that check the code.
var gradleTools = []string{"checkstyle", "pmd", "spotbugs", "jacoco", "detekt", "ktlint", "errorprone"}

// gradleScope is what a configuration is for, from its name as Gradle and its
// plugins give it; those of projects are taken for shipped.
func gradleScope(configuration string) gatehouse.Scope {
	name := strings.ToLower(strings.TrimSpace(configuration))
	switch {
	case name == "":
		return ""
	case hasAnyPrefix(name, gradleTools...):
		return gatehouse.ScopeDev
	case strings.HasPrefix(name, "test"), strings.Contains(configuration, "Test"):
		return gatehouse.ScopeTest
	case strings.HasSuffix(name, "annotationprocessor"), hasAnyPrefix(name, "kapt", "ksp"), name == "classpath":
		return gatehouse.ScopeBuild
	}
	return gatehouse.ScopeRuntime
}

// parseSbtLock reads build.sbt.lock; see
// https://stringbean.github.io/sbt-dependency-lock/file-formats/lockfile.html.
func parseSbtLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := jsonTree(f.Data)
	if err != nil {
		return inv, err
	}
	list := root.get("dependencies")
	if !root.get("lockVersion").exists() && !list.exists() {
		return inv, errors.New(`it has neither "lockVersion" nor "dependencies"`)
	}
	inv.tellRepeated(root)
	for n := range list.children() {
		group, name, version := n.get("org").text(), n.get("name").text(), n.get("version").text()
		p := Package{Eco: Maven, Name: mavenName(group, name), Version: version, Line: n.line(), EndLine: n.end()}
		if group == "" || name == "" || version == "" {
			inv.gap(gatehouse.GapUnresolved, p.Line, p.Name, "the dependency has no organisation, name or version")
			continue
		}
		for _, c := range n.get("configurations").texts() {
			p.Scope = wider(p.Scope, sbtScope(c))
		}
		// What the environment provides is not shipped.
		p.Dev = p.Scope != "" && p.Scope != gatehouse.ScopeRuntime && p.Scope != gatehouse.ScopeOptional
		for a := range n.get("artifacts").children() {
			algorithm, sum, _ := strings.Cut(a.get("hash").text(), ":")
			p.Hashes = append(p.Hashes, digests(hexDigest(algorithm, sum))...)
		}
		inv.add(p)
	}
	return inv, nil
}

func sbtScope(configuration string) gatehouse.Scope {
	switch configuration {
	case "test", "it", "test-internal":
		return gatehouse.ScopeTest
	case "provided", "plugin", "scala-tool":
		return gatehouse.ScopeBuild
	case "optional":
		return gatehouse.ScopeOptional
	}
	return gatehouse.ScopeRuntime
}

// mavenName joins a group and an artifact.
func mavenName(group, artifact string) string { return fmt.Sprintf("%s:%s", group, artifact) }
