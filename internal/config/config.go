// Package config reads gatehouse.yaml and the GATEHOUSE_* environment. A flag
// wins over the environment, which wins over the file, which wins over the
// default.
package config

import (
	_ "embed" // the schema
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/internal/breadth"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/nearest"
	"github.com/gatehouse-sec/gatehouse/internal/strictyaml"
)

//go:embed schema/gatehouse.schema.json
var schemaJSON []byte

// Schema returns the JSON Schema of [FileName].
func Schema() []byte { return slices.Clone(schemaJSON) }

// FileName is the name under which the configuration is looked for.
const FileName = "gatehouse.yaml"

// WaiversFileName is the name under which waivers are looked for.
const WaiversFileName = "gatehouse.waivers.yaml"

// Config is the configuration. Paths in it are as given; [Config.Resolve] says
// relative to what.
type Config struct {
	// Version is the version of the format: 1.
	Version int `yaml:"version" json:"version" jsonschema:"enum=1,description=Version of this format: 1."`
	// Scanners are the names of the scanners to run; empty means all.
	Scanners []string `yaml:"scanners" json:"scanners,omitempty" jsonschema:"description=Scanners to run: secrets\\, sca\\, iac. All if left out."`
	// Exclude leaves files and directories out. Each becomes a recorded skip.
	Exclude  []Exclude `yaml:"exclude" json:"exclude,omitempty" jsonschema:"description=Files and directories that are not looked at. Each is recorded as skipped."`
	Database Database  `yaml:"database" json:"database,omitzero" jsonschema:"description=The vulnerability database."`
	Secrets  Secrets   `yaml:"secrets" json:"secrets,omitzero" jsonschema:"description=How secrets are looked for."`
	SCA      SCA       `yaml:"sca" json:"sca,omitzero" jsonschema:"description=How dependencies are looked at."`
	IaC      IaC       `yaml:"iac" json:"iac,omitzero" jsonschema:"description=How infrastructure and delivery pipelines are looked at."`
	VEX      VEX       `yaml:"vex" json:"vex,omitzero" jsonschema:"description=Statements about vulnerabilities that are found."`
	Policy   Policy    `yaml:"policy" json:"policy,omitzero" jsonschema:"description=What judges the findings."`
	// IgnoreFiles are files of other tools that list what does not count.
	IgnoreFiles []string `yaml:"ignore_files" json:"ignore_files,omitempty" jsonschema:"description=Files that list findings which do not count: .trivyignore\\, .trivyignore.yaml\\, .checkov.baseline\\, .tfsec/config.yml. The findings are reported as suppressed."`
	// Waivers is the waiver file; empty means gatehouse.waivers.yaml beside
	// this file, if it is there.
	Waivers string   `yaml:"waivers" json:"waivers,omitempty" jsonschema:"description=The waiver file. Default: gatehouse.waivers.yaml beside this file\\, if there is one."`
	Cache   Cache    `yaml:"cache" json:"cache,omitzero" jsonschema:"description=Results that are kept between runs."`
	Limits  Limits   `yaml:"limits" json:"limits,omitzero" jsonschema:"description=Bounds on what is read."`
	Output  []string `yaml:"output" json:"output,omitempty" jsonschema:"description=Outputs of check: FORMAT or FORMAT=FILE. Default: text."`

	// Path is where the file was read; empty if there is none.
	Path string `yaml:"-" json:"-"`
	// FingerprintKey is the key of fingerprints of secrets, from
	// GATEHOUSE_FINGERPRINT_KEY only, so that it stands in no file.
	FingerprintKey string `yaml:"-" json:"-"`
	// Time is the evaluation time, from GATEHOUSE_TIME; zero means now.
	Time time.Time `yaml:"-" json:"-"`
	// fromEnv names the fields that the environment set: their paths are
	// relative to the working directory.
	fromEnv map[string]bool
}

// Exclude is a doublestar glob relative to the target, and why.
type Exclude struct {
	Path   string `yaml:"path" json:"path" jsonschema:"description=A glob relative to the target; ** crosses directories."`
	Reason string `yaml:"reason" json:"reason,omitempty" jsonschema:"description=Why it is left out."`
}

