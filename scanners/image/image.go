// Package image judges how a container image is configured: who its process is, what
// its build did, and what its files may do.
//
// It reads the two documents of an image, which the file system of an image has
// under names of their own ([gatehouse.ImageConfigPath]), and the modes of files.
// Secrets in them are found by the scanner of secrets; the age of an image and its
// base are judged by policies.
//
// # Limitations
//
// What a build did is known from the history of the configuration, which a builder
// may leave out or shorten; the classic builder of Docker does not say which URL an
// ADD fetched.
package image

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// Name is that of the scanner.
const Name = "image"

// version changes with the results that the code of this package gives.
const version = "1"

// Options say under which names the documents of an image are files.
type Options struct {
	Config, Manifest string
}

// New makes the scanner.
func New(o Options) *gatehouse.Scanner {
	s := &scanner{o}
	return &gatehouse.Scanner{
		Name:      Name,
		Doc:       "Configuration of container images\n\nThe user, ports, variables and history of an image, and files with special rights.",
		Reads:     "the configuration of an image, and files with setuid or setgid",
		Version:   version,
		Rules:     slices.Clone(rules),
		Want:      s.want,
		ScanFile:  s.scanFile,
		Groups:    s.groups,
		ScanGroup: s.scanGroup,
		Canaries: []gatehouse.Canary{{Name: "an image that runs as root", Path: o.Config, Rule: ruleRoot,
			Data: func() []byte { return []byte(`{"os":"linux","config":{"User":"root"}}`) }}},
	}
}

type scanner struct{ Options }

func (s *scanner) want(f gatehouse.FileInfo) gatehouse.Want {
	if f.Path == s.Config {
		return gatehouse.Want{Scan: true}
	}
	special := f.Mode&(fs.ModeSetuid|fs.ModeSetgid) != 0 && f.Mode.Perm()&0o111 != 0
	return gatehouse.Want{Scan: special, Aside: true}
}

// groups puts the configuration and the manifest together: either may have labels.
func (s *scanner) groups(files []gatehouse.FileInfo) []gatehouse.Group {
	has := func(name string) bool {
		return slices.ContainsFunc(files, func(f gatehouse.FileInfo) bool { return f.Path == name })
	}
	if !has(s.Config) || !has(s.Manifest) {
		return nil
	}
	return []gatehouse.Group{{Type: "image", Dir: path.Dir(s.Config), Owned: []string{s.Config}, Context: []string{s.Manifest}}}
}

func (s *scanner) scanGroup(_ context.Context, g *gatehouse.Group, p *gatehouse.Pass) error {
	file := g.Files[s.Config]
	if file == nil {
		return errors.New("the configuration could not be read")
	}
	var m struct {
		Annotations map[string]string `json:"annotations"`
	}
	if manifest := g.Files[s.Manifest]; manifest != nil {
		if err := json.Unmarshal(manifest.Data, &m); err != nil {
			return fmt.Errorf("the manifest is no JSON: %w", err)
		}
	}
	return s.judge(file, m.Annotations, p)
}

func (s *scanner) scanFile(_ context.Context, f *gatehouse.File, p *gatehouse.Pass) error {
	if f.Path == s.Config {
		return s.judge(f, nil, p)
	}
	report(p, f.Path, ruleSetuid, fmt.Sprintf("Who runs %s has the rights of its owner or group (mode %04o)", f.Path, unixMode(f.Mode)), f.Path)
	return nil
}

func unixMode(m fs.FileMode) int {
	n := int(m.Perm())
	if m&fs.ModeSetuid != 0 {
		n |= 0o4000
	}
	if m&fs.ModeSetgid != 0 {
		n |= 0o2000
	}
	return n
}

// config is what is looked at in the configuration.
//
// https://github.com/opencontainers/image-spec/blob/main/config.md
type config struct {
	OS     string `json:"os"`
	Config struct {
		User         string              `json:"User"`
		Env          []string            `json:"Env"`
		ExposedPorts map[string]struct{} `json:"ExposedPorts"`
		Labels       map[string]string   `json:"Labels"`
		Healthcheck  *struct {
			Test []string `json:"Test"`
		} `json:"Healthcheck"`
	} `json:"config"`
	History []struct {
		CreatedBy string `json:"created_by"`
	} `json:"history"`
}

