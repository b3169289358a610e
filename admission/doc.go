// Package admission decides whether a Kubernetes API server may admit an object: only
// if each image of it is attested as a policy asks for.
//
// What cannot be read, resolved or verified is denied, with a sentence that says
// which image, what is missing, and what to do. The zero [Decision] denies.
//
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
package admission