// UnmarshalYAML also accepts a plain glob.
func (e *Exclude) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		e.Path = n.Value
		return nil
	}
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: an exclude is a glob, or a mapping with path and reason", n.Line)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch k, v := n.Content[i], n.Content[i+1]; k.Value {
		case "path":
			e.Path = v.Value
		case "reason":
			e.Reason = v.Value
		default:
			return fmt.Errorf("line %d: unknown key %q in an exclude%s", k.Line, k.Value, nearest.Hint(k.Value, []string{"path", "reason"}))
		}
	}
	return nil
}

// Database says where the vulnerability database is, and which.
type Database struct {
	Dir string `yaml:"dir" json:"dir,omitempty" jsonschema:"description=Directory of the database. Default: the user's cache directory."`
	// Digest is what the database must have; empty if any will do.
	Digest string `yaml:"digest" json:"digest,omitempty" jsonschema:"description=Digest of the only database to use\\, as 'gatehouse db status' shows it. 'gatehouse db lock' pins it in gatehouse.lock."`
}

// Secrets says how secrets are looked for.
type Secrets struct {
	Rules    []string `yaml:"rules" json:"rules,omitempty" jsonschema:"description=Files of rules in the TOML format of gitleaks. They come on top of the built-in rules."`
	Baseline []string `yaml:"baseline" json:"baseline,omitempty" jsonschema:"description=Lists of known secrets\\, which are reported as suppressed: JSON reports of gatehouse or gitleaks\\, .gitleaksignore files\\, lines of SHA-256 sums."`
	// VendoredSuppressions is about comments such as gitleaks:allow.
	VendoredSuppressions bool `yaml:"vendored_suppressions" json:"vendored_suppressions,omitempty" jsonschema:"description=Whether comments such as gitleaks:allow count in vendored trees (vendor\\, node_modules\\, third_party) too. Default: false."`
}

// SCA says how dependencies are looked at.
type SCA struct {
	// Reachability runs the Go toolchain on the code of the target.
	Reachability bool `yaml:"reachability" json:"reachability,omitempty" jsonschema:"description=Find out whether Go code uses what is vulnerable. It compiles the code of the target\\, so it is for trusted code\\, and only a file that --config names can ask for it. Default: false."`
}

// IaC says how infrastructure and delivery pipelines are looked at.
type IaC struct {
	// StrictPipelines asks for hardening on top of flaws.
	StrictPipelines bool `yaml:"strict_pipelines" json:"strict_pipelines,omitempty" jsonschema:"description=Whether to report also what most delivery pipelines do without harm\\, such as actions of GitHub itself used by tag. Default: false."`
	// TerraformVars are files of values for root modules of Terraform.
	TerraformVars []string `yaml:"terraform_vars" json:"terraform_vars,omitempty" jsonschema:"description=Files of values for the root modules of Terraform\\, as -var-file names them. Each wins over those before it."`
	// Checks are files and directories of Rego.
	Checks []string `yaml:"checks" json:"checks,omitempty" jsonschema:"description=Files and directories with checks in Rego\\, in the form of trivy or conftest. They come on top of the built-in checks."`
	// Helm says how charts are deployed. A chart that is not named is rendered
	// with its own values.
	Helm []Helm `yaml:"helm" json:"helm,omitempty" jsonschema:"description=How Helm charts are deployed. A chart that stands here several times is rendered for each; one that does not is rendered with its own values."`
}

// Helm is one way in which a chart is deployed.
type Helm struct {
	Chart       string         `yaml:"chart" json:"chart" jsonschema:"description=Directory of the chart\\, relative to the target."`
	Values      []string       `yaml:"values" json:"values,omitempty" jsonschema:"description=Files of values. Each wins over those before it."`
	Set         map[string]any `yaml:"set" json:"set,omitempty" jsonschema:"description=Values by key\\, such as image.tag. They win over files."`
	KubeVersion string         `yaml:"kube_version" json:"kube_version,omitempty" jsonschema:"description=Version of Kubernetes that templates see. Default: a recent one."`
	APIVersions []string       `yaml:"api_versions" json:"api_versions,omitempty" jsonschema:"description=API versions that templates see\\, on top of those of Kubernetes."`
	Release     string         `yaml:"release" json:"release,omitempty" jsonschema:"description=Name of the release. Default: release-name."`
	Namespace   string         `yaml:"namespace" json:"namespace,omitempty" jsonschema:"description=Namespace of the release. Default: default."`
}

