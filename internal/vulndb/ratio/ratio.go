// Package ratio stops archives that unpack to far more than they are.
package ratio

import (
	"fmt"
	"io"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// Err means that an archive was made to fill a disk or memory.
var Err = fmt.Errorf("it unpacks to more than %d times its size", limits.MaxArchiveRatio)

// slack is what may be unpacked before the ratio counts: small archives of
// similar files compress very well.
const slack = 32 << 20

// Counter counts what is read from R.
type Counter struct {
	R io.Reader
	// N is the number of bytes read.
	N int64
	// Packed counts what R reads itself; nil if R is not packed.
	Packed *Counter
}

// Read reads from R and fails with [Err] when the ratio is exceeded.
func (c *Counter) Read(p []byte) (int, error) {
	n, err := c.R.Read(p)
	c.N += int64(n)
	if c.Packed != nil && c.N > slack && c.N/limits.MaxArchiveRatio > c.Packed.N {
		return n, Err
	}
	return n, err
}
