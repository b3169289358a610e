package sbom

import (
	"cmp"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/package-url/packageurl-go"

	"github.com/gatehouse-sec/gatehouse"
)

// Options say what a report does not.
type Options struct {
	// Scanner is the name of the scanner that takes the inventory: its gaps make
	// the document incomplete.
	Scanner string
	// Name and Version are those of the target; an empty name means the last part
	// of that of the target.
	Name, Version string
	// Repository is where an image is, without tag and digest, such as
	// "registry.example/team/app"; empty if it is in no registry.
	Repository string
	// Time is when the document is made. Zero leaves it out; in SPDX, which
	// demands one, it then is the start of 1970.
	Time time.Time
}

// New makes the bill of materials of a report. A package that several files name
// is in it once, with all places.
func New(r *gatehouse.Report, o Options) *Document {
	d := &Document{digest: r.Target.Digest, tool: r.Tool, Producers: []string{r.Tool.Name + " " + r.Tool.Version}}
	if !o.Time.IsZero() {
		d.Created = o.Time.UTC().Format(time.RFC3339)
	}
	d.Root = root(r, o)
	d.describeTarget(r)
	d.take(r)
	for i := range d.Components {
		if c := &d.Components[i]; c.Direct {
			d.Root.DependsOn = append(d.Root.DependsOn, c.ID)
		}
	}
	for _, g := range r.Coverage.Gaps {
		if missesPackages(g, o.Scanner) {
			d.Incomplete = append(d.Incomplete, gapText(g))
		}
	}
	d.Incomplete = sortUnique(d.Incomplete)
	for _, s := range r.Coverage.Skipped {
		if strings.HasPrefix(s.Reason, "excluded") {
			d.excluded = append(d.excluded, s.Path+": "+s.Reason)
		}
	}
	d.excluded = sortUnique(d.excluded)
	return d
}

// missesPackages is true for a gap that may hide a package. What could not be
// matched with advisories is listed all the same.
func missesPackages(g gatehouse.Gap, scanner string) bool {
	switch g.Code {
	case gatehouse.GapDatabase, gatehouse.GapUnmatched, gatehouse.GapCanary, gatehouse.GapRule, gatehouse.GapTooMany:
		return false
	}
	return g.Scanner == scanner || g.Scanner == ""
}

func gapText(g gatehouse.Gap) string {
	at := gatehouse.Location{Path: g.Path, Line: g.Line}.String()
	if g.Platform != "" {
		at = g.Platform + ": " + at
	}
	if g.Entry != "" {
		at += ": " + g.Entry
	}
	return at + ": " + g.Reason
}

// root is the target as a component.
func root(r *gatehouse.Report, o Options) *Component {
	c := &Component{Type: "application", Name: cmp.Or(o.Name, baseName(r.Target)), Version: o.Version}
	switch r.Target.Kind {
	case gatehouse.TargetFile:
		c.Type = "file"
		if files := r.Coverage.Files; len(files) == 1 && files[0].SHA256 != "" {
			c.Hashes = []string{"sha256:" + files[0].SHA256}
		}
	case gatehouse.TargetImage:
		c.Type = "container"
		c.Hashes = []string{r.Target.Digest}
		c.Version = cmp.Or(o.Version, r.Target.Digest)
		c.Purl = imagePurl(o.Repository, r.Target.Digest)
	default:
		c.Hashes = []string{r.Target.Digest}
	}
	c.ID = cmp.Or(c.Purl, "target:"+r.Target.Digest)
	return c
}

// baseName is the last part of the name of a target, without tag and digest.
func baseName(t gatehouse.TargetInfo) string {
	if t.Kind != gatehouse.TargetImage {
		name := t.Name
		if abs, err := filepath.Abs(name); err == nil {
			name = abs
		}
		return path.Base(filepath.ToSlash(name))
	}
	name, _, _ := strings.Cut(t.Name, "@")
	name, _, _ = strings.Cut(path.Base(name), ":")
	return cmp.Or(name, "image")
}

// imagePurl names an image as PURL-TYPES has it for oci; empty for one that is in
// no registry.
func imagePurl(repository, digest string) string {
	if repository == "" {
		return ""
	}
	q := packageurl.Qualifiers{{Key: "repository_url", Value: strings.ToLower(repository)}}
	return packageurl.NewPackageURL("oci", "", strings.ToLower(path.Base(repository)), digest, q, "").ToString()
}

func (d *Document) describeTarget(r *gatehouse.Report) {
	switch r.Target.Kind {
	case gatehouse.TargetImage:
		d.described = "the manifest"
	case gatehouse.TargetFile:
		d.described = "a listing of the file with its hash"
	default:
		d.described = "a listing of all files with their hashes"
	}
	add := func(name, value string) {
		if value != "" {
			d.properties = append(d.properties, property{"gatehouse:target:" + name, value})
		}
	}
	add("kind", string(r.Target.Kind))
	add("digest", r.Target.Digest)
	add("digest_of", d.described)
	if r.Target.Image == nil {
		return
	}
	add("index", r.Target.Image.Index)
	for _, p := range r.Target.Image.Platforms {
		add("platform", strings.TrimSpace(p.Platform+" "+p.Digest))
		if p.Base != nil {
			add("base", strings.TrimSpace(strings.TrimSpace(p.Platform+" "+p.Base.Name)+" "+p.Base.Digest))
		}
	}
}

