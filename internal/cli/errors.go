package cli

import (
	"errors"
	"fmt"

	"github.com/gatehouse-sec/gatehouse"
)

// The exit codes, the same for all commands and output formats.
const (
	exitPass       = 0
	exitFail       = 1 // a policy was violated, or a test of a policy failed
	exitUsage      = 2 // the command line, configuration or policies are wrong
	exitIncomplete = 3 // something could not be judged
	exitNothing    = 4 // there was nothing to scan
)

// exitError is an error with the exit code it leads to. An error without one
// is [exitUsage]: nothing was judged.
type exitError struct {
	code int
	err  error // nil if everything has been said already
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exitCode is the code that err leads to, and whether err is to be printed.
func exitCode(err error) (code int, print bool) {
	if err == nil {
		return exitPass, false
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code, e.err != nil
	}
	return exitUsage, true
}

// silently exits with code; all has been said on stdout.
func silently(code int) error {
	if code == exitPass {
		return nil
	}
	return &exitError{code: code}
}

func errNothing(what string) error {
	return &exitError{exitNothing, fmt.Errorf("%s: an empty scan proves nothing; check the path and the excludes, or pass --allow-empty", what)}
}

func outcomeCode(o gatehouse.Outcome) int {
	switch o {
	case gatehouse.OutcomePass:
		return exitPass
	case gatehouse.OutcomeFail:
		return exitFail
	}
	return exitIncomplete
}
