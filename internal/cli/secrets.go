package cli

import (
	"fmt"
	"path/filepath"

	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets"
)

// secretOptions reads the files that the configuration names for the scanner of
// secrets.
func secretOptions(cfg *config.Config) (secrets.Options, error) {
	o := secrets.Options{VendoredSuppressions: cfg.Secrets.VendoredSuppressions}
	read := func(key string, paths []string) ([]secrets.File, error) {
		var files []secrets.File
		for _, p := range paths {
			data, err := config.ReadFile(cfg.Resolve(key, p))
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", key, err)
			}
			files = append(files, secrets.File{Name: filepath.ToSlash(p), Data: data})
		}
		return files, nil
	}
	var err error
	if o.Rules, err = read("secrets.rules", cfg.Secrets.Rules); err != nil {
		return o, err
	}
	if o.Known, err = read("secrets.baseline", cfg.Secrets.Baseline); err != nil {
		return o, err
	}
	// As in gitleaks, extend.path is relative to the working directory.
	o.Read = config.ReadFile
	return o, nil
}
