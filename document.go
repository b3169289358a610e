package gatehouse

// Document is a configuration file, parsed for policies that judge
// configuration itself.
type Document struct {
	Path string `json:"path"`
	// Format is the syntax, such as "yaml" or "dockerfile".
	Format string `json:"format"`
	// Index counts the documents of a multi-document file from 0.
	Index int `json:"index"`
	// Line is the 1-based line on which the document starts.
	Line int `json:"line"`
	// JSON is the content.
	JSON RawJSON `json:"content"`
	// Positions are those of the values in JSON; empty if they are not known.
	Positions Positions `json:"-"`
}

// RawJSON is JSON that is kept as it is.
type RawJSON []byte

// MarshalJSON returns r, or null if it is empty.
func (r RawJSON) MarshalJSON() ([]byte, error) {
	if len(r) == 0 {
		return []byte("null"), nil
	}
	return r, nil
}

// UnmarshalJSON keeps a copy of b.
func (r *RawJSON) UnmarshalJSON(b []byte) error {
	*r = append((*r)[:0], b...)
	return nil
}
