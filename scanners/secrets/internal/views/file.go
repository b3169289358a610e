package views

// IsFile reports whether the view is a whole file as it is: text that was not
// decoded, and comes of no archive or binary.
func (v *View) IsFile() bool {
	return v.parent == nil && v.entry == "" && v.levels == 0 && v.fixed == nil && v.end == 0 && v.before == (extent{}) && !v.Binary && !v.Derived
}