func (s *scanner) judge(f *gatehouse.File, annotations map[string]string, p *gatehouse.Pass) error {
	if len(f.Data) > limits.MaxImageConfigBytes {
		return fmt.Errorf("it has %d bytes, the limit is %d", len(f.Data), limits.MaxImageConfigBytes)
	}
	var c config
	if err := json.Unmarshal(f.Data, &c); err != nil {
		return fmt.Errorf("it is no configuration of an image: %w", err)
	}
	add := func(rule, message string, parts ...string) { report(p, f.Path, rule, message, parts...) }
	user, _, _ := strings.Cut(c.Config.User, ":")
	if isRoot(user) && c.OS != "windows" {
		add(ruleRoot, fmt.Sprintf("The image runs as %s", cmp.Or(strings.TrimSpace(c.Config.User), "root, as it names no user")))
	}
	for _, port := range slices.Sorted(maps.Keys(c.Config.ExposedPorts)) {
		if number, protocol, _ := strings.Cut(port, "/"); number == "22" && protocol != "udp" {
			add(ruleSSH, "The image exposes port 22, that of SSH", port)
		}
	}
	for _, v := range c.Config.Env {
		if name, value, _ := strings.Cut(v, "="); disablesTLS(name, value) {
			add(ruleTLS, fmt.Sprintf("The variable %s=%.20s turns the verification of certificates off", name, value), name)
		}
	}
	for i, h := range c.History {
		if url := addedURL(h.CreatedBy); url != "" {
			add(ruleADD, fmt.Sprintf("Step %d of the build adds %s, and nothing says what it must be", i+1, url), url)
		}
	}
	if h := c.Config.Healthcheck; h == nil || len(h.Test) == 0 || h.Test[0] == "NONE" {
		add(ruleHealth, "The image has no health check")
	}
	var missing []string
	for _, l := range []string{"org.opencontainers.image.source", "org.opencontainers.image.revision"} {
		if annotations[l] == "" && c.Config.Labels[l] == "" {
			missing = append(missing, l)
		}
	}
	if len(missing) > 0 {
		add(ruleLabels, "The image does not say what it was built from: "+strings.Join(missing, " and ")+" are not set as labels or annotations")
	}
	return nil
}

// isRoot reports whether a user is root, by name or number, or none.
func isRoot(user string) bool {
	user = strings.TrimSpace(user)
	return user == "root" || strings.TrimLeft(user, "0") == ""
}

// disablesTLS reports whether a variable turns the verification of certificates off
// in what the image runs: of Node.js, Python, git and npm.
func disablesTLS(name, value string) bool {
	off := value == "0" || strings.EqualFold(value, "false")
	switch name {
	case "NODE_TLS_REJECT_UNAUTHORIZED", "PYTHONHTTPSVERIFY":
		return value == "0"
	case "NPM_CONFIG_STRICT_SSL", "npm_config_strict_ssl":
		return off
	case "GIT_SSL_NO_VERIFY":
		return value != "" && !off
	}
	return false
}

// addedURL is the URL that an ADD fetches without a checksum; empty if the step
// does no such thing.
//
// https://docs.docker.com/reference/dockerfile/#adding-files-from-a-url
func addedURL(step string) string {
	if _, rest, ok := strings.Cut(step, "#(nop)"); ok { // the classic builder
		step = rest
	}
	words := strings.Fields(step)
	if len(words) < 2 || !strings.EqualFold(words[0], "ADD") {
		return ""
	}
	for _, w := range words[1:] {
		switch {
		case strings.HasPrefix(w, "--checksum="):
			return ""
		case strings.HasPrefix(w, "http://"), strings.HasPrefix(w, "https://"):
			w, _, _ = strings.Cut(w, "?") // what follows may be a credential
			scheme, rest, _ := strings.Cut(w, "://")
			if host, tail, ok := strings.Cut(rest, "/"); ok {
				rest = host[strings.LastIndexByte(host, '@')+1:] + "/" + tail
			}
			return fmt.Sprintf("%.200s", scheme+"://"+rest)
		}
	}
	return ""
}

func report(p *gatehouse.Pass, file, id, message string, parts ...string) {
	r := rules[slices.IndexFunc(rules, func(r gatehouse.Rule) bool { return r.ID == id })]
	p.Report(gatehouse.Finding{
		Rule: r.ID, Kind: r.Kind, Severity: r.Severity, Title: r.Title, Message: message, Fix: r.Fix, References: r.References,
		Location:         gatehouse.Location{Path: file},
		Fingerprint:      gatehouse.Fingerprint(r.Kind, r.ID, parts...),
		Misconfiguration: &gatehouse.Misconfiguration{Type: "image"},
	})
}
