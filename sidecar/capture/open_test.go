package capture_test

import (
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"hotseat/sidecar/capture"
	"hotseat/sidecar/testscreen"
)

func TestGPUEncoderFallsBackToX264AndSaysSo(t *testing.T) {
	t.Parallel()
	display := testscreen.Start(t, 320, 240)
	l := newLogs()
	p := open(t, capture.Config{Display: display, Width: 320, Height: 240, Encoder: capture.EncoderGPU, Log: slog.New(l)})
	next(t, p, p.Video(), "access unit")
	switch st := p.Stats(); {
	case st.Encoder == capture.NameNVENC && !st.Fallback: // a machine with a GPU
	case st.Encoder == capture.NameX264 && st.Fallback:
		if got := next(t, p, l.ch, "warning"); !strings.Contains(got, "falling back to x264") {
			t.Errorf("warning %q", got)
		}
	default:
		t.Errorf("encoder %q, fallback %v", st.Encoder, st.Fallback)
	}
}

func TestMissingDisplayIsNamed(t *testing.T) {
	_, err := capture.Open(capture.Config{Display: ":4711"})
	if err == nil || !strings.Contains(err.Error(), `cannot open X display ":4711"`) || !strings.Contains(err.Error(), "DISPLAY") {
		t.Errorf("error %v, want it to name the display", err)
	}
	t.Setenv("DISPLAY", "")
	if _, err := capture.Open(capture.Config{}); err == nil || !strings.Contains(err.Error(), "set DISPLAY") {
		t.Errorf("error %v, want it to ask for DISPLAY", err)
	}
}

// TestMissingPluginNamesItsDebianPackage runs this test again in a process that sees none of
// GStreamer's plug-ins: the registry is read once per process.
func TestMissingPluginNamesItsDebianPackage(t *testing.T) {
	const inside = "HOTSEAT_TEST_WITHOUT_PLUGINS"
	if display := os.Getenv(inside); display != "" {
		_, err := capture.Open(capture.Config{Display: display})
		var missing *capture.MissingElementError
		if !errors.As(err, &missing) || !strings.Contains(err.Error(), "apt-get install gstreamer1.0-plugins-base") {
			t.Errorf("error %v, want the Debian package of appsrc", err)
		}
		return
	}
	display := testscreen.Start(t, 320, 240)
	cmd := exec.Command(os.Args[0], "-test.run=^TestMissingPluginNamesItsDebianPackage$")
	empty := t.TempDir()
	cmd.Env = append(os.Environ(), inside+"="+display,
		"GST_PLUGIN_SYSTEM_PATH_1_0="+empty, "GST_PLUGIN_PATH_1_0="+empty, "GST_REGISTRY_1_0="+empty+"/registry")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestWrongSettingsAreRefusedBeforeAnythingStarts(t *testing.T) {
	for want, cfg := range map[string]capture.Config{
		"width is 12":           {Width: 12},
		"even":                  {Width: 641},
		"frame rate is 500":     {Framerate: 500},
		"video bitrate":         {BitrateKbps: 1},
		`encoder "quantum"`:     {Encoder: "quantum"},
		`x264 preset "placebo"`: {Preset: "placebo"},
		"key frame interval":    {KeyFrameInterval: time.Hour},
		"thumbnail interval":    {ThumbnailInterval: time.Millisecond},
		"display":               {Display: ":0 ! filesink location=/tmp/x"},
	} {
		if _, err := capture.Open(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q in it", cfg, err, want)
		}
	}
}
