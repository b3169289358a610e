package cli

import (
	"fmt"
	"sync"
	"time"

	"github.com/gatehouse-sec/gatehouse"
)

// progress draws one line on standard error, if that is a terminal.
type progress struct {
	a    *app
	mu   sync.Mutex
	last time.Time
	used bool
}

// newProgress returns nil where nobody would see it.
func (a *app) newProgress() *progress {
	if tty, _ := terminal(a.stderr); !tty {
		return nil
	}
	return &progress{a: a}
}

// scan returns the function for a scan; nil if p is.
func (p *progress) scan() func(gatehouse.Progress) {
	if p == nil {
		return nil
	}
	return func(s gatehouse.Progress) {
		p.show("scanning: %d of %d files, %d of %d MiB", s.FilesDone, s.FilesTotal, s.BytesDone>>20, s.BytesTotal>>20)
	}
}

func (p *progress) show(format string, args ...any) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.last) < 100*time.Millisecond {
		return
	}
	p.last, p.used = now, true
	fmt.Fprintf(p.a.stderr, "\r\x1b[K"+format, args...)
}

// done removes the line.
func (p *progress) done() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used {
		fmt.Fprint(p.a.stderr, "\r\x1b[K")
	}
}
