package config

import (
	"bytes"
	"github.com/gatehouse-sec/gatehouse/internal/filetype"
	"path"
	"strings"
)

// format is a syntax.
type format struct {
	name  string
	parse func(data []byte) ([]document, error)
}

var (
	yamlFormat       = &format{"yaml", parseYAML}
	jsonFormat       = &format{"json", parseJSON}
	jsoncFormat      = &format{"jsonc", parseJSONC}
	tomlFormat       = &format{"toml", parseTOML}
	hclFormat        = &format{"hcl2", parseHCL}
	dockerFormat     = &format{"dockerfile", parseDockerfile}
	iniFormat        = &format{"ini", parseINI}
	propertiesFormat = &format{"properties", parseProperties}
	dotenvFormat     = &format{"dotenv", parseDotenv}
	xmlFormat        = &format{"xml", parseXML}
	ignoreFormat     = &format{"ignore", parseIgnore}
	ownersFormat     = &format{"codeowners", parseCodeowners}
	// jsonnetFormat is not parsed but run.
	jsonnetFormat = &format{name: "jsonnet"}
)

func formats() []*format {
	return []*format{ownersFormat, dockerFormat, dotenvFormat, hclFormat, ignoreFormat, iniFormat, jsonFormat, jsoncFormat, jsonnetFormat,
		propertiesFormat, tomlFormat, xmlFormat, yamlFormat}
}

// Parsers lists the names of the formats, sorted. They are those of conftest.
func Parsers() []string {
	var names []string
	for _, f := range formats() {
		names = append(names, f.name)
	}
	return names
}

func formatNamed(name string) *format {
	for _, f := range formats() {
		if f.name == name {
			return f
		}
	}
	return nil
}

var byExtension = map[string]*format{
	".yaml": yamlFormat, ".yml": yamlFormat,
	".json": jsonFormat, ".webmanifest": jsonFormat,
	".jsonc":      jsoncFormat,
	".toml":       tomlFormat,
	".tf":         hclFormat,
	".tfvars":     hclFormat,
	".hcl":        hclFormat,
	".ini":        iniFormat,
	".properties": propertiesFormat,
	".env":        dotenvFormat,
	".xml":        xmlFormat,
	".jsonnet":    jsonnetFormat,
	".dockerfile": dockerFormat, ".containerfile": dockerFormat,
}

// formatOf returns the format that the name of a file tells; nil if it tells
// none.
func formatOf(name string) *format {
	base := strings.ToLower(path.Base(name))
	switch {
	case filetype.IsDockerfile(base):
		return dockerFormat
	case strings.HasPrefix(base, ".env") && templateExtension(base) == "" && (base == ".env" || base[4] == '.'):
		return dotenvFormat
	case base == "codeowners":
		return ownersFormat
	case strings.HasSuffix(base, ".gitignore"), strings.HasSuffix(base, ".dockerignore"), strings.HasSuffix(base, ".containerignore"):
		return ignoreFormat
	case commentedJSON(base, path.Base(path.Dir(name))):
		return jsoncFormat
	}
	return byExtension[path.Ext(base)]
}

// commentedJSON names files called .json whose readers accept comments.
func commentedJSON(base, dir string) bool {
	if path.Ext(base) != ".json" {
		return false
	}
	switch {
	case dir == ".vscode", strings.HasPrefix(base, "tsconfig"), strings.HasPrefix(base, "jsconfig"):
		return true
	}
	return base == "devcontainer.json" || base == ".devcontainer.json" || base == ".eslintrc.json" || base == "api-extractor.json"
}

// templateExtension returns the extension by which a template is known, or "".
func templateExtension(base string) string {
	switch ext := path.Ext(base); ext {
	case ".tpl", ".tmpl", ".gotmpl", ".j2", ".jinja", ".jinja2", ".erb", ".mustache", ".hbs", ".tftpl", ".ytt":
		return ext
	}
	return ""
}

// templateOf says why a file is a template of a configuration file by its
// name; "" if it is not.
func templateOf(name string) string {
	base := strings.ToLower(path.Base(name))
	ext := templateExtension(base)
	if ext == "" {
		return ""
	}
	inner := formatOf(strings.TrimSuffix(base, ext))
	if inner == nil {
		return ""
	}
	return "template of a " + inner.name + " file"
}

// templateContent recognises Go templates of Helm by place and content; "" if
// it is none.
func templateContent(name string, data []byte) string {
	inTemplates := strings.HasPrefix(name, "templates/") || strings.Contains(name, "/templates/")
	if inTemplates && bytes.Contains(data, []byte("{{")) {
		return "template of a Helm chart"
	}
	return ""
}
