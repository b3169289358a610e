package iac

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/aquasecurity/trivy/pkg/iac/adapters/terraform/aws"
	"github.com/aquasecurity/trivy/pkg/iac/adapters/terraform/aws/s3"
	awsstate "github.com/aquasecurity/trivy/pkg/iac/providers/aws"
	s3state "github.com/aquasecurity/trivy/pkg/iac/providers/aws/s3"
	tf "github.com/aquasecurity/trivy/pkg/iac/terraform"
	"github.com/zclconf/go-cty/cty"
)

// bucketsAtOnce is how many buckets the adapter of S3 gets at once. It compares
// each bucket with each resource about buckets, and looks for what that refers
// to among all blocks: a thousand of each take minutes.
const bucketsAtOnce = 8

const bucketType = "aws_s3_bucket"

// aboutBuckets reports whether a type of resource says more about a bucket.
func aboutBuckets(typ string) bool {
	return strings.HasPrefix(typ, bucketType+"_") || typ == "aws_s3_object"
}

// adaptAWS is the state of the resources of AWS. Of S3 it is put together from
// the states of a few buckets each.
func adaptAWS(modules tf.Modules, atOnce int) awsstate.AWS {
	if len(modules.GetResourcesByType(bucketType)) <= atOnce {
		return aws.Adapt(modules)
	}
	others := selected(modules, func(b *tf.Block) bool { return b.Type() != "resource" || !aboutBuckets(b.TypeLabel()) })
	st := aws.Adapt(others)
	st.S3 = s3state.S3{Buckets: adaptBuckets(modules, atOnce)}
	return st
}

// selected are the modules with those of their blocks for which keep holds.
func selected(modules tf.Modules, keep func(*tf.Block) bool) tf.Modules {
	var all tf.Modules
	for _, m := range modules {
		var blocks tf.Blocks
		for _, b := range m.GetBlocks() {
			if keep(b) {
				blocks = append(blocks, b)
			}
		}
		if len(blocks) > 0 {
			all = append(all, tf.NewModule(m.RootPath(), m.ModulePath(), blocks, m.Ignores()))
		}
	}
	return all
}

// adaptBuckets hands the buckets to their adapter, a few at a time, with the
// resources about them and everything that these refer to.
func adaptBuckets(modules tf.Modules, atOnce int) []s3state.Bucket {
	x := indexBlocks(modules)
	var all []s3state.Bucket
	var batch []*tf.Block
	owned := 0
	flush := func() {
		if owned == 0 {
			return
		}
		mine := map[string]bool{}
		for _, b := range batch {
			if b.TypeLabel() == bucketType {
				m := b.GetMetadata()
				mine[m.String()] = true
			}
		}
		for _, bucket := range s3.Adapt(x.modules(x.closure(batch))).Buckets {
			if mine[bucket.Metadata.String()] {
				all = append(all, bucket)
			}
		}
		batch, owned = nil, 0
	}
	for _, group := range x.groups() {
		n := 0
		for _, b := range group {
			if b.TypeLabel() == bucketType {
				n++
			}
		}
		if n == 0 {
			continue // about buckets of others
		}
		batch = append(batch, group...)
		if owned += n; owned >= atOnce {
			flush()
		}
	}
	flush()
	return all
}

// blockIndex finds the blocks that others refer to.
type blockIndex struct {
	of     tf.Modules
	module map[*tf.Block]int // of the block
	order  map[*tf.Block]int // within its module
	byName map[blockName][]*tf.Block
	byID   map[string]*tf.Block
}

type blockName struct{ kind, typ, name, key string }

func nameOf(r tf.Reference, key string) blockName {
	kind := r.BlockType()
	return blockName{kind.Name(), r.TypeLabel(), r.NameLabel(), key}
}

func indexBlocks(modules tf.Modules) *blockIndex {
	x := &blockIndex{of: modules, module: map[*tf.Block]int{}, order: map[*tf.Block]int{}, byName: map[blockName][]*tf.Block{}, byID: map[string]*tf.Block{}}
	for i, m := range modules {
		for j, b := range m.GetBlocks() {
			ref := b.Reference()
			name := nameOf(ref, ref.Key())
			x.module[b], x.order[b] = i, j
			x.byName[name] = append(x.byName[name], b)
			x.byID[b.ID()] = b
		}
	}
	return x
}

