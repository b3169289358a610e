package admission

import (
	"encoding/json/jsontext"
	jsonv2 "encoding/json/v2"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Carrier is a place of an object that names an image.
type Carrier struct {
	// Pointer is the JSON pointer of the reference, such as
	// /spec/containers/0/image.
	Pointer string
	// Name is that of the container or volume.
	Name string
	// Image is the reference as written.
	Image string
	// Puller is who pulls it; its namespace is empty.
	Puller Puller
}

// podSpec is where images stand in a pod.
type podSpec struct {
	Containers          []container `json:"containers"`
	InitContainers      []container `json:"initContainers"`
	EphemeralContainers []container `json:"ephemeralContainers"`
	Volumes             []struct {
		Name  string `json:"name"`
		Image *struct {
			Reference string `json:"reference"`
		} `json:"image"`
	} `json:"volumes"`
	ServiceAccount string `json:"serviceAccountName"`
	PullSecrets    []struct {
		Name string `json:"name"`
	} `json:"imagePullSecrets"`
}

type container struct {
	Name  string `json:"name"`
	Image string `json:"image"`
}

// templates are where the specification of pods stands in each kind.
var templates = map[string][]string{
	"/Pod":                   {"spec"},
	"/PodTemplate":           {"template", "spec"},
	"/ReplicationController": {"spec", "template", "spec"},
	"apps/Deployment":        {"spec", "template", "spec"},
	"apps/StatefulSet":       {"spec", "template", "spec"},
	"apps/DaemonSet":         {"spec", "template", "spec"},
	"apps/ReplicaSet":        {"spec", "template", "spec"},
	"batch/Job":              {"spec", "template", "spec"},
	"batch/CronJob":          {"spec", "jobTemplate", "spec", "template", "spec"},
}

// CustomPath says where pods are specified in a custom resource.
type CustomPath struct {
	// Group and Kind name the resource.
	Group, Kind string
	// Path is the way to the specification of the pod, such as
	// spec.template.spec.
	Path string
}

// errUnknownKind is the error of an object of which it is not known where its images
// are.
var errUnknownKind = errors.New("it is not known where this kind of object has its images")

// Carriers lists all places of an object that name an image, in order. An object
// without any is none of those that a cluster takes: an error.
func Carriers(kind GroupVersionKind, object []byte, custom []CustomPath) ([]Carrier, error) {
	at := specPath(kind, custom)
	if at == nil {
		return nil, errUnknownKind
	}
	value := jsontext.Value(object)
	pointer := ""
	for _, key := range at {
		var fields map[string]jsontext.Value
		if err := jsonv2.Unmarshal(value, &fields); err != nil {
			return nil, fmt.Errorf("%s is not an object: %w", strings.ReplaceAll(strings.TrimPrefix(pointer, "/"), "/", "."), err)
		}
		pointer += "/" + key
		var ok bool
		if value, ok = fields[key]; !ok {
			return nil, fmt.Errorf("the object has no %s", strings.ReplaceAll(pointer[1:], "/", "."))
		}
	}
	var spec podSpec
	if err := jsonv2.Unmarshal(value, &spec); err != nil {
		return nil, fmt.Errorf("the specification of the pod cannot be read: %w", err)
	}
	var out []Carrier
	puller := Puller{ServiceAccount: spec.ServiceAccount}
	for _, s := range spec.PullSecrets {
		puller.Secrets = append(puller.Secrets, s.Name)
	}
	for _, list := range []struct {
		field      string
		containers []container
	}{{"initContainers", spec.InitContainers}, {"containers", spec.Containers}, {"ephemeralContainers", spec.EphemeralContainers}} {
		for i, c := range list.containers {
			out = append(out, Carrier{pointer + "/" + list.field + "/" + strconv.Itoa(i) + "/image", c.Name, c.Image, puller})
		}
	}
	for i, v := range spec.Volumes {
		if v.Image != nil {
			out = append(out, Carrier{pointer + "/volumes/" + strconv.Itoa(i) + "/image/reference", v.Name, v.Image.Reference, puller})
		}
	}
	if len(out) == 0 {
		return nil, errors.New("the object has no image")
	}
	return out, nil
}

// newImages are the carriers of an object whose images its old form does not have: a
// change of a label leaves none.
func newImages(now, old []Carrier) []Carrier {
	return slices.DeleteFunc(slices.Clone(now), func(c Carrier) bool {
		return slices.ContainsFunc(old, func(o Carrier) bool { return o.Image == c.Image })
	})
}