// take puts the components of the report together.
func (d *Document) take(r *gatehouse.Report) {
	at := map[string]int{}
	graph := map[string]bool{} // files that say what packages need
	for i := range r.Components {
		if len(r.Components[i].DependsOn) > 0 {
			graph[r.Components[i].Location.Path] = true
		}
	}
	properties := map[string]map[property]bool{}
	for i := range r.Components {
		c := &r.Components[i]
		id := cmp.Or(c.Purl, "component:"+c.Ecosystem+"/"+c.Name+"@"+c.Version)
		k, ok := at[id]
		if !ok {
			k = len(d.Components)
			at[id] = k
			properties[id] = map[property]bool{}
			d.Components = append(d.Components, Component{ID: id, Type: componentType(c), Name: c.Name, Version: c.Version, Purl: c.Purl, Dev: true, Scope: c.Scope, Source: c.Source, Module: c.Module})
		}
		to := &d.Components[k]
		to.Licenses = append(to.Licenses, c.Licenses...)
		to.Hashes = append(to.Hashes, c.Hashes...)
		to.DependsOn = append(to.DependsOn, c.DependsOn...)
		to.Direct = to.Direct || c.Direct
		to.Dev = to.Dev && c.Dev
		if to.Scope != c.Scope { // what is shipped in one place is shipped
			to.Scope = ""
		}
		to.graph = to.graph || graph[c.Location.Path]
		to.detected = append(to.detected, c.DetectedLicenses...)
		to.places = append(to.places, c.Location)
		for _, p := range propertiesOf(c, r.Target.Image) {
			properties[id][p] = true
		}
	}
	for i := range d.Components {
		c := &d.Components[i]
		c.Licenses, c.Hashes, c.DependsOn = sortUnique(c.Licenses), sortUnique(c.Hashes), sortUnique(c.DependsOn)
		c.DependsOn = slices.DeleteFunc(c.DependsOn, func(id string) bool { _, ok := at[id]; return !ok })
		slices.SortFunc(c.places, comparePlaces)
		c.places = slices.Compact(c.places)
		c.properties = slices.SortedFunc(maps.Keys(properties[c.ID]), func(a, b property) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
		})
		if c.Scope != "" {
			c.properties = append(c.properties, property{propertyScope, string(c.Scope)})
		}
		if c.Dev {
			c.properties = append(c.properties, property{propertyDev, "true"})
		}
	}
	slices.SortFunc(d.Components, func(a, b Component) int { return cmp.Compare(a.ID, b.ID) })
}

// componentType is a type of CycloneDX.
func componentType(c *gatehouse.Component) string {
	switch c.Ecosystem {
	case "docker", "oci":
		return "container"
	case "github", "githubactions", "gitlab", "helm", "terraform":
		return "application"
	}
	return "library"
}

// The properties that say what CycloneDX has no place for, and that are read.
const (
	propertyScope  = "gatehouse:scope"
	propertyDev    = "gatehouse:dev"
	propertySource = "gatehouse:source_package"
	propertyModule = "gatehouse:module"
	propertyGap    = "gatehouse:gap"
)

func propertiesOf(c *gatehouse.Component, image *gatehouse.ImageInfo) []property {
	var all []property
	add := func(name, value string) {
		if value != "" {
			all = append(all, property{name, value})
		}
	}
	add(propertySource, c.Source)
	add(propertyModule, c.Module)
	add("gatehouse:requirement", c.Requirement)
	add("gatehouse:deprecated", c.Deprecated)
	add("gatehouse:unmatched", c.Unmatched)
	if c.InstallScript {
		add("gatehouse:install_script", "true")
	}
	for _, h := range c.Hashes {
		if algorithm, _, _ := strings.Cut(h, ":"); hashNames[algorithm] == "" {
			add("gatehouse:hash", h)
		}
	}
	for _, p := range c.Platforms {
		add("gatehouse:platform", p)
	}
	if c.Layer == 0 || image == nil {
		return all
	}
	for _, p := range image.Platforms {
		if len(c.Platforms) > 0 && !slices.Contains(c.Platforms, p.Platform) || c.Layer > len(p.Layers) {
			continue
		}
		l, prefix := p.Layers[c.Layer-1], "gatehouse:layer:"
		if len(image.Platforms) > 1 {
			prefix += p.Platform + ":"
		}
		add(prefix+"index", strconv.Itoa(l.Index))
		add(prefix+"digest", l.Digest)
		add(prefix+"diff_id", l.DiffID)
		add(prefix+"instruction", l.Instruction)
		if l.Base {
			add(prefix+"base", "true")
		}
	}
	return all
}

// hashNames are the names of algorithms in CycloneDX, by those of reports. Those
// in SPDX have no hyphen after SHA.
var hashNames = map[string]string{
	"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512",
	"sha3-256": "SHA3-256", "sha3-384": "SHA3-384", "sha3-512": "SHA3-512",
	"blake2b-256": "BLAKE2b-256", "blake2b-384": "BLAKE2b-384", "blake2b-512": "BLAKE2b-512", "blake3": "BLAKE3",
}
