// Command specgen writes the compliance specs of the trivy-checks module into a
// directory, with what is needed to run them. The module itself parses all of
// them when a program starts.
package main

import (
	"encoding/json"
	"log"
	"os"
	"path/filepath"

	specs "github.com/aquasecurity/trivy-checks/pkg/compliance"

	"github.com/gatehouse-sec/gatehouse/internal/compliance"
)

func main() {
	for _, name := range compliance.Names() {
		spec, err := compliance.Parse(name, []byte(specs.GetSpec(name)))
		if err != nil {
			log.Fatal(err)
		}
		data, err := json.MarshalIndent(map[string]any{"spec": spec}, "", " ")
		if err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(os.Args[1], name+".json"), append(data, '\n'), 0o644); err != nil { //nolint:gosec // a source file
			log.Fatal(err)
		}
	}
}
