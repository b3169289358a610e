package cli

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/scanners/iac"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/helm"
)

// helmFlags are values for charts, as Helm takes them.
type helmFlags struct {
	values, set, setString, setFile []string
}

func (f *helmFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.values, "helm-values", nil, "file of values for the Helm charts of the target; repeatable, the last wins")
	fl.StringArrayVar(&f.set, "helm-set", nil, "value for Helm charts, KEY=VALUE; repeatable")
	fl.StringArrayVar(&f.setString, "helm-set-string", nil, "value for Helm charts that is a text, KEY=VALUE; repeatable")
	fl.StringArrayVar(&f.setFile, "helm-set-file", nil, "value for Helm charts from a file, KEY=FILE; repeatable")
}

// releases are the ways in which charts are deployed. What the flags say comes
// on top of each, or stands for all charts if the configuration names none.
func (f *helmFlags) releases(cfg *config.Config) ([]iac.ChartRelease, error) {
	var all []iac.ChartRelease
	for _, h := range cfg.IaC.Helm {
		r := iac.ChartRelease{Chart: path.Clean(filepath.ToSlash(h.Chart)), Release: helm.Release{
			Values: h.Set, Name: h.Release, Namespace: h.Namespace, KubeVersion: h.KubeVersion, APIVersions: h.APIVersions,
		}}
		for _, name := range h.Values {
			if err := addValues(&r, cfg.Resolve("iac.helm", name)); err != nil {
				return nil, err
			}
		}
		r.Label = releaseLabel(h)
		all = append(all, r)
	}
	if f.any() {
		all = append(all, iac.ChartRelease{Label: "with the values of the command line"})
	}
	for i := range all {
		if err := f.apply(&all[i]); err != nil {
			return nil, err
		}
		if err := all[i].Check(); err != nil {
			return nil, fmt.Errorf("values for Helm charts: %w", err)
		}
	}
	return all, nil
}

func (f *helmFlags) any() bool {
	return len(f.values)+len(f.set)+len(f.setString)+len(f.setFile) > 0
}

func (f *helmFlags) apply(r *iac.ChartRelease) error {
	for _, name := range f.values {
		if err := addValues(r, name); err != nil {
			return err
		}
	}
	r.Set, r.SetString, r.SetFile = f.set, f.setString, f.setFile
	r.FileContents = map[string][]byte{}
	for _, expression := range f.setFile {
		names, err := helm.FilesOf(expression)
		if err != nil {
			return fmt.Errorf("--helm-set-file %w", err)
		}
		for _, name := range names {
			data, err := config.ReadFile(name)
			if err != nil {
				return fmt.Errorf("--helm-set-file %q: %w", expression, err)
			}
			r.FileContents[name] = data
		}
	}
	return nil
}

func addValues(r *iac.ChartRelease, name string) error {
	data, err := config.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read values for a Helm chart: %w", err)
	}
	r.Files = append(r.Files, helm.ValuesFile{Name: name, Data: data})
	return nil
}

// releaseLabel tells the releases of a chart apart.
func releaseLabel(h config.Helm) string {
	var parts []string
	if h.Release != "" {
		parts = append(parts, "in the release "+h.Release)
	}
	if h.Namespace != "" {
		parts = append(parts, "in the namespace "+h.Namespace)
	}
	for _, f := range h.Values {
		parts = append(parts, "with "+f)
	}
	if len(h.Set) > 0 || len(parts) == 0 {
		parts = append(parts, "with the values of the configuration")
	}
	return strings.Join(parts, " ")
}
