// Package store keeps attestations where others look for them.
package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// Dir is a directory of attestations. For an artifact called app it has
//
//	app.intoto.jsonl       all of its envelopes, one a line, as in-toto asks for
//	app.KIND.dsse.json     one envelope, such as slsa-verifier reads
//	app.KIND.sigstore.json the same as a sigstore bundle, such as cosign reads
//	app.verdict.json       a verdict that is no pass; no verifier takes it for an attestation
//
// https://github.com/in-toto/attestation/blob/main/spec/v1/bundle.md
type Dir string

// The ends of the names of files.
const (
	endLines    = ".intoto.jsonl"
	endEnvelope = ".dsse.json"
	endBundle   = ".sigstore.json"
	endVerdict  = ".verdict.json"
)

// Ends are how the names of the files of a [Dir] end.
func Ends() []string { return []string{endLines, endEnvelope, endBundle, endVerdict} }

// Put stores an attestation of an artifact in the place of the one of the same kind.
// Kind is a short name of the predicate type, such as vsa. It returns the files
// that were written.
func (d Dir) Put(name, kind string, envelope attest.Envelope, bundle []byte) ([]string, error) {
	if err := d.make(name, kind); err != nil {
		return nil, err
	}
	line, err := envelope.Marshal()
	if err != nil {
		return nil, err
	}
	written := []string{}
	for _, f := range []struct {
		end  string
		data []byte
	}{{"." + kind + endEnvelope, line}, {"." + kind + endBundle, bundle}} {
		path := filepath.Join(string(d), name+f.end)
		if err := replace(path, append(slices.Clone(f.data), '\n')); err != nil {
			return written, err
		}
		written = append(written, path)
	}
	if kind == KindSummary {
		if err := remove(filepath.Join(string(d), name+endVerdict)); err != nil {
			return written, err
		}
	}
	path, err := d.collect(name)
	return append(written, path), err
}

// KindSummary is the kind of a verification summary.
const KindSummary = "vsa"

// PutVerdict stores the record of a verdict that is no pass, and removes the summary of an earlier
// one that was: it is not true any more.
func (d Dir) PutVerdict(name string, record []byte) (string, error) {
	if err := d.make(name, KindSummary); err != nil {
		return "", err
	}
	for _, end := range []string{"." + KindSummary + endEnvelope, "." + KindSummary + endBundle} {
		if err := remove(filepath.Join(string(d), name+end)); err != nil {
			return "", err
		}
	}
	if _, err := d.collect(name); err != nil {
		return "", err
	}
	path := filepath.Join(string(d), name+endVerdict)
	return path, replace(path, append(slices.Clone(record), '\n'))
}

// Verdict is the file with a verdict on the artifact that is no pass, if there is one.
func (d Dir) Verdict(name string) (file string, ok bool) {
	file = filepath.Join(string(d), name+endVerdict)
	info, err := os.Lstat(file)
	return file, err == nil && info.Mode().IsRegular()
}

// make makes the directory. A name that would leave it is an error.
func (d Dir) make(name, kind string) error {
	for _, s := range []string{name, kind} {
		if s == "" || s != filepath.Base(s) || strings.HasPrefix(s, ".") || strings.ContainsAny(s, "\x00\n/\\") {
			return fmt.Errorf("%q cannot be part of the name of a file: give another with --name", s)
		}
	}
	return os.MkdirAll(string(d), 0o755)
}

// collect writes the lines of all envelopes of the artifact, or removes the file if
// there are none.
func (d Dir) collect(name string) (string, error) {
	path := filepath.Join(string(d), name+endLines)
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return path, err
	}
	var lines bytes.Buffer
	for _, e := range entries { // in order of their names
		kind, ok := strings.CutPrefix(e.Name(), name+".")
		kind, isEnvelope := strings.CutSuffix(kind, endEnvelope)
		if !ok || !isEnvelope || strings.Contains(kind, ".") {
			continue
		}
		b, err := readFile(filepath.Join(string(d), e.Name()))
		if err != nil {
			return path, err
		}
		lines.Write(bytes.TrimSpace(b))
		lines.WriteByte('\n')
	}
	if lines.Len() == 0 {
		return path, remove(path)
	}
	return path, replace(path, lines.Bytes())
}

// Attestations returns what the directory has about the artifact with the digest, each
// envelope once, as a bundle if it has one. Files that cannot be read as
// attestations are errors: one of them may be the one that is needed.
func (d Dir) Attestations(ctx context.Context, digest attest.Digest) ([]attest.Attestation, error) {
	entries, err := os.ReadDir(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no directory of attestations %s", d)
	}
	if err != nil {
		return nil, err
	}
	var out []attest.Attestation
	seen := map[[sha256.Size]byte]bool{}
	for _, end := range []string{endBundle, endLines} {
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), end) {
				continue
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			path := filepath.Join(string(d), e.Name())
			b, err := readFile(path)
			if err != nil {
				return nil, err
			}
			found, err := attest.ParseFile(path, b)
			if err != nil {
				return nil, err
			}
			for _, a := range found {
				envelope, statement, err := a.Parse()
				if err != nil {
					return nil, fmt.Errorf("%s: %w", a.Origin, err)
				}
				sum := sha256.Sum256(envelope.Payload)
				if !statement.Has(digest) || seen[sum] {
					continue
				}
				seen[sum] = true
				out = append(out, a)
			}
		}
	}
	return out, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limits.MaxAttestationBytes+1))
	if err == nil && len(b) > limits.MaxAttestationBytes {
		err = fmt.Errorf("%s has more than %d bytes, the limit", path, limits.MaxAttestationBytes)
	}
	return b, err
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// replace writes a file as a whole, so that no reader sees half of it.
func replace(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".attestation-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}
