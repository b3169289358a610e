package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/internal/strictyaml"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

// lockFileName is the name of the file that pins what a check uses. It lies
// beside gatehouse.yaml, or in the target if there is none.
const lockFileName = "gatehouse.lock"

// lockFile is the content of gatehouse.lock.
type lockFile struct {
	Version  int          `yaml:"version"`
	Database lockDatabase `yaml:"database"`
}

type lockDatabase struct {
	// Digest is what the database must have.
	Digest string `yaml:"digest"`
	// Updated is the time of its data, for people.
	Updated string `yaml:"updated,omitempty"`
	// Origin is where it can be fetched; empty if it was built here.
	Origin string `yaml:"origin,omitempty"`
}

// readLock returns nil if there is no lock file.
func readLock(path string) (*lockFile, error) {
	data, err := config.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			return nil, fmt.Errorf("%s is a symbolic link that leads nowhere; correct or remove it", path)
		}
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the lock file: %w", err)
	}
	var l lockFile
	if err := strictyaml.Decode(path, data, &l); err != nil {
		return nil, err
	}
	if l.Version != 1 || !isDigest(l.Database.Digest) {
		return nil, fmt.Errorf("%s: want version 1 and a database digest such as sha256:...; write it anew with `gatehouse db lock`", path)
	}
	return &l, nil
}

func isDigest(s string) bool {
	hex, ok := strings.CutPrefix(s, "sha256:")
	return ok && len(hex) == 64 && strings.Trim(hex, "0123456789abcdef") == ""
}

// lockPath is where the lock file is: beside the configuration, or in dir.
func lockPath(cfg *config.Config, dir string) string {
	if cfg.Path != "" {
		dir = filepath.Dir(cfg.Path)
	}
	return filepath.Join(dir, lockFileName)
}

// databasePin returns the digest that the database must have, and what says
// so; both are empty if nothing does.
func databasePin(cfg *config.Config, dir string) (digest, by string, err error) {
	path := lockPath(cfg, dir)
	l, err := readLock(path)
	if err != nil {
		return "", "", err
	}
	pinned := cfg.Database.Digest
	switch {
	case l == nil && pinned == "":
		return "", "", nil
	case pinned != "" && !isDigest(pinned):
		return "", "", fmt.Errorf("database.digest is %q, want sha256: and 64 digits in hex, as `gatehouse db status` shows it", pinned)
	case l == nil:
		return pinned, "database.digest", nil
	case pinned != "" && pinned != l.Database.Digest:
		return "", "", fmt.Errorf("database.digest is %s and %s pins %s; remove one of them", pinned, path, l.Database.Digest)
	}
	return l.Database.Digest, path, nil
}

// pullRef is what to fetch: the argument, or what the lock file pins.
func (a *app) pullRef(args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	cfg, err := a.loadConfig(".")
	if err != nil {
		return "", err
	}
	path := lockPath(cfg, ".")
	l, err := readLock(path)
	switch {
	case err != nil:
		return "", err
	case l == nil:
		return "", fmt.Errorf("nothing to fetch: name a REF, such as ghcr.io/aquasecurity/trivy-db:2; there is no %s that pins one", path)
	case l.Database.Origin == "":
		return "", fmt.Errorf("%s does not say where the database comes from: it was built by `gatehouse db import`; push it to a registry, and lock it after a pull", path)
	}
	return l.Database.Origin, nil
}

func (a *app) dbLockCommand() *cobra.Command {
	var f dbFlags
	cmd := &cobra.Command{
		Use:   "lock [DIR]",
		Short: "Pin the database for the checks of a project",
		Long: `lock writes gatehouse.lock into the project in DIR, beside its gatehouse.yaml: the
digest of the present database, and where it came from. From then on a check
with any other database is an error, and gatehouse db pull without arguments
fetches the pinned one.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			_, dir := targetArg(args)
			cfg, err := a.loadConfig(dir)
			if err != nil {
				return err
			}
			scan := scanFlags{database: f.dir, time: f.time}
			if err := scan.apply(cfg); err != nil {
				return err
			}
			st, err := readStatus(scan.databaseDir(cfg), a.evaluationTime(cfg))
			if err != nil {
				return &exitError{exitIncomplete, err}
			}
			if !st.WholeDigest {
				return fmt.Errorf("the digest of the database in %q covers its metadata only, which pins nothing; fetch it with `gatehouse db pull`", st.Path)
			}
			return a.writeLock(lockPath(cfg, dir), st)
		},
	}
	f.register(cmd)
	return cmd
}

func (a *app) writeLock(path string, st vulndb.Status) error {
	l := lockFile{Version: 1, Database: lockDatabase{Digest: st.Digest, Updated: st.UpdatedAt.UTC().Format("2006-01-02T15:04:05Z"), Origin: st.Origin}}
	data, err := yaml.Marshal(l)
	if err != nil {
		return err
	}
	data = append([]byte("# Written by gatehouse db lock: a check uses this database and no other.\n"), data...)
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, data, 0o644); err != nil {
		return fmt.Errorf("write the lock file: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(fmt.Errorf("write the lock file: %w", err), os.Remove(tmp))
	}
	_, err = fmt.Fprintf(a.stdout, "%s pins %s\n", path, st.Digest)
	return err
}
