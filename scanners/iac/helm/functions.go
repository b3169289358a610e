package helm

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"text/template"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/Masterminds/sprig/v3"
	"github.com/bmatcuk/doublestar/v4"
	"helm.sh/helm/v4/pkg/chart/common"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// maxRepeat bounds what functions make of a number.
const maxRepeat = 100_000

// functions are those of Sprig and Helm, but for what depends on the machine,
// the clock or chance, and what costs too much.
func functions() template.FuncMap {
	f := sprig.TxtFuncMap()
	for _, name := range []string{"env", "expandenv"} {
		delete(f, name)
	}
	add := func(more template.FuncMap) {
		for name, fn := range more {
			f[name] = fn
		}
	}
	add(serialisers())
	add(durations())
	add(fixedFunctions())
	add(template.FuncMap{
		"required": func(message string, v any) (any, error) {
			if s, ok := v.(string); v == nil || ok && s == "" {
				return v, errors.New(message)
			}
			return v, nil
		},
		"fail":   func(message string) (string, error) { return "", errors.New(message) },
		"lookup": func(_, _, _, _ string) map[string]any { return map[string]any{} },
		"repeat": func(n int, s string) (string, error) {
			if n < 0 || n*len(s) > 64*maxRepeat {
				return "", errors.New("repeat: the result is too long")
			}
			return strings.Repeat(s, n), nil
		},
		"indent": func(n int, s string) (string, error) { return indent(n, s) },
		"nindent": func(n int, s string) (string, error) {
			s, err := indent(n, s)
			return "\n" + s, err
		},
		"until":     func(n int) ([]int, error) { return steps(0, n, sign(n)) },
		"untilStep": steps,
		"seq":       bounded(f["seq"]),
	})
	return f
}

func sign(n int) int {
	if n < 0 {
		return -1
	}
	return 1
}

func steps(from, to, step int) ([]int, error) {
	if step == 0 || step > 0 && to < from || step < 0 && to > from {
		return []int{}, nil
	}
	if (to-from)/step > maxRepeat {
		return nil, errors.New("the sequence is too long")
	}
	list := []int{}
	for i := from; step > 0 && i < to || step < 0 && i > to; i += step {
		list = append(list, i)
	}
	return list, nil
}

func indent(n int, s string) (string, error) {
	if n < 0 || n > 1000 {
		return "", errors.New("indent: too many spaces")
	}
	pad := strings.Repeat(" ", n)
	return pad + strings.ReplaceAll(s, "\n", "\n"+pad), nil
}

// bounded is the function seq, refusing large numbers.
func bounded(seq any) any {
	f, ok := seq.(func(...int) string)
	if !ok {
		return seq
	}
	return func(params ...int) (string, error) {
		for _, n := range params {
			if n > maxRepeat || n < -maxRepeat {
				return "", errors.New("seq: the sequence is too long")
			}
		}
		return f(params...), nil
	}
}

// fixedFunctions take the place of functions whose results differ from run to
// run, or take long to compute: nothing that a check looks at depends on them.
func fixedFunctions() template.FuncMap {
	word := func(n int) (string, error) {
		if n < 0 || n > maxRepeat {
			return "", errors.New("the text is too long")
		}
		return strings.Repeat("x", n), nil
	}
	certificate := func(...any) map[string]any {
		return map[string]any{"Cert": "certificate", "Key": "key"}
	}
	fixed := func(s string) any { return func(...any) string { return s } }
	epoch := time.Unix(0, 0).UTC()
	return template.FuncMap{
		"now": func() time.Time { return epoch }, "ago": fixed("0s"),
		"randAlphaNum": word, "randAlpha": word, "randAscii": word, "randBytes": word, "randNumeric": func(n int) (string, error) {
			s, err := word(n)
			return strings.ReplaceAll(s, "x", "0"), err
		},
		"randInt": func(low, _ int) int { return low }, "shuffle": func(s string) string { return s },
		"uuidv4": fixed("00000000-0000-4000-8000-000000000000"),
		"genCA":  certificate, "genCAWithKey": certificate, "genSelfSignedCert": certificate, "genSelfSignedCertWithKey": certificate,
		"genSignedCert": certificate, "genSignedCertWithKey": certificate, "buildCustomCert": certificate,
		"genPrivateKey": fixed("key"), "derivePassword": fixed("password"), "bcrypt": fixed("hash"), "htpasswd": fixed("hash"),
		"encryptAES": fixed("text"), "decryptAES": fixed("text"), "getHostByName": fixed(""),
	}
}

