// Package version compares versions and ranges by the rules of each ecosystem.
package version