// VEX says what is known about vulnerabilities in what is scanned.
type VEX struct {
	Documents []string `yaml:"documents" json:"documents,omitempty" jsonschema:"description=VEX documents in OpenVEX\\, CSAF or CycloneDX format."`
	Products  []string `yaml:"products" json:"products,omitempty" jsonschema:"description=The names that documents give to what is scanned\\, such as a package URL."`
}

// Policy says what judges.
type Policy struct {
	// Baseline is false to leave the built-in pack out; nil means true.
	Baseline      *bool          `yaml:"baseline" json:"baseline,omitempty" jsonschema:"description=Whether the built-in baseline pack judges. Default: true."`
	Paths         []string       `yaml:"paths" json:"paths,omitempty" jsonschema:"description=Directories or files with Rego policies."`
	Data          []string       `yaml:"data" json:"data,omitempty" jsonschema:"description=JSON or YAML files for policies\\, below data."`
	Namespaces    []string       `yaml:"namespaces" json:"namespaces,omitempty" jsonschema:"description=Packages of policies that judge configuration documents. Default: main."`
	AllNamespaces bool           `yaml:"all_namespaces" json:"all_namespaces,omitempty" jsonschema:"description=Use all packages."`
	Combine       bool           `yaml:"combine" json:"combine,omitempty" jsonschema:"description=Give document policies all documents at once."`
	Settings      map[string]any `yaml:"settings" json:"settings,omitempty" jsonschema:"description=Settings of baseline rules\\, by rule: see 'gatehouse policy list'."`
}

// Cache says where results are kept.
type Cache struct {
	// Enabled is false to keep none; nil means true.
	Enabled *bool  `yaml:"enabled" json:"enabled,omitempty" jsonschema:"description=Whether results are kept. Default: true."`
	Dir     string `yaml:"dir" json:"dir,omitempty" jsonschema:"description=Directory of the results. Default: the user's cache directory."`
}

// Limits are bounds; 0 means the default.
type Limits struct {
	MaxFileBytes int64  `yaml:"max_file_bytes" json:"max_file_bytes,omitempty" jsonschema:"minimum=0,description=Largest file that is scanned. A larger one makes the verdict INCOMPLETE."`
	FileTimeout  string `yaml:"file_timeout" json:"file_timeout,omitempty" jsonschema:"description=Longest time for one file and scanner\\, such as 2m."`
}