func serialisers() template.FuncMap {
	encode := func(marshal func(any) ([]byte, error)) (lenient, must any) {
		return func(v any) string {
				data, err := marshal(v)
				if err != nil {
					return ""
				}
				return strings.TrimSuffix(string(data), "\n")
			}, func(v any) (string, error) {
				data, err := marshal(v)
				return strings.TrimSuffix(string(data), "\n"), err
			}
	}
	f := template.FuncMap{}
	f["toYaml"], f["mustToYaml"] = encode(func(v any) ([]byte, error) { return yaml.Marshal(v) })
	f["toYamlPretty"] = f["toYaml"]
	f["toJson"], f["mustToJson"] = encode(json.Marshal)
	f["toToml"], f["mustToToml"] = encode(func(v any) ([]byte, error) {
		var b strings.Builder
		err := toml.NewEncoder(&b).Encode(v)
		return []byte(b.String()), err
	})
	// What cannot be read is told in the result, as in Helm.
	object := func(unmarshal func([]byte, any) error) any {
		return func(s string) map[string]any {
			m := map[string]any{}
			if err := unmarshal([]byte(s), &m); err != nil {
				m["Error"] = err.Error()
			}
			return m
		}
	}
	list := func(unmarshal func([]byte, any) error) any {
		return func(s string) []any {
			l := []any{}
			if err := unmarshal([]byte(s), &l); err != nil {
				l = []any{err.Error()}
			}
			return l
		}
	}
	f["fromYaml"], f["fromYamlArray"] = object(boundedYAML), list(boundedYAML)
	f["fromJson"], f["fromJsonArray"] = object(json.Unmarshal), list(json.Unmarshal)
	f["fromToml"] = object(toml.Unmarshal)
	return f
}

func boundedYAML(data []byte, v any) error {
	if _, err := document.Parse(data); err != nil {
		return err
	}
	return yaml.Unmarshal(data, v)
}

// durations are the functions on durations, which take text ("1h30m") or
// seconds.
func durations() template.FuncMap {
	read := func(v any) (time.Duration, error) {
		switch v := v.(type) {
		case time.Duration:
			return v, nil
		case string:
			return time.ParseDuration(v)
		case int:
			return time.Duration(v) * time.Second, nil
		case int64:
			return time.Duration(v) * time.Second, nil
		case float64:
			return time.Duration(v * float64(time.Second)), nil
		}
		return 0, fmt.Errorf("%v is no duration", v)
	}
	in := func(unit time.Duration) any {
		return func(v any) float64 {
			d, err := read(v)
			if err != nil {
				return 0
			}
			return float64(d) / float64(unit)
		}
	}
	whole := func(unit time.Duration) any {
		return func(v any) int64 {
			d, err := read(v)
			if err != nil {
				return 0
			}
			return int64(d / unit)
		}
	}
	to := func(f func(d, m time.Duration) time.Duration) any {
		return func(v, m any) time.Duration {
			d, errD := read(v)
			unit, errM := read(m)
			if errD != nil || errM != nil {
				return 0
			}
			return f(d, unit)
		}
	}
	return template.FuncMap{
		"mustToDuration": read, "durationSeconds": in(time.Second), "durationMinutes": in(time.Minute),
		"durationHours": in(time.Hour), "durationDays": in(24 * time.Hour), "durationWeeks": in(7 * 24 * time.Hour),
		"durationMilliseconds": whole(time.Millisecond), "durationMicroseconds": whole(time.Microsecond), "durationNanoseconds": whole(1),
		"durationRoundTo": to(time.Duration.Round), "durationTruncateTo": to(time.Duration.Truncate),
	}
}

// files is what templates call .Files: the files of a chart that are nothing
// else.
type files map[string][]byte

func newFiles(from []*common.File) files {
	f := files{}
	for _, file := range from {
		f[file.Name] = file.Data
	}
	return f
}

// GetBytes returns the content of a file, or nothing.
func (f files) GetBytes(name string) []byte { return f[name] }

// Get returns the content of a file as text, or "".
func (f files) Get(name string) string { return string(f[name]) }

// Glob returns the files that match a pattern.
func (f files) Glob(pattern string) files {
	matching := files{}
	for name, data := range f {
		if ok, err := doublestar.Match(pattern, name); err == nil && ok {
			matching[name] = data
		}
	}
	return matching
}

// AsConfig returns the files as the data of a ConfigMap, in YAML.
func (f files) AsConfig() string {
	return f.asMap(func(b []byte) string { return string(b) })
}

// AsSecrets returns the files as the data of a Secret, in YAML.
func (f files) AsSecrets() string {
	return f.asMap(base64.StdEncoding.EncodeToString)
}

func (f files) asMap(encode func([]byte) string) string {
	m := map[string]string{}
	for name, data := range f {
		m[path.Base(name)] = encode(data)
	}
	if len(m) == 0 {
		return ""
	}
	data, err := yaml.Marshal(m)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(data), "\n")
}

// Lines returns the lines of a file.
func (f files) Lines(name string) []string {
	text := strings.TrimSuffix(string(f[name]), "\n")
	if text == "" {
		return []string{}
	}
	return strings.Split(text, "\n")
}
