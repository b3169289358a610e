package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/gatehouse-sec/gatehouse/internal/compliance"
	"github.com/gatehouse-sec/gatehouse/internal/config"
)

// complianceSpecs finds specs by the id of one that is built in, or reads them
// from files.
func complianceSpecs(names []string) ([]*compliance.Spec, error) {
	var specs []*compliance.Spec
	for _, name := range names {
		if spec, ok := compliance.Builtin(name); ok {
			specs = append(specs, spec)
			continue
		}
		data, err := config.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("--compliance %q: there is no such file, and built in are %s", name, strings.Join(compliance.Names(), ", "))
		}
		if err != nil {
			return nil, fmt.Errorf("--compliance: %w", err)
		}
		spec, err := compliance.Parse(name, data)
		if err != nil {
			return nil, err
		}
		specs = append(specs, spec)
	}
	return specs, nil
}
