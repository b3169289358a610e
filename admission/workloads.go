package admission

import (
	"encoding/json/jsontext"
	jsonv2 "encoding/json/v2"
	"slices"
	"strconv"
	"strings"
)

// Pod is the pod that an object makes, as it would be created; false for a pod itself
// and for what makes none.
func Pod(kind GroupVersionKind, object []byte, custom []CustomPath) ([]byte, bool) {
	at := specPath(kind, custom)
	if len(at) < 2 {
		return nil, false
	}
	value := jsontext.Value(object)
	for _, key := range at[:len(at)-1] {
		var fields map[string]jsontext.Value
		if err := jsonv2.Unmarshal(value, &fields); err != nil {
			return nil, false
		}
		value = fields[key]
	}
	return value, len(value) > 0
}

// HasPods reports whether the webhook knows where objects of the kind have their images.
func HasPods(kind GroupVersionKind, custom []CustomPath) bool { return specPath(kind, custom) != nil }

// specPath is the way to the specification of the pods of a kind; nil if it has none.
func specPath(kind GroupVersionKind, custom []CustomPath) []string {
	for _, c := range custom {
		if c.Group == kind.Group && c.Kind == kind.Kind {
			return strings.Split(c.Path, ".")
		}
	}
	return templates[kind.Group+"/"+kind.Kind]
}

// HiddenImages are the places of an object of an unknown kind that look like the
// containers of a pod; the webhook sees them only if the kind is named as a custom
// resource. The result has dots, such as spec.job.spec.
func HiddenImages(object []byte) []string {
	var v any
	if err := jsonv2.Unmarshal(object, &v); err != nil {
		return nil
	}
	var out []string
	var walk func(at []string, v any)
	walk = func(at []string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, value := range v {
				if list, ok := value.([]any); ok && (key == "containers" || key == "initContainers") && slices.ContainsFunc(list, hasImage) {
					out = append(out, strings.Join(at, "."))
					continue
				}
				walk(append(slices.Clone(at), key), value)
			}
		case []any:
			for i, value := range v {
				walk(append(slices.Clone(at), strconv.Itoa(i)), value)
			}
		}
	}
	walk(nil, v)
	slices.Sort(out)
	return slices.Compact(out)
}

func hasImage(container any) bool {
	fields, ok := container.(map[string]any)
	_, image := fields["image"].(string)
	return ok && image
}

// Apply does to an object what the webhook asks the API server to do: it replaces the
// images at the pointers. It is for trying things out.
func Apply(object []byte, patch []Operation) ([]byte, error) {
	var v any
	if err := jsonv2.Unmarshal(object, &v); err != nil {
		return nil, err
	}
	for _, op := range patch {
		at := strings.Split(strings.TrimPrefix(op.Path, "/"), "/")
		here := v
		for _, key := range at[:len(at)-1] {
			switch x := here.(type) {
			case map[string]any:
				here = x[key]
			case []any:
				if i, err := strconv.Atoi(key); err == nil && i < len(x) {
					here = x[i]
				}
			}
		}
		if fields, ok := here.(map[string]any); ok {
			fields[at[len(at)-1]] = op.Value
		}
	}
	return jsonv2.Marshal(v)
}
