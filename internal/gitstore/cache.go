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
	c.items[k] = c.order.PushFront(&cached{k, t, data})
	c.bytes += int64(len(data)) + 128
	for c.bytes > c.max {
		e := c.order.Back()
		v := c.order.Remove(e).(*cached)
		delete(c.items, v.key)
		c.bytes -= int64(len(v.data)) + 128
	}
}
