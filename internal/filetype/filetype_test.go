package filetype

import "testing"

func TestIsDockerfile(t *testing.T) {
	for name, want := range map[string]bool{
		"Dockerfile": true, "a/b/Dockerfile": true, "dockerfile": true, "Containerfile": true, "api.Dockerfile": true, "api.containerfile": true,
		"Dockerfile.dev": true, "Dockerfile-prod": true, "Dockerfile_x": true, "Dockerfile.1.2": true, "Dockerfile.ubuntu.arm64": true,
		"Dockerfile.md": false, "Dockerfile.rego": false, "Dockerfile.j2": false, "Dockerfile.dev.tmpl": false, ".dockerignore": false,
		"Dockerfile.dockerignore": false, "Dockerfiles": false, "dockerfile_parser.go": false, "mydockerfile": false, "": false,
	} {
		if got := IsDockerfile(name); got != want {
			t.Errorf("%q: got %v", name, got)
		}
	}
}
