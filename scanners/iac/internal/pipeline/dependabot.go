package pipeline

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

func isDependabot(root *yaml.Node) bool {
	updates := document.Get(root, "updates")
	if updates == nil || document.Get(root, "version") == nil {
		return false
	}
	for _, u := range items(updates) {
		if document.String(u, "package-ecosystem") != "" {
			return true
		}
	}
	return false
}

func readDependabot(root *yaml.Node) *Pipeline {
	p := newPipeline(Dependa, KindUpdates, root)
	for _, n := range items(get(root, "updates")) {
		name, ok := find(n, "package-ecosystem")
		if !ok {
			p.gap(n, "an update has no package-ecosystem, so it was not judged")
			continue
		}
		u := Update{Ecosystem: text(name.value), Line: name.line, Days: -1}
		if e, ok := find(n, "insecure-external-code-execution"); ok && text(e.value) == "allow" {
			u.Execution = e.line
		}
		if e, ok := find(n, "cooldown"); ok {
			u.Cooldown = e.line
			if d, ok := find(e.value, "default-days"); ok {
				if days, err := strconv.Atoi(text(d.value)); err == nil {
					u.Days, u.Cooldown = days, d.line
				} else {
					p.gap(d.value, "default-days is no number")
				}
			}
		}
		p.Updates = append(p.Updates, u)
	}
	for _, e := range entries(get(root, "registries")) {
		if url, ok := find(e.value, "url"); ok && strings.HasPrefix(strings.ToLower(text(url.value)), "http://") {
			p.Updates = append(p.Updates, Update{Ecosystem: e.key, Line: e.line, Insecure: url.line, Cooldown: e.line, Days: 99})
		}
	}
	return p
}
