package ospkg

import (
	"errors"
	"regexp"
	"strings"
)

// Release is which operating system it is.
type Release struct {
	// ID is lower case, such as "debian", and Version "12", "3.19.1" or "8.10";
	// Version is empty for what is always the newest.
	ID, Version string
	// Like are the systems that it is made from, nearest first.
	Like []string
	// Codename may be empty, as may Name, which is for people.
	Codename, Name string
	// CPE is empty if the system does not say.
	CPE string
}

// ReleasePaths are the files that say which system it is, those to be believed
// first; the second is what the first links to.
func ReleasePaths() []string {
	return []string{"etc/os-release", "usr/lib/os-release", "etc/alpine-release", "etc/redhat-release", "etc/centos-release", "etc/system-release", "etc/debian_version"}
}

var redhatRelease = regexp.MustCompile(`^\s*(.+?)\s+(?:Linux\s+)?release\s+(\d[\d.]*)`)

var redhatIDs = []struct{ prefix, id string }{
	{"centos", "centos"}, {"red hat enterprise", "rhel"}, {"fedora", "fedora"}, {"rocky", "rocky"}, {"almalinux", "almalinux"},
	{"oracle", "ol"}, {"amazon", "amzn"}, {"mageia", "mageia"},
}

// ParseRelease reads one of [ReleasePaths]; see os-release(5).
func ParseRelease(path string, data []byte) (Release, error) {
	if err := plain(data); err != nil {
		return Release{}, err
	}
	text := strings.TrimSpace(string(data))
	switch {
	case strings.HasSuffix(path, "os-release"):
		return parseOSRelease(text)
	case path == "etc/alpine-release" && text != "":
		return Release{ID: "alpine", Version: text, Name: "Alpine Linux " + text}, nil
	case path == "etc/debian_version" && text != "":
		r := Release{ID: "debian", Version: text, Name: "Debian " + text}
		if strings.Contains(text, "/") { // "trixie/sid"
			r.Version, r.Codename = "", text
		}
		return r, nil
	case strings.HasSuffix(path, "-release"):
		m := redhatRelease.FindStringSubmatch(text)
		if m == nil {
			break
		}
		for _, known := range redhatIDs {
			if strings.HasPrefix(strings.ToLower(m[1]), known.prefix) {
				return Release{ID: known.id, Version: m[2], Name: text}, nil
			}
		}
	}
	return Release{}, errors.New("it does not say which operating system it is")
}

func parseOSRelease(text string) (Release, error) {
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if ok {
			fields[strings.TrimSpace(key)] = unquote(value)
		}
	}
	r := Release{ID: strings.ToLower(fields["ID"]), Version: fields["VERSION_ID"], Like: strings.Fields(strings.ToLower(fields["ID_LIKE"])),
		Codename: fields["VERSION_CODENAME"], Name: fields["PRETTY_NAME"], CPE: fields["CPE_NAME"]}
	if r.ID == "" {
		if fields["NAME"] == "" {
			return Release{}, errors.New("it has no ID and so does not say which operating system it is")
		}
		r.ID = "linux" // what os-release(5) says to assume
	}
	if r.Name == "" {
		r.Name = strings.TrimSpace(fields["NAME"] + " " + fields["VERSION"])
	}
	return r, nil
}

// unquote undoes the quotes of a shell.
func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) < 2 || s[0] != '"' && s[0] != '\'' || s[len(s)-1] != s[0] {
		return s
	}
	single := s[0] == '\''
	s = s[1 : len(s)-1]
	if single || !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("\"$`\\", s[i+1]) >= 0 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
