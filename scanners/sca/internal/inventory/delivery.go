package inventory

import (
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/filetype"
)

// deliveryFormats are files that say what builds, delivers and runs the target;
// they are known by more than their base name.
var (
	workflowFormat   = &Format{eco: GitHubActions, Parse: parseWorkflow}
	dockerfileFormat = &Format{eco: Docker, Parse: parseDockerfile}
	gitlabFormat     = &Format{eco: GitLab, Parse: parseGitLab}
	composeFormat    = &Format{eco: Docker, Parse: parseCompose}
	moduleFormat     = &Format{eco: Terraform, Parse: parseTerraformModules}
)

// deliveryFormat returns the format of such a file, or nil.
func deliveryFormat(name string) *Format {
	base := strings.ToLower(path.Base(name))
	switch {
	case filetype.IsDockerfile(name):
		return dockerfileFormat
	case strings.HasSuffix(base, ".tf"):
		return moduleFormat
	case !strings.HasSuffix(base, ".yml") && !strings.HasSuffix(base, ".yaml"):
		return nil
	case base == "action.yml", base == "action.yaml", isWorkflow(name):
		return workflowFormat
	case strings.HasSuffix(base, ".gitlab-ci.yml"), strings.HasSuffix(base, ".gitlab-ci.yaml"):
		return gitlabFormat
	case strings.HasPrefix(base, "docker-compose"), strings.HasPrefix(base, "compose."), strings.HasPrefix(base, "podman-compose"):
		return composeFormat
	}
	return nil
}

// parseCompose reads the images of a Compose file; see
// https://github.com/compose-spec/compose-spec.
func parseCompose(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := yamlTree(f.Data)
	if err != nil {
		return inv, err
	}
	services := yamlField(root, "services")
	if services == nil && yamlField(root, "version") == nil {
		services = root // version 1 of the format
	}
	for _, service := range yamlPairs(services) {
		image := yamlField(service, "image")
		// With a build, the image is the name of what is built.
		if text := yamlText(image); text != "" && yamlField(service, "build") == nil {
			inv.addImage(expand(text, nil), image.Line, gatehouse.ScopeRuntime)
		}
	}
	return inv, nil
}

// parseGitLab reads a pipeline of GitLab; see https://docs.gitlab.com/ci/yaml.
func parseGitLab(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := yamlTree(f.Data)
	if err != nil {
		return inv, err
	}
	variables := map[string]string{}
	for k, v := range yamlPairs(yamlField(root, "variables")) {
		text := yamlText(v)
		if isYAMLMap(v) {
			text = yamlText(yamlField(v, "value"))
		}
		if !strings.Contains(text, "$") {
			variables[k.Value] = text
		}
	}
	images := func(job *yaml.Node) {
		image := yamlField(job, "image")
		if isYAMLMap(image) {
			image = yamlField(image, "name")
		}
		if text := yamlText(image); text != "" {
			inv.addImage(expand(text, variables), image.Line, gatehouse.ScopeBuild)
		}
		for service := range yamlItems(yamlField(job, "services")) {
			if isYAMLMap(service) {
				service = yamlField(service, "name")
			}
			if text := yamlText(service); text != "" {
				inv.addImage(expand(text, variables), service.Line, gatehouse.ScopeBuild)
			}
		}
	}
	images(root)
	for k, job := range yamlPairs(root) {
		if k.Value != "image" && k.Value != "variables" {
			images(job)
		}
	}
	include := yamlField(root, "include")
	if include != nil && include.Kind != yaml.SequenceNode {
		include = &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{include}}
	}
	for n := range yamlItems(include) {
		inv.addInclude(n)
	}
	return inv, nil
}

// addInclude adds a part of a pipeline that is kept elsewhere.
func (inv *Inventory) addInclude(n *yaml.Node) {
	field := func(key string) string { return yamlText(yamlField(n, key)) }
	p := Package{Eco: GitLab, Line: n.Line, Direct: true, Scope: gatehouse.ScopeBuild}
	switch text := yamlText(n); {
	case field("project") != "":
		p.Name, p.Version = field("project"), field("ref")
		p.Origin = repository("", p.Version)
	case field("component") != "":
		name, version, _ := strings.Cut(field("component"), "@")
		p.Name, p.Version = name, version
		p.Origin = repository("", version)
	case field("remote") != "", strings.HasPrefix(text, "https://"), strings.HasPrefix(text, "http://"):
		url := redactURL(field("remote") + text)
		_, p.Name, _ = strings.Cut(url, "://")
		p.Origin = &gatehouse.Origin{Kind: "url", URL: url}
		if d := sriDigests(field("integrity")); len(d) > 0 {
			p.Hashes, p.Origin.Pinned = d, true
		}
	default:
		return // local, or a template of GitLab itself
	}
	p.Requirement = p.Version
	inv.add(p)
}

// parsePreCommit reads .pre-commit-config.yaml; see https://pre-commit.com.
func parsePreCommit(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := yamlTree(f.Data)
	if err != nil {
		return inv, err
	}
	repos := yamlField(root, "repos")
	if repos == nil {
		repos = root // before version 1 it was a list
	}
	for repo := range yamlItems(repos) {
		at := yamlField(repo, "repo")
		url, rev := yamlText(at), yamlField(repo, "rev")
		if url == "" || url == "local" || url == "meta" {
			continue
		}
		p := repositoryPackage(url, yamlText(rev), PreCommit)
		p.Line, p.Scope, p.Dev = at.Line, gatehouse.ScopeDev, true
		if rev != nil {
			if m := pinComment().FindStringSubmatch(rev.LineComment); m != nil && p.Origin.Pinned {
				p.Version = m[1]
			}
		}
		inv.add(p)
	}
	return inv, nil
}

// repositoryPackage is a package that is a repository at a revision.
func repositoryPackage(url, revision string, other *Ecosystem) Package {
	url = strings.TrimSuffix(redactURL(url), ".git")
	p := Package{Eco: other, Version: revision, Requirement: revision, Direct: true, Origin: repository(url, revision)}
	name := url
	if _, rest, ok := strings.Cut(url, "://"); ok {
		name = rest
	}
	name = strings.Replace(strings.TrimPrefix(name, "git@"), "github.com:", "github.com/", 1)
	if own, ok := strings.CutPrefix(name, "github.com/"); ok && strings.Count(own, "/") >= 1 {
		p.Eco, name = GitHub, own
	}
	p.Name = strings.Trim(name, "/")
	return p
}
