package inventory

import "time"

// publishedAt is the youngest of some times, in RFC 3339 and UTC; empty if none
// of them can be read as one.
func publishedAt(times ...string) string {
	youngest := ""
	for _, s := range times {
		if at, err := time.Parse(time.RFC3339, s); err == nil {
			youngest = max(youngest, at.UTC().Format(time.RFC3339))
		}
	}
	return youngest
}

// uploadedAt is when the youngest file in tables, or lists of them, was
// uploaded; see
// https://packaging.python.org/en/latest/specifications/pylock-toml/.
func uploadedAt(lists ...node) string {
	var times []string
	for _, l := range lists {
		if l.isMap() {
			times = append(times, l.get("upload-time").text())
			continue
		}
		for n := range l.children() {
			times = append(times, n.get("upload-time").text())
		}
	}
	return publishedAt(times...)
}
