package cli

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

//go:embed starter
var starter embed.FS

func (a *app) initCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a first configuration, waiver file and policy",
		Long: `init writes gatehouse.yaml, gatehouse.waivers.yaml and a policy with a test into
the directory DIR (default: the current directory). It changes no file that is
there already, unless --force is given.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			return a.writeStarter(dir, force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace files that are there already")
	return cmd
}

func (a *app) writeStarter(dir string, force bool) error {
	root, err := fs.Sub(starter, "starter")
	if err != nil {
		return err
	}
	var files []string
	var errs []error
	err = fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files = append(files, path)
		if _, err := os.Lstat(filepath.Join(dir, path)); err == nil && !force {
			errs = append(errs, fmt.Errorf("%s is there already; nothing was written (--force replaces it)", filepath.Join(dir, path)))
		}
		return nil
	})
	if err := errors.Join(append(errs, err)...); err != nil {
		return err
	}
	for _, path := range files {
		data, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		name := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(a.stdout, "wrote", name); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(a.stdout, `
Next:
  gatehouse db import PATH           build a vulnerability database from advisories,
  gatehouse db pull REF              or fetch a published one
  gatehouse check %s
`, dir)
	return err
}