// Load reads the file at path. If path is empty, it looks for [FileName] in
// dir, and having none is fine.
func Load(path, dir string) (*Config, error) {
	c := &Config{Version: 1}
	optional := path == ""
	if optional {
		path = filepath.Join(dir, FileName)
	}
	data, err := ReadFile(path)
	if optional && errors.Is(err, fs.ErrNotExist) {
		return c, Misnamed(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	c.Version = 0
	c.Path = path
	if err := strictyaml.Decode(path, data, c); err != nil {
		return nil, err
	}
	if c.Version != 1 {
		return nil, fmt.Errorf("%s: version is %d; this gatehouse reads version 1: add \"version: 1\"", path, c.Version)
	}
	return c, c.Validate()
}

// Misnamed is an error if the optional file at path is missing, and yet
// somebody wrote one: it is a link that leads nowhere, or nearly has the name.
// Passing it over would turn everything off that it says.
func Misnamed(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s is a symbolic link that leads nowhere; correct or remove it", path)
	}
	dir, base := filepath.Split(path)
	stem := strings.TrimSuffix(base, ".yaml")
	for _, name := range []string{stem + ".yml", "." + base, "." + stem + ".yml", stem + ".json"} {
		if _, err := os.Lstat(dir + name); err == nil {
			return fmt.Errorf("%s%s is not read: the file must be called %s; rename it", dir, name, base)
		}
	}
	return nil
}

// ReadFile reads a file that people write, within [limits.MaxConfigBytes].
func ReadFile(path string) ([]byte, error) { return ReadBounded(path, limits.MaxConfigBytes) }

// ReadBounded reads a regular file of at most so many bytes.
func ReadBounded(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if info.Size() > most {
		return nil, fmt.Errorf("%s has %d bytes, more than the limit of %d", path, info.Size(), most)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// Validate reports values that can be seen to be wrong.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		where := c.Path
		if where == "" {
			where = "configuration"
		}
		errs = append(errs, fmt.Errorf("%s: %s", where, fmt.Sprintf(format, args...)))
	}
	for _, e := range c.Exclude {
		switch {
		case e.Path == "":
			bad("an exclude has no path")
		case !doublestar.ValidatePattern(e.Path):
			bad("exclude %q is not a valid glob", e.Path)
		case !breadth.Glob(e.Path):
			bad("exclude %q leaves nothing to scan, or nearly so; name what is left out", e.Path)
		case strings.HasPrefix(e.Path, "/") || strings.HasPrefix(e.Path, "../") || strings.HasPrefix(e.Path, "./"):
			bad("exclude %q: globs are relative to the target, without / or ./ or ../ in front", e.Path)
		}
	}
	for _, h := range c.IaC.Helm {
		if h.Chart == "" {
			bad("an entry of iac.helm has no chart; name its directory, relative to the target")
		}
	}
	if c.Limits.MaxFileBytes < 0 {
		bad("limits.max_file_bytes is negative")
	}
	if _, err := c.FileTimeout(); err != nil {
		bad("limits.file_timeout: %v", err)
	}
	return errors.Join(errs...)
}

// FileTimeout is limits.file_timeout; 0 means the default.
func (c *Config) FileTimeout() (time.Duration, error) {
	if c.Limits.FileTimeout == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(c.Limits.FileTimeout)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a duration such as 90s or 2m", c.Limits.FileTimeout)
	}
	return d, nil
}

// Resolve makes a path of the field called key usable: what the file says is
// relative to the file, what the environment says to the working directory.
func (c *Config) Resolve(key, path string) string {
	if c.Path == "" || c.fromEnv[key] || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(c.Path), path)
}

// Excluder returns the reason for which a path is left out.
func (c *Config) Excluder() func(path string, dir bool) (string, bool) {
	return func(path string, dir bool) (string, bool) {
		if dir && (path == ".git" || strings.HasSuffix(path, "/.git")) {
			return "version control data; history is not part of the tree", true
		}
		for _, e := range c.Exclude {
			pattern := strings.TrimSuffix(e.Path, "/")
			if onlyDir := pattern != e.Path; onlyDir && !dir {
				continue
			}
			ok, _ := doublestar.Match(pattern, path)
			if whole, found := strings.CutSuffix(pattern, "/**"); found {
				// "vendor/**" covers the directory as a whole: one skip, not
				// one for each file in it. It does not cover a file "vendor".
				if self, _ := doublestar.Match(whole, path); self {
					ok = dir
				}
			}
			if ok {
				reason := "excluded by " + e.Path
				if e.Reason != "" {
					reason += ": " + e.Reason
				}
				return reason, true
			}
		}
		return "", false
	}
}

// Variables are the environment variables that are read, with what they set.
func Variables() []Variable { return slices.Clone(variables) }

// Variable is an environment variable.
type Variable struct {
	Name, Doc string
	key       string
	set       func(c *Config, value string) error
}

