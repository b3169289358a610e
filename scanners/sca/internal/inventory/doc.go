// Package inventory reads the files that name packages: lockfiles and
// manifests of all common package managers. It says what each names, and what
// could not be made a package. It reads nothing but the bytes it is given.
package inventory
