# METADATA
# custom:
#   library: true
package lib.cloud.metadata

import rego.v1

# The part of an object to which a path leads that has a place in the files:
# the last in the order of paths of those to which a piece of the path leads,
# and the object itself if there is none. Only these few are looked at, and not
# all that is in the object, which is large.
obj_by_path(obj, path) := parts[max(object.keys(parts))] if {
	parts := {piece: part |
		some from in numbers.range(0, count(path))
		some to in numbers.range(from, count(path))
		piece := array.slice(path, from, to)
		part := object.get(obj, piece, null)
		has_metadata(part)
	}
	count(parts) > 0
} else := obj

has_metadata(obj) if obj.__defsec_metadata

has_metadata(obj) if {
	obj.fskey
	has_key(obj, "value")
}

has_key(obj, key) if _ = obj[key]
