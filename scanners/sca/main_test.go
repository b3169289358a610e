package sca_test

import (
	"log/slog"
	"os"
	"testing"
)

// TestMain sets a logger as a program must; see the package comment.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}
