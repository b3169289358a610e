package pipeline

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

// IsJenkinsfile reports whether a path is that of a pipeline of Jenkins.
func IsJenkinsfile(name string) bool {
	base := strings.ToLower(path.Base(name))
	return base == "jenkinsfile" || strings.HasPrefix(base, "jenkinsfile.") || strings.HasPrefix(base, "jenkinsfile-") || strings.HasSuffix(base, ".jenkinsfile")
}

// groovyText is a string of a Jenkinsfile.
type groovyText struct {
	value      string
	line       int  // of its first character
	gstring    bool // in double quotes, so values are pasted into it
	start, end int  // with the quotes
}

// ReadJenkins reads a Jenkinsfile, declarative or scripted: commands, images
// and libraries that are written as strings. What is computed is a gap.
func ReadJenkins(data []byte) (*Pipeline, error) {
	text, all, err := groovyTexts(string(data))
	if err != nil {
		return nil, err
	}
	p := &Pipeline{
		System: Jenkins, Kind: KindPipeline, Line: 1,
		Triggers: []Trigger{}, Env: []Var{}, Jobs: []Job{}, Uses: []Use{}, Images: []Image{},
		Expressions: []Expression{}, Conditions: []Condition{}, Updates: []Update{}, Oddities: []Oddity{}, Privileged: []Oddity{},
	}
	j := newJob("pipeline", 1)
	at := 0
	for _, s := range all {
		before := strings.TrimRight(text[at:s.start], " \t\r\n")
		at = s.end
		switch {
		case stageCall().MatchString(before):
			p.add(j)
			j = newJob(s.value, s.line)
		case shellCall().MatchString(before):
			step := newStep(s.line)
			step.RunLine = s.line
			step.Lines = linesOf(s.value, s.line)
			step.Injections = jenkinsInjections(s)
			j.Steps = append(j.Steps, step)
		case imageCall().MatchString(before):
			p.Images = append(p.Images, newImage(s.value, s.line, "job"))
		case libraryCall().MatchString(before):
			name, ref, _ := strings.Cut(s.value, "@")
			u := Use{Sort: "library", Text: s.value, Name: name, Ref: ref, Line: s.line, Pin: pinOf(ref)}
			if ref == "" {
				u.Pin = "unknown" // the version that Jenkins is configured with
			}
			p.Uses = append(p.Uses, u)
		}
	}
	p.add(j)
	for _, m := range computedCall().FindAllStringIndex(text, -1) {
		p.Gaps = append(p.Gaps, Gap{Line: 1 + strings.Count(text[:m[1]], "\n"), Reason: "a command is computed, so it was not judged"})
	}
	p.bound()
	return p, nil
}

var (
	stageCall    = lazyregexp.New(`\bstage\s*\(?\s*(?:name:)?$`)
	shellCall    = lazyregexp.New(`(?:^|[^.\w])(?:sh|bat|powershell|pwsh)\s*\(?\s*(?:(?:\w+\s*:\s*\w+\s*,\s*)*,?\s*script\s*:)?$|[(,]\s*script\s*:$`)
	imageCall    = lazyregexp.New(`(?:^|\s)image$|docker\.image\s*\($|agent\s*\{\s*docker$`)
	libraryCall  = lazyregexp.New(`@Library\s*\(\s*(?:value\s*=)?\s*\[?$|(?:^|\s)library\s*\(?\s*(?:identifier\s*:)?$`)
	computedCall = lazyregexp.New(`(?m)^\s*(?:sh|bat|powershell|pwsh)\s*(?:\(\s*)?(?:script\s*:\s*)?[A-Za-z_][\w.]*\s*\)?\s*$`)
	gstringValue = lazyregexp.New(`\$\{?\s*((?:params|env)\.\w+|[A-Z][A-Z0-9_]+|ghprb\w+|gitlab\w+)`)
)

// jenkinsOutsiders are variables whose text people without rights can choose,
// of branch sources and of the plug-ins for pull requests.
var jenkinsOutsiders = lazyregexp.New(`^(?:env\.)?(?:CHANGE_(?:TITLE|BRANCH|AUTHOR|AUTHOR_DISPLAY_NAME|FORK)|BRANCH_NAME|GIT_BRANCH|GIT_LOCAL_BRANCH|TAG_NAME|ghprb(?:PullTitle|PullDescription|PullLongDescription|SourceBranch|CommentBody)|gitlab(?:MergeRequestTitle|MergeRequestDescription|SourceBranch|TriggerPhrase))$`)

func jenkinsInjections(s groovyText) []Injection {
	all := []Injection{}
	add := func(at int, name, taint string) {
		all = append(all, Injection{Line: s.line + strings.Count(s.value[:at], "\n"), Name: name, Taint: taint, Where: "script"})
	}
	if s.gstring {
		for _, m := range gstringValue().FindAllStringSubmatchIndex(s.value, -1) {
			if m[0] > 0 && s.value[m[0]-1] == '\\' {
				continue // left to the shell
			}
			name := s.value[m[2]:m[3]]
			switch {
			case jenkinsOutsiders().MatchString(name):
				add(m[0], name, taintOutsider)
			case strings.HasPrefix(name, "params."):
				add(m[0], name, taintInput)
			}
		}
		return all
	}
	for _, m := range evalOf().FindAllStringSubmatchIndex(s.value, -1) {
		if name := s.value[m[2]:m[3]]; jenkinsOutsiders().MatchString(name) {
			add(m[0], name, taintOutsider)
		}
	}
	return all
}

// groovyTexts finds the strings of a program, and the program with comments
// blanked out.
func groovyTexts(s string) (string, []groovyText, error) {
	code := []byte(s)
	blank := func(from, to int) {
		for i := from; i < to; i++ {
			if code[i] != '\n' {
				code[i] = ' '
			}
		}
	}
	var all []groovyText
	line := 1
	for i := 0; i < len(s); {
		switch {
		case s[i] == '\n':
			line++
			i++
		case strings.HasPrefix(s[i:], "//") || i == 0 && strings.HasPrefix(s, "#!"):
			end := strings.IndexByte(s[i:], '\n')
			if end < 0 {
				end = len(s) - i
			}
			blank(i, i+end)
			i += end
		case strings.HasPrefix(s[i:], "/*"):
			end := strings.Index(s[i+2:], "*/")
			if end < 0 {
				return "", nil, fmt.Errorf("parse the Jenkinsfile: the comment on line %d does not end", line)
			}
			blank(i, i+end+4)
			line += strings.Count(s[i:i+end+4], "\n")
			i += end + 4
		case s[i] == '\'' || s[i] == '"':
			t, end, err := groovyString(s, i, line)
			if err != nil {
				return "", nil, err
			}
			all = append(all, t)
			line += strings.Count(s[i:end], "\n")
			i = end
		default:
			i++
		}
	}
	return string(code), all, nil
}

func groovyString(s string, at, line int) (groovyText, int, error) {
	quote := s[at : at+1]
	if strings.HasPrefix(s[at:], strings.Repeat(quote, 3)) {
		quote = strings.Repeat(quote, 3)
	}
	start := at + len(quote)
	for i := start; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case strings.HasPrefix(s[i:], quote):
			end := i + len(quote)
			return groovyText{value: s[start:i], line: line, gstring: quote[0] == '"', start: at, end: end}, end, nil
		case s[i] == '\n' && len(quote) == 1:
			return groovyText{}, 0, fmt.Errorf("parse the Jenkinsfile: the string on line %d does not end", line)
		}
	}
	return groovyText{}, 0, errors.New("parse the Jenkinsfile: a string does not end")
}
