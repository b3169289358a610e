//go:build goexperiment.jsonv2

// Package needs_GOEXPERIMENT_jsonv2 is empty. It is there for its name: a build
// without GOEXPERIMENT=jsonv2, which a dependency needs, stops with an error
// that names this package, and so says what is missing.
package needs_GOEXPERIMENT_jsonv2 //nolint:revive // the name is the message
