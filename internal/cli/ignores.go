package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/internal/ignorefile"
)

// ignoreFiles reads the files of ignores that the flags or the configuration
// name. One that other tools would read and nobody names is told of.
func (a *app) ignoreFiles(cfg *config.Config, flags []string, dir string) ([]*ignorefile.File, error) {
	paths := flags
	if len(paths) == 0 {
		for _, p := range cfg.IgnoreFiles {
			paths = append(paths, cfg.Resolve("ignore_files", p))
		}
	}
	var files []*ignorefile.File
	for _, p := range paths {
		data, err := config.ReadFile(p)
		if err != nil {
			return nil, fmt.Errorf("read ignores: %w", err)
		}
		f, err := ignorefile.Parse(filepath.ToSlash(p), data)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	for _, name := range ignorefile.Names() {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if _, err := os.Stat(p); err == nil && !slices.ContainsFunc(paths, func(q string) bool { return filepath.Clean(q) == filepath.Clean(p) }) {
			a.say("%s is not read: name it in ignore_files of %s, or give --ignore-file", p, config.FileName)
		}
	}
	return files, nil
}
