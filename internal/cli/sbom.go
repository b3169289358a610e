package cli

import (
	"encoding/json/jsontext"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/internal/image"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
	"github.com/gatehouse-sec/gatehouse/sbom"
	"github.com/gatehouse-sec/gatehouse/scanners/sca"
)

// namedSBOM is the file that the user names, if it is a bill of materials: then
// its name does not matter.
func namedSBOM(arg string) []string {
	info, err := os.Stat(arg)
	if image.IsReference(arg) || err != nil || !info.Mode().IsRegular() || info.Size() > limits.MaxFileBytes {
		return nil
	}
	data, err := os.ReadFile(arg)
	if err != nil || !sbom.Is(data) { // what cannot be read is a gap of the scan
		return nil
	}
	return []string{filepath.Base(arg)}
}

func (a *app) sbomCommand() *cobra.Command {
	f := scanFlags{inventory: true}
	var name, version string
	var timestamp bool
	formats := make([]string, 0, len(sbom.Formats()))
	for _, format := range sbom.Formats() {
		formats = append(formats, string(format))
	}
	cmd := &cobra.Command{
		Use:   "sbom [TARGET]",
		Short: "Write a bill of materials: CycloneDX or SPDX",
		Long: `sbom lists the packages of a directory, file, image or other bill of materials
(default: the current directory) as CycloneDX 1.6 or SPDX 2.3, with what needs
which, licences, hashes, and where each was found. Nothing is judged, and no
vulnerability database is needed.

The same target gives the same bytes: ids are made from the content, and the time
is left out unless --timestamp asks for it.

What could not be looked at is in the document, which then calls itself incomplete,
and the exit code is 3.`,
		Example: `  gatehouse sbom . -o cyclonedx=bom.cdx.json
  gatehouse sbom registry.example/app:1.2 -o spdx=app.spdx.json -o cyclonedx=app.cdx.json
  gatehouse attest app.tar.gz --key release.key --also cyclonedx`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			outs, err := sbomOutputs(f.outputs, formats)
			if err != nil {
				return err
			}
			f := f
			f.outputs = nil
			path, dir := targetArg(args)
			cfg, err := a.loadConfig(dir)
			if err != nil {
				return err
			}
			f.scanners = []string{sca.Name}
			if err := f.apply(cfg); err != nil {
				return err
			}
			now := a.evaluationTime(cfg)
			report, err := a.scanArgument(cmd.Context(), cfg, &f, path, false, now)
			if err != nil {
				return err
			}
			if nothing(report) && !f.allowEmpty {
				return errNothing(fmt.Sprintf("there is no file that names packages in %q", path))
			}
			o := sbom.Options{Scanner: sca.Name, Name: name, Version: version, Repository: repositoryOf(path)}
			if timestamp {
				o.Time = now
			}
			return a.writeSBOM(sbom.New(report, o), outs)
		},
	}
	fl := cmd.Flags()
	fl.StringArrayVarP(&f.outputs, "output", "o", nil, "FORMAT or FORMAT=FILE: "+strings.Join(formats, ", ")+"; repeatable (default cyclonedx)")
	fl.StringArrayVar(&f.exclude, "exclude", nil, "leave out what this glob matches, relative to the target; repeatable")
	fl.BoolVar(&f.noCache, "no-cache", false, "neither use nor keep results of other runs")
	fl.StringVar(&f.cacheDir, "cache-dir", "", "directory of kept results (default "+shortHome(defaultCacheDir())+")")
	fl.BoolVar(&f.allowEmpty, "allow-empty", false, "write a document without packages when there is nothing to list")
	fl.StringVar(&name, "name", "", "what the target is called (default: the last part of its path)")
	fl.StringVar(&version, "version", "", "version of the target")
	fl.BoolVar(&timestamp, "timestamp", false, "say when the document was made")
	fl.StringVar(&f.time, "time", "", "that time, as RFC 3339 (default now)")
	f.image.register(cmd)
	must(cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoSpace)))
	return cmd
}

// repositoryOf is the repository of an image in a registry; empty for anything
// else.
func repositoryOf(arg string) string {
	if !image.IsRemote(arg) {
		return ""
	}
	ref, err := registry.New(registry.Options{}).Reference(arg)
	if err != nil {
		return ""
	}
	return ref.Context().Name()
}

// sbomOutput is one -o FORMAT[=FILE].
type sbomOutput struct {
	format sbom.Format
	file   string // empty: standard output
}

func sbomOutputs(specs, formats []string) ([]sbomOutput, error) {
	if len(specs) == 0 {
		specs = []string{string(sbom.CycloneDX)}
	}
	var outs []sbomOutput
	stdout := 0
	for _, spec := range specs {
		format, file, hasFile := strings.Cut(spec, "=")
		if !slices.Contains(formats, format) {
			return nil, fmt.Errorf("unknown format %q: want one of %s", format, strings.Join(formats, ", "))
		}
		if hasFile && file == "" {
			return nil, fmt.Errorf("output %q: no file is named after \"=\"", spec)
		}
		if file == "-" {
			file = ""
		}
		if file == "" {
			if stdout++; stdout > 1 {
				return nil, fmt.Errorf("two outputs would go to standard output; give one a file: -o %s=FILE", format)
			}
		}
		outs = append(outs, sbomOutput{sbom.Format(format), file})
	}
	return outs, nil
}

// writeSBOM writes the document in all formats, and says if it is incomplete.
func (a *app) writeSBOM(d *sbom.Document, outs []sbomOutput) error {
	var errs []error
	for _, o := range outs {
		data, err := d.Write(o.format)
		if err != nil {
			return err
		}
		write := func(w io.Writer) error {
			_, err := w.Write(data)
			return err
		}
		if o.file == "" {
			errs = append(errs, write(a.stdout))
		} else if err := writeFile(o.file, write); err != nil {
			errs = append(errs, fmt.Errorf("write %s to %q: %w", o.format, o.file, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if len(d.Incomplete) == 0 {
		return nil
	}
	const most = 10
	for i, text := range d.Incomplete {
		if i == most && !a.verbose {
			a.say("and %d more; --verbose shows all", len(d.Incomplete)-most)
			break
		}
		a.say("not listed: %s", text)
	}
	a.say("the bill of materials is incomplete, and says so")
	return silently(outcomeCode(gatehouse.OutcomeIncomplete))
}

// sbomKinds are the bills of materials that can be attested beside a pass, by the
// names of [attest.PredicateType].
var sbomKinds = map[string]sbom.Format{"cyclonedx": sbom.CycloneDX, "spdxjson": sbom.SPDX}

// sbomStatement states the bill of materials of what was judged.
func sbomStatement(kind string, format sbom.Format, j *judged, opts attest.VSAOptions) (attest.Statement, error) {
	uri, err := attest.PredicateType(kind)
	if err != nil {
		return attest.Statement{}, err
	}
	data, err := sbom.New(j.report, sbom.Options{Scanner: sca.Name, Repository: repositoryOf(j.report.Target.Name), Time: j.verdict.Time}).Write(format)
	if err != nil {
		return attest.Statement{}, err
	}
	return attest.NewStatement(opts.Subject, uri, jsontext.Value(data))
}
