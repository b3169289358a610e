package image_test

import (
	"context"
	"io/fs"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/image"
	"github.com/gatehouse-sec/gatehouse/scanners/scannertest"
)

func fresh() *gatehouse.Scanner {
	return image.New(image.Options{Config: "image/config.json", Manifest: "image/manifest.json"})
}

const (
	labels = `"org.opencontainers.image.source":"https://x.example/a","org.opencontainers.image.revision":"1"`
	good   = `{"os":"linux","config":{"User":"1000:0","Healthcheck":{"Test":["CMD","true"]},"Labels":{` + labels + `},"ExposedPorts":{"8080/tcp":{}},"Env":["GIT_SSL_NO_VERIFY=0","A"]},
		"history":[{"created_by":"ADD --checksum=sha256:0 https://x.example/a /a # buildkit"},{"created_by":"RUN curl https://x.example"},{"created_by":"/bin/sh -c #(nop) ADD file:1 in / "}]}`
	bad = `{"os":"linux","config":{"ExposedPorts":{"22/tcp":{}},"Env":["NODE_TLS_REJECT_UNAUTHORIZED=0"]},"history":[{"created_by":"ADD https://me:word@x.example/a?key=word /a # buildkit"}]}`
)

func TestContract(t *testing.T) {
	scannertest.Accept(t, fresh,
		scannertest.Fixture{Name: "bad", Files: map[string]string{"image/config.json": bad},
			Finds: []string{"IMG-0001", "IMG-0002", "IMG-0003", "IMG-0005", "IMG-0006", "IMG-0007"}, Secrets: []string{"word"}},
		scannertest.Fixture{Name: "good", Files: map[string]string{"image/config.json": good}},
		scannertest.Fixture{Name: "annotations", Files: map[string]string{
			"image/config.json":   strings.Replace(good, labels, "", 1),
			"image/manifest.json": `{"annotations":{` + labels + `}}`}},
		scannertest.Fixture{Name: "no labels", Finds: []string{"IMG-0007"}, Files: map[string]string{
			"image/config.json": strings.Replace(good, labels, "", 1), "image/manifest.json": `{}`}},
		scannertest.Fixture{Name: "broken", Files: map[string]string{"image/config.json": "{"}, Fails: "image/config.json"},
	)
}

func TestUsers(t *testing.T) {
	for user, root := range map[string]bool{
		"": true, "root": true, "0": true, "0:0": true, "root:app": true, "000": true, " ": true,
		"app": false, "1000": false, "1000:0": false, "10": false, "toor": false,
	} {
		r := scannertest.Scan(t, fresh(), map[string]string{"image/config.json": strings.Replace(good, "1000:0", user, 1)})
		if got := len(r.Findings) == 1 && r.Findings[0].Rule == "IMG-0001"; got != root {
			t.Errorf("user %q: %+v", user, r.Findings)
		}
	}
	windows := strings.Replace(strings.Replace(good, "1000:0", "", 1), "linux", "windows", 1)
	if r := scannertest.Scan(t, fresh(), map[string]string{"image/config.json": windows}); len(r.Findings) != 0 {
		t.Errorf("windows: %+v", r.Findings)
	}
}

func TestSetuid(t *testing.T) {
	s := fresh()
	for mode, want := range map[fs.FileMode]bool{
		0o755 | fs.ModeSetuid: true, 0o755 | fs.ModeSetgid: true,
		0o755: false, 0o644 | fs.ModeSetuid: false, // nobody can run it
	} {
		info := gatehouse.FileInfo{Path: "usr/bin/su", Mode: mode}
		if got := s.Want(info).Scan; got != want {
			t.Errorf("%v: wanted: %v", mode, got)
		}
		if want {
			if err := s.ScanFile(context.Background(), &gatehouse.File{FileInfo: info}, &gatehouse.Pass{}); err != nil {
				t.Error(err)
			}
		}
	}
}
