package doctor

import (
	"strings"
	"testing"

	"hotseat/sidecar/elements"
)

func TestEveryRequirementNamesItsPackageAndWhatIsLostWithoutIt(t *testing.T) {
	for _, r := range Requirements() {
		if r.Name == "" || r.Package == "" || r.Without == "" || r.For == 0 || r.check == nil {
			t.Errorf("incomplete requirement: %+v", r)
		}
	}
}

func TestEveryElementOfTheSidecarIsRequired(t *testing.T) {
	asked := map[string]bool{"libgstreamer1.0-0": true}
	for _, r := range Requirements() {
		if r.For&Run != 0 {
			asked[r.Package] = true
		}
	}
	for _, name := range elements.Packages() {
		if !asked[name] {
			t.Errorf("the sidecar needs %s, and nobody is told", name)
		}
	}
}

func TestAMissingPluginIsFoundAndItsPackageNamed(t *testing.T) {
	t.Setenv("GST_PLUGIN_SYSTEM_PATH", t.TempDir()) // a machine without any plug-in
	missing := Missing(Examine(t.Context(), Run), false)
	if !strings.Contains(strings.Join(missing, " "), "gstreamer1.0-plugins-ugly") {
		t.Fatalf("missing = %v, want the x264 encoder's package among them", missing)
	}
	if command := InstallCommand(missing); !strings.Contains(command, "apt-get install") {
		t.Fatalf("command = %q", command)
	}
}

func TestAMissingProgramIsFound(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, f := range Examine(t.Context(), Run) {
		if f.Package == "xvfb" && f.Err == nil {
			t.Fatal("Xvfb is said to be there, with an empty PATH")
		}
	}
}
