package helm

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/strvals"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// Release is one way in which a chart is deployed. The zero value is the chart
// with its own values.
type Release struct {
	// Files are files of values; each wins over those before it, and all over
	// the chart's own.
	Files []ValuesFile
	// Values are by path of the key, such as "image.tag", and win over the
	// files.
	Values map[string]any
	// Set, SetString and SetFile are expressions as Helm's flags --set,
	// --set-string and --set-file take them, and win over all others in this
	// order. SetFile names files of FileContents.
	Set, SetString, SetFile []string
	// FileContents are the files of SetFile, by name.
	FileContents map[string][]byte
	// Name and Namespace are those of the release; empty means "release-name"
	// and "default".
	Name, Namespace string
	// KubeVersion is the version of Kubernetes that templates see, such as
	// "1.30"; empty means a recent one. APIVersions come on top of those of
	// Kubernetes itself, such as "monitoring.coreos.com/v1".
	KubeVersion string
	APIVersions []string
}

// ValuesFile is a file of values.
type ValuesFile struct {
	// Name is how messages call it.
	Name string
	Data []byte
}

// Check reports what is wrong with the release itself, whatever the chart.
func (r Release) Check() error {
	_, err := r.values()
	_, capErr := r.capabilities()
	return errors.Join(err, capErr)
}

// values are all values of the release in one tree.
func (r Release) values() (map[string]any, error) {
	all := map[string]any{}
	for _, f := range r.Files {
		if _, err := document.Parse(f.Data); err != nil {
			return nil, fmt.Errorf("read the values %q: %w", f.Name, err)
		}
		var v map[string]any
		if err := yaml.Unmarshal(f.Data, &v); err != nil {
			return nil, fmt.Errorf("read the values %q: %w", f.Name, err)
		}
		all = loader.MergeMaps(all, v)
	}
	keys := make([]string, 0, len(r.Values))
	for key := range r.Values {
		keys = append(keys, key)
	}
	slices.Sort(keys) // "a" before "a.b"
	for _, key := range keys {
		v, err := json.Marshal(r.Values[key])
		if err == nil {
			err = strvals.ParseJSON(key+"="+string(v), all)
		}
		if err != nil {
			return nil, fmt.Errorf("set the value %q: %w", key, err)
		}
	}
	for _, s := range r.Set {
		if err := strvals.ParseInto(s, all); err != nil {
			return nil, fmt.Errorf("set %q: %w", s, err)
		}
	}
	for _, s := range r.SetString {
		if err := strvals.ParseIntoString(s, all); err != nil {
			return nil, fmt.Errorf("set the text %q: %w", s, err)
		}
	}
	for _, s := range r.SetFile {
		err := strvals.ParseIntoFile(s, all, func(name []rune) (any, error) {
			data, ok := r.FileContents[string(name)]
			if !ok {
				return nil, fmt.Errorf("the file %q was not read", string(name))
			}
			return string(data), nil
		})
		if err != nil {
			return nil, fmt.Errorf("set %q from a file: %w", s, err)
		}
	}
	return all, nil
}

// FilesOf are the names of files in an expression of SetFile.
func FilesOf(expression string) ([]string, error) {
	var names []string
	err := strvals.ParseIntoFile(expression, map[string]any{}, func(name []rune) (any, error) {
		names = append(names, string(name))
		return "", nil
	})
	if err == nil && len(names) == 0 {
		err = errors.New("it names no file")
	}
	if err != nil {
		return nil, fmt.Errorf("%q: want KEY=FILE: %w", expression, err)
	}
	return names, nil
}

// capabilities are what templates see of the cluster.
func (r Release) capabilities() (*common.Capabilities, error) {
	c := common.DefaultCapabilities.Copy()
	if r.KubeVersion != "" {
		v, err := common.ParseKubeVersion(r.KubeVersion)
		if err != nil {
			return nil, fmt.Errorf("the version of Kubernetes %q: %w", r.KubeVersion, err)
		}
		c.KubeVersion = *v
	}
	c.APIVersions = append(slices.Clone(c.APIVersions), r.APIVersions...)
	return c, nil
}

func (r Release) options() common.ReleaseOptions {
	o := common.ReleaseOptions{Name: "release-name", Namespace: "default", Revision: 1, IsInstall: true}
	if r.Name != "" {
		o.Name = r.Name
	}
	if r.Namespace != "" {
		o.Namespace = strings.TrimSpace(r.Namespace)
	}
	return o
}
