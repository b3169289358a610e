// Package version compares versions by the rules of each package manager, and
// reads their ranges. What a package manager would not take for a version is
// an error and not some version: a wrong order would hide a finding.
package version
