package pipeline

import (
	"bytes"
	"path"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Read reads a document that describes a pipeline, at a slash-separated path;
// nil if it is none. The document must have passed [document.Parse].
func Read(name string, root *yaml.Node) *Pipeline {
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
var likely = []*regexp.Regexp{
	regexp.MustCompile(`(?m)^["']?on["']?:(?s:.*)^["']?jobs["']?:|^["']?jobs["']?:(?s:.*)^["']?on["']?:`),
	regexp.MustCompile(`(?m)^runs:\s*$(?s:.*)^\s+using:`),
	regexp.MustCompile(`(?m)^updates:(?s:.*)package-ecosystem:`),
	regexp.MustCompile(`(?m)^(orbs|phases|pipelines|stages|jobs|steps):(?s:.*)^\s+-?\s*(script|run|commands|task|bash|stage|step):`),
}

// IsLikely reports whether a file that cannot be parsed is a pipeline by its
// place, or by keys at the start of its lines.
func IsLikely(name string, data []byte) bool {
	if system(name) != "" {
		return true
	}
	for _, r := range likely {
		if r.Match(data) {
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
