package gitstore

import (
	"container/list"
	"math/bits"
	"sync"
)

// cache keeps the objects that others are deltas of; those that were not used
// for longest go first. Their memory is used again once nobody reads it.
type cache struct {
	mu    sync.Mutex
	max   int64
	bytes int64
	order *list.List // of *cached
	items map[cacheKey]*list.Element
	// free is memory that is not in use, by class, freeBytes in all.
	free      [64 * 4][][]byte
	freeBytes int64
}

type cacheKey struct {
	pack   *pack
	offset int64
}

// cached is an object in memory, be it in the cache or not. Who has got it lets
// go of it when it is not read any more.
type cached struct {
	key  cacheKey
	kind Type
	data []byte
	id   ID // zero unless data was checked against it

	users int
	in    bool // the cache
	// out is set if data was given away, so that its memory must not be used
	// again.
	out bool
}

func newCache(max int64) *cache {
	return &cache{max: max, order: list.New(), items: map[cacheKey]*list.Element{}}
}

// get returns nil if the object is not here.
func (c *cache) get(k cacheKey) *cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.items[k]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	v := e.Value.(*cached)
	v.users++
	return v
}

// put keeps data, which must not be changed any more, if it is not too large. The
// caller has got the result.
func (c *cache) put(k cacheKey, t Type, data []byte) *cached {
	v := &cached{key: k, kind: t, data: data, users: 1}
	if int64(len(data)) > c.max/4 {
		return v
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.items[k]; ok {
		return v
	}
	v.in = true
	c.items[k] = c.order.PushFront(v)
	c.bytes += cost(v)
	for c.bytes > c.max {
		e := c.order.Back()
		v := c.order.Remove(e).(*cached)
		delete(c.items, v.key)
		c.bytes -= cost(v)
		v.in = false
		c.recycle(v)
	}
	return v
}

func cost(v *cached) int64 { return int64(cap(v.data)) + 192 }

// release lets go of an object; nil is nothing.
func (c *cache) release(v *cached) {
	if v == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	v.users--
	c.recycle(v)
}

// giveAway lets go of an object whose data somebody keeps.
func (c *cache) giveAway(v *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v.users--
	v.out = true
}

// recycle takes back the memory of an object that nobody reads.
func (c *cache) recycle(v *cached) {
	if v.users > 0 || v.in || v.out || cap(v.data) == 0 {
		return
	}
	data := v.data[:0]
	v.data = nil
	if n := int64(cap(data)); c.freeBytes+n <= c.max/4 {
		if class, size := classOf(cap(data)); size == cap(data) {
			c.free[class] = append(c.free[class], data)
			c.freeBytes += n
		}
	}
}

// room returns an empty buffer for n bytes.
func (c *cache) room(n int64) []byte {
	class, size := classOf(int(n))
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := len(c.free[class]); l > 0 {
		b := c.free[class][l-1]
		c.free[class] = c.free[class][:l-1]
		c.freeBytes -= int64(size)
		return b
	}
	return make([]byte, 0, size)
}

// classOf rounds a size up, so that memory fits objects of about the same size.
func classOf(n int) (class, size int) {
	n = max(n, 256)
	e := bits.Len(uint(n-1)) - 3 // two bits behind the first one count
	m := (n - 1) >> e            // 4 to 7
	return e*4 + m - 4, (m + 1) << e
}

// check notes that an object was checked against its id.
func (c *cache) check(v *cached, id ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v.id = id
}

// checked returns the id that an object was checked against; zero if it was not.
func (c *cache) checked(v *cached) ID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return v.id
}
