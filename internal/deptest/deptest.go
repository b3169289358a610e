// Package deptest is empty. Its test holds the import rules of the project.
package deptest