func list(f func(c *Config) *[]string) func(*Config, string) error {
	return func(c *Config, v string) error {
		var items []string
		for item := range strings.SplitSeq(v, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
		*f(c) = items
		return nil
	}
}

func text(f func(c *Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error { *f(c) = v; return nil }
}

func boolean(f func(c *Config, b bool)) func(*Config, string) error {
	return func(c *Config, v string) error {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", v)
		}
		f(c, b)
		return nil
	}
}

var variables = []Variable{
	{"GATEHOUSE_CONFIG", "configuration file", "", nil}, // read by the command line
	{"GATEHOUSE_SCANNERS", "scanners to run, separated by commas", "scanners", list(func(c *Config) *[]string { return &c.Scanners })},
	{"GATEHOUSE_DATABASE_DIR", "directory of the vulnerability database", "database.dir", text(func(c *Config) *string { return &c.Database.Dir })},
	{"GATEHOUSE_DATABASE_DIGEST", "digest of the only vulnerability database to use", "database.digest", text(func(c *Config) *string { return &c.Database.Digest })},
	{"GATEHOUSE_SECRETS_RULES", "files of rules for secrets, separated by commas", "secrets.rules", list(func(c *Config) *[]string { return &c.Secrets.Rules })},
	{"GATEHOUSE_SECRETS_BASELINE", "lists of known secrets, separated by commas", "secrets.baseline", list(func(c *Config) *[]string { return &c.Secrets.Baseline })},
	{"GATEHOUSE_IAC_CHECKS", "files and directories of checks, separated by commas", "iac.checks", list(func(c *Config) *[]string { return &c.IaC.Checks })},
	{"GATEHOUSE_IAC_TERRAFORM_VARS", "files of values for Terraform, separated by commas", "iac.terraform_vars", list(func(c *Config) *[]string { return &c.IaC.TerraformVars })},
	{"GATEHOUSE_POLICY_BASELINE", "whether the baseline pack judges", "", boolean(func(c *Config, b bool) { c.Policy.Baseline = &b })},
	{"GATEHOUSE_POLICY_PATHS", "policies, separated by commas", "policy.paths", list(func(c *Config) *[]string { return &c.Policy.Paths })},
	{"GATEHOUSE_POLICY_DATA", "data files for policies, separated by commas", "policy.data", list(func(c *Config) *[]string { return &c.Policy.Data })},
	{"GATEHOUSE_POLICY_NAMESPACES", "packages that judge documents, separated by commas", "", list(func(c *Config) *[]string { return &c.Policy.Namespaces })},
	{"GATEHOUSE_POLICY_ALL_NAMESPACES", "whether all packages judge", "", boolean(func(c *Config, b bool) { c.Policy.AllNamespaces = b })},
	{"GATEHOUSE_WAIVERS", "waiver file", "waivers", text(func(c *Config) *string { return &c.Waivers })},
	{"GATEHOUSE_CACHE", "whether results are kept", "", boolean(func(c *Config, b bool) { c.Cache.Enabled = &b })},
	{"GATEHOUSE_CACHE_DIR", "directory of kept results", "cache.dir", text(func(c *Config) *string { return &c.Cache.Dir })},
	{"GATEHOUSE_OUTPUT", "outputs of check, separated by commas", "", list(func(c *Config) *[]string { return &c.Output })},
	{"GATEHOUSE_TIME", "evaluation time, as RFC 3339", "", func(c *Config, v string) (err error) { c.Time, err = ParseTime(v); return err }},
	{"GATEHOUSE_PASSWORD", "password of the private key that signs; may be empty", "", nil}, // read by the command line
	{"GATEHOUSE_FINGERPRINT_KEY", "key of fingerprints of secrets", "", text(func(c *Config) *string { return &c.FingerprintKey })},
}

// ParseTime parses an evaluation time.
func ParseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("%q is not a time such as 2026-01-31T12:00:00Z (RFC 3339)", s)
	}
	return t.UTC(), nil
}

// ApplyEnv sets what the environment says. A GATEHOUSE_ variable that means
// nothing is an error, as it was surely meant to change something.
func (c *Config) ApplyEnv(env []string) error {
	var errs []error
	var names []string
	for _, v := range variables {
		names = append(names, v.Name)
	}
	c.fromEnv = map[string]bool{}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, "GATEHOUSE_") {
			continue
		}
		i := slices.Index(names, name)
		if i < 0 {
			errs = append(errs, fmt.Errorf("unknown environment variable %s%s", name, nearest.Hint(name, names)))
			continue
		}
		if v := variables[i]; v.set != nil && value != "" {
			if err := v.set(c, value); err != nil {
				errs = append(errs, fmt.Errorf("environment variable %s: %w", name, err))
			}
			c.fromEnv[v.key] = true
		}
	}
	return errors.Join(errs...)
}

// LookupEnv returns a variable of env.
func LookupEnv(env []string, name string) string {
	for _, kv := range slices.Backward(env) {
		if k, v, ok := strings.Cut(kv, "="); ok && k == name {
			return v
		}
	}
	return ""
}
