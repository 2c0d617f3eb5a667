package elements_test

import (
	"testing"

	"hotseat/sidecar/elements"
)

func TestEveryElementSaysWhereItComesFromOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range elements.All() {
		if e.Name == "" || len(e.Plugins) == 0 || e.Package == "" {
			t.Errorf("incomplete: %+v", e)
		}
		if seen[e.Name] {
			t.Errorf("%s is there twice", e.Name)
		}
		seen[e.Name] = true
		if elements.Package(e.Name) != e.Package {
			t.Errorf("Package(%q) = %q", e.Name, elements.Package(e.Name))
		}
	}
	if got := elements.Package("nonesuch"); got != "" {
		t.Errorf("Package of an unknown element is %q", got)
	}
}
