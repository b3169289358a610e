package admission

import (
	jsonv2 "encoding/json/v2"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// ExceptionType is the payload type of a signed [Exception].
const ExceptionType = "application/vnd.gatehouse.exception.v1+json"

// Exception lets one image run in one namespace for a while, whatever the policies say:
// for the night in which nobody can attest.
type Exception struct {
	Namespace string        `json:"namespace"`
	Digest    attest.Digest `json:"digest"`
	// Reason and Approver are for those who read the log later.
	Reason   string `json:"reason"`
	Approver string `json:"approver"`
	// Created and Expires bound when it counts.
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

// Payload is what is signed; an error says everything that is wrong with the exception.
func (e Exception) Payload() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	return jsonv2.Marshal(e)
}

func (e Exception) check() error {
	var errs []error
	if e.Namespace == "" || e.Reason == "" || e.Approver == "" {
		errs = append(errs, errors.New("an exception needs a namespace, a reason and an approver"))
	}
	if _, err := attest.ParseDigest(string(e.Digest)); err != nil {
		errs = append(errs, err)
	}
	switch {
	case e.Created.IsZero() || !e.Expires.After(e.Created):
		errs = append(errs, errors.New("an exception ends after it begins"))
	case e.Expires.Sub(e.Created) > limits.MaxException:
		errs = append(errs, fmt.Errorf("an exception lasts at most %s, this one %s", limits.MaxException, e.Expires.Sub(e.Created)))
	}
	return errors.Join(errs...)
}

// ParseException reads an envelope that one of the keys signed.
func ParseException(envelope []byte, keys []attest.PublicKey) (Exception, error) {
	e, err := attest.ParseEnvelope(envelope)
	if err != nil {
		return Exception{}, err
	}
	if e.PayloadType != ExceptionType {
		return Exception{}, fmt.Errorf("the payload is a %.80q, want an exception: %s", e.PayloadType, ExceptionType)
	}
	message, signed := attest.PAE(e.PayloadType, e.Payload), false
	for _, s := range e.Signatures {
		for _, k := range keys {
			signed = signed || k.Verify(message, s.Sig) == nil
		}
	}
	if !signed {
		return Exception{}, errors.New("none of the keys of exceptions signed it")
	}
	var out Exception
	if err := jsonv2.Unmarshal(e.Payload, &out, jsonv2.RejectUnknownMembers(true)); err != nil {
		return Exception{}, fmt.Errorf("the exception cannot be read: %w", err)
	}
	return out, out.check()
}

// exception is the one that counts now for a digest in a namespace; nil if there is none.
func (c *Config) exception(namespace string, digest attest.Digest, now time.Time) *Exception {
	for i := range c.Exceptions {
		e := &c.Exceptions[i]
		if e.Namespace == namespace && e.Digest == digest && !now.Before(e.Created) && now.Before(e.Expires) {
			return e
		}
	}
	return nil
}
