package gitstore

import (
	"container/list"
	"sync"
)

// cache keeps the objects that others are deltas of; those that were not used
// for longest go first.
type cache struct {
	mu    sync.Mutex
	max   int64
	bytes int64
	order *list.List // of *cached
	items map[cacheKey]*list.Element
}

type cacheKey struct {
	pack   *pack
	offset int64
}

type cached struct {
	key  cacheKey
	kind Type
	data []byte
	id   ID // zero unless data was checked against it
}

func newCache(max int64) *cache {
	return &cache{max: max, order: list.New(), items: map[cacheKey]*list.Element{}}
}

func (c *cache) get(k cacheKey) (Type, []byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.items[k]
	if !ok {
		return 0, nil, false
	}
	c.order.MoveToFront(e)
	v := e.Value.(*cached)
	return v.kind, v.data, true
}

// put keeps data, which must not be changed any more.
func (c *cache) put(k cacheKey, t Type, data []byte) {
	if int64(len(data)) > c.max/4 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.items[k]; ok {
		return
	}
	c.items[k] = c.order.PushFront(&cached{key: k, kind: t, data: data})
	c.bytes += int64(len(data)) + 128
	for c.bytes > c.max {
		e := c.order.Back()
		v := c.order.Remove(e).(*cached)
		delete(c.items, v.key)
		c.bytes -= int64(len(v.data)) + 128
	}
}

// check notes that an object was checked against its id.
func (c *cache) check(k cacheKey, id ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.items[k]; ok {
		e.Value.(*cached).id = id
	}
}

// checked returns the id that an object was checked against; zero if it was not,
// or is not here any more.
func (c *cache) checked(k cacheKey) ID {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.items[k]; ok {
		return e.Value.(*cached).id
	}
	return ID{}
}
