package admission

import (
	"encoding/json/jsontext"
	jsonv2 "encoding/json/v2"
	"errors"
	"fmt"
)

// reviewVersion is the only version of AdmissionReview that API servers send since
// Kubernetes 1.22.
const reviewVersion = "admission.k8s.io/v1"

// Request is what an API server asks.
type Request struct {
	UID         string           `json:"uid"`
	Kind        GroupVersionKind `json:"kind"`
	SubResource string           `json:"subResource"`
	Name        string           `json:"name"`
	Namespace   string           `json:"namespace"`
	Operation   string           `json:"operation"`
	UserInfo    struct {
		Username string `json:"username"`
	} `json:"userInfo"`
	Object    jsontext.Value `json:"object"`
	OldObject jsontext.Value `json:"oldObject"`
	DryRun    bool           `json:"dryRun"`
}

// GroupVersionKind names a kind of objects; the group of core kinds is empty.
type GroupVersionKind struct {
	Group   string `json:"group"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
}

// String is such as apps/v1 Deployment.
func (k GroupVersionKind) String() string {
	if k.Group == "" {
		return k.Version + " " + k.Kind
	}
	return k.Group + "/" + k.Version + " " + k.Kind
}

type review struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Request    *Request  `json:"request,omitempty"`
	Response   *response `json:"response,omitempty"`
}

type response struct {
	UID       string            `json:"uid"`
	Allowed   bool              `json:"allowed"`
	Status    *status           `json:"status,omitempty"`
	Warnings  []string          `json:"warnings,omitempty"`
	Audit     map[string]string `json:"auditAnnotations,omitempty"`
	Patch     []byte            `json:"patch,omitempty"`
	PatchType string            `json:"patchType,omitempty"`
}

type status struct {
	Message string `json:"message"`
	Reason  string `json:"reason"`
	Code    int    `json:"code"`
}

// ParseReview reads an AdmissionReview. Unknown fields are allowed, as newer API
// servers have more; duplicate ones are not: the API server would read another
// object than this package.
func ParseReview(body []byte) (*Request, error) {
	var r review
	if err := jsonv2.Unmarshal(body, &r); err != nil {
		return nil, fmt.Errorf("the body is not an AdmissionReview: %w", err)
	}
	switch {
	case r.APIVersion != reviewVersion || r.Kind != "AdmissionReview":
		return nil, fmt.Errorf("the body is a %.60q of %.60q, want an AdmissionReview of %s", r.Kind, r.APIVersion, reviewVersion)
	case r.Request == nil:
		return nil, errors.New("the AdmissionReview has no request")
	case r.Request.UID == "":
		return nil, errors.New("the request has no uid")
	}
	return r.Request, nil
}

// EncodeResponse answers the request with the uid.
func EncodeResponse(uid string, d Decision) ([]byte, error) {
	out := response{UID: uid, Allowed: d.Allowed, Warnings: d.warnings(), Audit: d.Audit}
	if !d.Allowed {
		out.Status = &status{Message: d.Message, Reason: "Forbidden", Code: 403}
	}
	if d.Allowed && len(d.Patch) > 0 {
		patch, err := jsonv2.Marshal(d.Patch)
		if err != nil {
			return nil, fmt.Errorf("encode the patch: %w", err)
		}
		out.Patch, out.PatchType = patch, "JSONPatch"
	}
	return jsonv2.Marshal(review{APIVersion: reviewVersion, Kind: "AdmissionReview", Response: &out})
}

// maxWarning is how much of a warning API servers pass on for sure: 256 bytes each,
// 4096 in all.
const maxWarning = 256

func (d Decision) warnings() []string {
	var out []string
	total := 0
	for _, w := range d.Warnings {
		if len(w) > maxWarning {
			w = w[:maxWarning-3] + "..."
		}
		if total += len(w); total > 4000 {
			break
		}
		out = append(out, w)
	}
	return out
}
