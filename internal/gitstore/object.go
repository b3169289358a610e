package gitstore

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// ID is the SHA-1 of an object.
type ID [sha1.Size]byte

// String is the id in hex.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether it is the id of no object.
func (id ID) IsZero() bool { return id == ID{} }

// ParseID reads an id of 40 hexadecimal digits.
func ParseID(s string) (id ID, err error) {
	if len(s) != 2*len(id) {
		return id, fmt.Errorf("%d characters are no object id: want %d", len(s), 2*len(id))
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return id, errors.New("an object id has other than hexadecimal digits")
	}
	return id, nil
}

// Type is the type of an object, as in a packfile.
type Type uint8

// The types.
const (
	TypeCommit Type = 1
	TypeTree   Type = 2
	TypeBlob   Type = 3
	TypeTag    Type = 4

	typeOfsDelta Type = 6
	typeRefDelta Type = 7
)

var typeNames = map[Type]string{TypeCommit: "commit", TypeTree: "tree", TypeBlob: "blob", TypeTag: "tag"}

func (t Type) String() string {
	if n, ok := typeNames[t]; ok {
		return n
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// ObjectError says that an object could not be read.
type ObjectError struct {
	ID  ID
	Err error
}

func (e *ObjectError) Error() string { return fmt.Sprintf("object %s: %s", e.ID, e.Err) }

// Unwrap returns the cause.
func (e *ObjectError) Unwrap() error { return e.Err }

// The causes that callers tell apart.
var (
	// ErrMissing means that no store has the object.
	ErrMissing = fmt.Errorf("is missing: %w", fs.ErrNotExist)
	// ErrTooLarge means that the object is larger than the limit.
	ErrTooLarge = errors.New("is too large")
)

// verify reports whether data is the content of the object.
func verify(id ID, t Type, data []byte) error {
	h := sha1.New()
	var head [32]byte
	b := append(head[:0], t.String()...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(data)), 10)
	h.Write(append(b, 0))
	h.Write(data)
	var sum ID
	if ID(h.Sum(sum[:0])) != id {
		return errors.New("is corrupt: its content has another hash")
	}
	return nil
}

// Commit is a commit.
type Commit struct {
	ID      ID
	Tree    ID
	Parents []ID
	// Author is the name that is recorded, made fit to be shown.
	Author string
	// Authored is when the author made it, in its time zone; Committed is in
	// seconds since 1970.
	Authored  time.Time
	Committed int64
}

var (
	errNoCommit = errors.New("is not a valid commit")
	errNoTree   = errors.New("is not a valid tree")
)

func parseCommit(id ID, data []byte) (*Commit, error) {
	c := &Commit{ID: id}
	for {
		line, rest, ok := bytes.Cut(data, []byte("\n"))
		if !ok && len(line) == 0 || len(line) == 0 {
			break // the message follows
		}
		data = rest
		key, value, _ := strings.Cut(string(line), " ")
		var err error
		switch key {
		case "tree":
			c.Tree, err = ParseID(value)
		case "parent":
			var p ID
			p, err = ParseID(value)
			c.Parents = append(c.Parents, p)
		case "author":
			c.Author, c.Authored = parseSignature(value)
		case "committer":
			_, t := parseSignature(value)
			c.Committed = t.Unix()
		}
		if err != nil {
			return nil, errNoCommit
		}
		if !ok {
			break
		}
	}
	if c.Tree.IsZero() {
		return nil, errNoCommit
	}
	return c, nil
}

// parseSignature reads "Name <mail> seconds zone". What cannot be read is zero.
func parseSignature(s string) (name string, t time.Time) {
	name, rest, _ := strings.Cut(s, "<")
	name = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\ufffd' {
			return -1
		}
		return r
	}, name)), " ")
	const max = 100
	if len(name) > max {
		name = strings.ToValidUTF8(name[:max], "")
	}
	i := strings.LastIndexByte(rest, '>')
	fields := strings.Fields(rest[i+1:])
	if len(fields) == 0 {
		return name, time.Time{}
	}
	seconds, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil || seconds < 0 || seconds > 1<<37 { // the year 6325
		return name, time.Time{}
	}
	zone := time.UTC
	if len(fields) > 1 && len(fields[1]) == 5 {
		if n, err := strconv.Atoi(fields[1]); err == nil && n > -2400 && n < 2400 && n != 0 {
			zone = time.FixedZone("", (n/100*60+n%100)*60)
		}
	}
	return name, time.Unix(seconds, 0).In(zone)
}

// treeEntry is one line of a tree.
type treeEntry struct {
	mode uint32
	name []byte
	id   ID
}

const (
	modeType    = 0o170000
	modeTree    = 0o040000
	modeGitlink = 0o160000
)

// nextEntry reads one entry and returns the rest.
func nextEntry(data []byte) (e treeEntry, rest []byte, err error) {
	for i, c := range data {
		if c == ' ' && i > 0 {
			data = data[i+1:]
			end := bytes.IndexByte(data, 0)
			if end < 0 || len(data)-end-1 < len(e.id) {
				return e, nil, errNoTree
			}
			e.name = data[:end]
			copy(e.id[:], data[end+1:])
			return e, data[end+1+len(e.id):], nil
		}
		if c < '0' || c > '7' || i > 6 {
			break
		}
		e.mode = e.mode<<3 | uint32(c-'0')
	}
	return e, nil, errNoTree
}