// refersTo calls f for each block that an attribute of the owner refers to: by
// name, with the key that stands there or that of the owner, or by a value that
// is the id of the block.
func (x *blockIndex) refersTo(attr *tf.Attribute, owner *tf.Block, f func(*tf.Block)) {
	own := owner.Reference()
	for _, ref := range attr.AllReferences() {
		for _, b := range x.byName[nameOf(*ref, ref.Key())] {
			f(b)
		}
		if key := own.Key(); key != ref.Key() {
			for _, b := range x.byName[nameOf(*ref, key)] {
				f(b)
			}
		}
	}
	texts(attr.Value(), func(text string) {
		if b := x.byID[text]; b != nil {
			f(b)
		}
	})
}

// texts calls f for each text in a value.
func texts(v cty.Value, f func(string)) {
	if v == cty.NilVal {
		return
	}
	v, _ = v.UnmarkDeep()
	_ = cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
		if v.IsKnown() && !v.IsNull() && v.Type() == cty.String {
			f(v.AsString())
		}
		return true, nil
	})
}

// groups are the buckets, each with the resources about it, and with other
// buckets that these may be about as well.
func (x *blockIndex) groups() [][]*tf.Block {
	var list []*tf.Block // in the order of the modules
	for _, m := range x.of {
		for _, b := range m.GetBlocks() {
			if b.Type() == "resource" && (b.TypeLabel() == bucketType || aboutBuckets(b.TypeLabel())) {
				list = append(list, b)
			}
		}
	}
	byText := map[string][]*tf.Block{} // buckets by name
	for _, b := range list {
		if b.TypeLabel() == bucketType {
			byText[b.ID()] = append(byText[b.ID()], b)
			texts(b.GetAttribute("bucket").Value(), func(name string) { byText[name] = append(byText[name], b) })
		}
	}
	parent := map[*tf.Block]*tf.Block{}
	find := func(b *tf.Block) *tf.Block {
		for parent[b] != nil {
			if up := parent[parent[b]]; up != nil {
				parent[b] = up
			}
			b = parent[b]
		}
		return b
	}
	for _, b := range list {
		if b.TypeLabel() == bucketType {
			continue
		}
		join := func(bucket *tf.Block) {
			if from, to := find(b), find(bucket); from != to && bucket.TypeLabel() == bucketType {
				parent[from] = to
			}
		}
		for _, name := range []string{"bucket", "for_each"} {
			attr := b.GetAttribute(name)
			x.refersTo(attr, b, join)
			texts(attr.Value(), func(text string) {
				for _, bucket := range byText[text] {
					join(bucket)
				}
			})
		}
	}
	index := map[*tf.Block]int{}
	var groups [][]*tf.Block
	for _, b := range list {
		root := find(b)
		i, ok := index[root]
		if !ok {
			i = len(groups)
			index[root] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], b)
	}
	return groups
}

// closure are the blocks and all that they refer to.
func (x *blockIndex) closure(blocks []*tf.Block) map[*tf.Block]bool {
	all := map[*tf.Block]bool{}
	var queue []*tf.Block
	add := func(b *tf.Block) {
		if !all[b] {
			all[b] = true
			queue = append(queue, b)
		}
	}
	for _, b := range blocks {
		add(b)
	}
	for len(queue) > 0 {
		b := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		x.follow(b, b, add)
	}
	return all
}

// modules are those that the blocks are in, with no other blocks.
func (x *blockIndex) modules(blocks map[*tf.Block]bool) tf.Modules {
	list := slices.SortedFunc(maps.Keys(blocks), func(a, b *tf.Block) int {
		return cmp.Or(cmp.Compare(x.module[a], x.module[b]), cmp.Compare(x.order[a], x.order[b]))
	})
	var all tf.Modules
	for len(list) > 0 {
		n := slices.IndexFunc(list, func(b *tf.Block) bool { return x.module[b] != x.module[list[0]] })
		if n < 0 {
			n = len(list)
		}
		m := x.of[x.module[list[0]]]
		all = append(all, tf.NewModule(m.RootPath(), m.ModulePath(), list[:n:n], m.Ignores()))
		list = list[n:]
	}
	return all
}

// follow calls f for what the attributes of a block, which is in the owner,
// refer to.
func (x *blockIndex) follow(b, owner *tf.Block, f func(*tf.Block)) {
	for _, attr := range b.GetAttributes() {
		x.refersTo(attr, owner, f)
	}
	for _, child := range b.AllBlocks() {
		x.follow(child, owner, f)
	}
}
