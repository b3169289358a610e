package pipeline

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// Read reads a document that describes a pipeline, at a slash-separated path;
// nil if it is none. The document must have passed [document.Parse]. What is
// beyond [limits.MaxPipelineScriptBytes] and [limits.MaxPipelineSteps] is a gap.
func Read(name string, root *yaml.Node) *Pipeline {
	p := readAny(name, root)
	if p != nil {
		p.Local = p.Kind == KindAction && strings.Contains("/"+name, "/.github/")
		p.bound()
	}
	return p
}

// bound leaves out what is beyond the limits, with a gap.
func (p *Pipeline) bound() {
	steps, pasted, text := 0, 0, 0
	for i := range p.Jobs {
		j := &p.Jobs[i]
		if steps += len(j.Steps); steps > limits.MaxPipelineSteps || i >= limits.MaxPipelineSteps {
			p.Gaps = append(p.Gaps, Gap{Line: j.Line, Reason: fmt.Sprintf("it has more than the limit of %d steps or jobs; those from here on were not judged", limits.MaxPipelineSteps)})
			p.Jobs = p.Jobs[:i]
			return
		}
		for k := range j.Steps {
			s := &j.Steps[k]
			if pasted += len(s.Injections); pasted > limits.MaxPipelineSteps {
				p.Gaps = append(p.Gaps, Gap{Line: s.Line, Reason: fmt.Sprintf("more than the limit of %d expressions are pasted into scripts; those of this step were not judged", limits.MaxPipelineSteps)})
				pasted -= len(s.Injections)
				s.Injections = []Injection{}
			}
			before := text
			for _, l := range s.Lines {
				text += len(l.Text)
			}
			if text > limits.MaxPipelineScriptBytes {
				p.Gaps = append(p.Gaps, Gap{Line: s.Line, Reason: fmt.Sprintf("the scripts are longer than the limit of %d bytes; that of this step was not judged", limits.MaxPipelineScriptBytes)})
				text = before
				s.Lines = []Text{}
			}
		}
	}
}

func readAny(name string, root *yaml.Node) *Pipeline {
	if root.Kind != yaml.MappingNode {
		return nil
	}
	place := system(name)
	switch {
	case place == GitHub || place == "" && isWorkflow(root):
		return readGitHub(root, KindWorkflow)
	case place == "" && isAction(root):
		return readGitHub(root, KindAction)
	case isDependabot(root):
		return readDependabot(root)
	case place == CircleCI || place == "" && isCircle(root):
		return readCircle(root)
	case place == Bitbucket || place == "" && isBitbucket(root):
		return readBitbucket(root)
	case place == BuildSpec || place == "" && isBuildSpec(root):
		return readBuildSpec(root)
	case isTekton(root):
		return readTekton(root)
	case text(get(root, "apiVersion")) != "" && text(get(root, "kind")) != "":
		return nil // of Kubernetes
	case isDrone(root):
		return readDrone(root)
	case place == Azure || place == "" && isAzure(root):
		return readAzure(root)
	case place == GitLab || place == "" && isGitLab(root):
		return readGitLab(root)
	}
	return nil
}

// system is the one whose pipelines lie at such a path; "" if none says so.
func system(name string) string {
	name = "/" + strings.ToLower(name)
	base := path.Base(name)
	stem := strings.TrimSuffix(strings.TrimSuffix(base, ".yml"), ".yaml")
	if stem == base {
		return ""
	}
	switch dir := path.Dir(name); {
	case strings.HasSuffix(dir, "/.github/workflows"):
		return GitHub
	case strings.HasSuffix(stem, ".gitlab-ci"), strings.Contains(dir+"/", "/.gitlab/ci/"):
		return GitLab
	case strings.HasSuffix(dir, "/.circleci"):
		return CircleCI
	case stem == "bitbucket-pipelines":
		return Bitbucket
	case stem == "buildspec":
		return BuildSpec
	case stem == "azure-pipelines" || stem == "azure-pipeline":
		return Azure
	}
	return ""
}

// signs are keys of which a document must have one group to be a pipeline.
var signs = [][]string{
	{"jobs", "runs-on"}, {"jobs", "uses"}, {"runs", "using"}, {"package-ecosystem"},
	{"script:", "stage"}, {"script:", "image:"}, {"script:", "rules:"}, {"script:", "before_script"},
	{"jobs", "docker:"}, {"jobs", "machine:"}, {"orbs:"},
	{"pipelines:", "step:"}, {"phases", "commands"}, {"commands", "image", "steps"},
	{"steps:", "task:"}, {"steps:", "script:"}, {"steps:", "bash:"}, {"steps:", "pwsh:"}, {"steps:", "powershell:"},
	{"tekton.dev/"},
}

// likely are groups of keys at the start of lines that only pipelines have.
var likely = []func() *regexp.Regexp{
	lazyregexp.New(`(?m)^["']?on["']?:(?s:.*)^["']?jobs["']?:|^["']?jobs["']?:(?s:.*)^["']?on["']?:`),
	lazyregexp.New(`(?m)^runs:\s*$(?s:.*)^\s+using:`),
	lazyregexp.New(`(?m)^updates:(?s:.*)package-ecosystem:`),
	lazyregexp.New(`(?m)^(orbs|phases|pipelines|stages|jobs|steps):(?s:.*)^\s+-?\s*(script|run|commands|task|bash|stage|step):`),
}

// IsLikely reports whether a file that cannot be parsed is a pipeline by its
// place, or by keys at the start of its lines.
func IsLikely(name string, data []byte) bool {
	if system(name) != "" {
		return true
	}
	for _, r := range likely {
		if r().Match(data) {
			return true
		}
	}
	return false
}

// HasSign reports whether a file could be a pipeline. It errs on the side of
// yes.
func HasSign(name string, data []byte) bool {
	if system(name) != "" {
		return true
	}
	for _, group := range signs {
		all := true
		for _, key := range group {
			if !bytes.Contains(data, []byte(key)) {
				all = false
				break
			}
		}
		if all {
			return true
		}
	}
	return false
}
