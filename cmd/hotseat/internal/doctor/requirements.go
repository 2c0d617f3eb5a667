// Package doctor knows what a machine must have to run a playtest by itself, finds what is
// missing, and names the Debian or Ubuntu package that brings it.
//
// It is the one list of requirements: set-up installs from it, the demo checks it before it
// starts anything, and `hotseat doctor` shows it.
package doctor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"hotseat/sidecar/elements"
)

// Purpose says when a requirement matters.
type Purpose int

// The purposes, as bits.
const (
	Run   Purpose = 1 << iota // to run a playtest on this machine
	Build                     // to build the sidecar and the instance
	Test                      // to run all tests
)

// Requirement is one thing that must be there.
type Requirement struct {
	Name     string // what a person calls it
	Package  string // Debian's and Ubuntu's name
	For      Purpose
	Optional bool // without it something is lost, but a playtest runs
	Without  string
	check    func(context.Context) error
}

// Requirements is the list, in the order in which it is shown.
func Requirements() []Requirement {
	return []Requirement{
		{Name: "virtual display (Xvfb)", Package: "xvfb", For: Run | Test, Without: "a game has no screen to draw on", check: program("Xvfb")},
		{Name: "keyboard maps (xkbcomp)", Package: "x11-xkb-utils", For: Run | Test, Without: "the virtual display has no keyboard", check: program("xkbcomp")},
		{Name: "GStreamer", Package: "libgstreamer1.0-0", For: Run | Test, Without: "nothing can be captured", check: library("libgstreamer-1.0.so.0")},
		{Name: "GStreamer base plug-ins (videoconvert, opusenc)", Package: "gstreamer1.0-plugins-base", For: Run | Test, Without: "pictures and sound cannot be converted", check: plugins("gstreamer1.0-plugins-base")},
		{Name: "GStreamer sound capture and FLV (pulsesrc, jpegenc, flvmux, aacparse)", Package: "gstreamer1.0-plugins-good", For: Run | Test, Without: "there is no sound, no thumbnail and no RTMP", check: plugins("gstreamer1.0-plugins-good")},
		{Name: "GStreamer x264 encoder (x264enc)", Package: "gstreamer1.0-plugins-ugly", For: Run | Test, Without: "the picture cannot be encoded without a GPU", check: plugins("gstreamer1.0-plugins-ugly")},
		{Name: "GStreamer RTMP, AAC, NVENC, VA-API and OpenH264 (rtmp2sink, voaacenc, h264parse, nvh264enc, openh264dec)", Package: "gstreamer1.0-plugins-bad", For: Run | Test, Without: "no RTMP, no encoders of graphics cards, and no decoder for the check", check: plugins("gstreamer1.0-plugins-bad")},
		{Name: "TLS for GStreamer (rtmps)", Package: "glib-networking", For: Run | Test, Optional: true, Without: "the sidecar cannot broadcast by RTMPS", check: library("gio/modules/libgiognutls.so")},
		{Name: "sound server (PulseAudio)", Package: "pulseaudio", For: Run | Test, Optional: true, Without: "the game is silent for everybody", check: program("pulseaudio")},
		{Name: "C compiler", Package: "gcc", For: Build | Test, Without: "the sidecar cannot be built", check: program("gcc")},
		{Name: "C library headers", Package: "libc6-dev", For: Build | Test, Without: "the sidecar cannot be built", check: file("/usr/include/stdio.h", "/usr/include/*/stdio.h")},
		{Name: "pkg-config", Package: "pkg-config", For: Build | Test, Without: "the sidecar cannot be built", check: program("pkg-config")},
		{Name: "GStreamer headers", Package: "libgstreamer1.0-dev", For: Build | Test, Without: "the sidecar cannot be built", check: pkgConfig("gstreamer-1.0")},
		{Name: "GStreamer app headers", Package: "libgstreamer-plugins-base1.0-dev", For: Build | Test, Without: "the sidecar cannot be built", check: pkgConfig("gstreamer-app-1.0")},
		{Name: "browser (Chromium)", Package: "chromium", For: Test, Without: "the browser tests cannot run", check: program("chromium")},
		{Name: "terminal multiplexer (tmux)", Package: "tmux", For: Test, Without: "the console tests cannot run", check: program("tmux")},
		{Name: "SSH client (ssh, ssh-keygen)", Package: "openssh-client", For: Test, Without: "the console over SSH cannot be tested", check: program("ssh")},
		{Name: "scheduling classes (chrt)", Package: "util-linux", For: Test, Without: "the browsers of the tests take the processor from the game", check: program("chrt")},
		{Name: "someone else's game (chocolate-doom)", Package: "chocolate-doom", For: Test, Without: "the test with a real game cannot run", check: program("chocolate-doom", "/usr/games/chocolate-doom")},
		{Name: "its levels (Freedoom)", Package: "freedoom", For: Test, Without: "the test with a real game cannot run", check: file("/usr/share/games/doom/freedoom1.wad")},
		{Name: "a player of tones (gst-launch-1.0)", Package: "gstreamer1.0-tools", For: Test, Optional: true, Without: "the sound of a game is not tried", check: program("gst-launch-1.0")},
		{Name: "control of sound servers (pactl)", Package: "pulseaudio-utils", For: Test, Optional: true, Without: "the sound of a game is not tried", check: program("pactl")},
		{Name: "GStreamer's WebRTC (webrtcbin's ICE)", Package: "gstreamer1.0-nice", For: Test, Optional: true, Without: "the stage is not tried with GStreamer", check: file("/usr/lib/*/gstreamer-1.0/libgstnice.so")},
		{Name: "its description for scripts", Package: "gir1.2-gst-plugins-bad-1.0", For: Test, Optional: true, Without: "the stage is not tried with GStreamer", check: file("/usr/lib/*/girepository-1.0/GstWebRTC-1.0.typelib")},
		{Name: "GObject for Python (gi)", Package: "python3-gi", For: Test, Optional: true, Without: "the stage is not tried with GStreamer", check: file("/usr/lib/python3/dist-packages/gi/__init__.py")},
		{Name: "C# compiler and Mono (mcs, mono)", Package: "mono-mcs", For: Test, Optional: true, Without: "the C# example is not run", check: program("mcs")},
		{Name: "Godot 3 without a screen (godot3-server)", Package: "godot3-server", For: Test, Optional: true, Without: "the GDScript example is looked at and not run", check: program("godot3-server")},
	}
}

// Finding is a requirement and whether it is met.
type Finding struct {
	Requirement
	Err error // nil: it is there
}

// Examine checks every requirement that serves one of the purposes.
func Examine(ctx context.Context, purposes Purpose) []Finding {
	var findings []Finding
	for _, r := range Requirements() {
		if r.For&purposes != 0 {
			findings = append(findings, Finding{r, r.check(ctx)})
		}
	}
	return findings
}

// Missing returns the packages of what is not there. Optional ones only if asked for.
func Missing(findings []Finding, optional bool) []string {
	var packages []string
	for _, f := range findings {
		if f.Err != nil && (optional || !f.Optional) {
			packages = append(packages, f.Package)
		}
	}
	return packages
}

func program(names ...string) func(context.Context) error {
	return func(context.Context) error {
		for _, name := range names {
			if _, err := exec.LookPath(name); err == nil {
				return nil
			}
		}
		return fmt.Errorf("%s is not on the PATH", filepath.Base(names[0]))
	}
}

// file is met when one of the patterns matches.
func file(patterns ...string) func(context.Context) error {
	return func(context.Context) error {
		for _, pattern := range patterns {
			if found, _ := filepath.Glob(pattern); len(found) > 0 {
				return nil
			}
		}
		return fmt.Errorf("%s does not exist", patterns[0])
	}
}

// libraryFolders is where Debian and Ubuntu keep shared libraries, per architecture.
var libraryFolders = []string{"/usr/lib/*-linux-gnu*", "/usr/lib64", "/usr/lib", "/lib/*-linux-gnu*"}

func library(name string) func(context.Context) error {
	return func(context.Context) error {
		for _, folder := range libraryFolders {
			if found, _ := filepath.Glob(filepath.Join(folder, name)); len(found) > 0 {
				return nil
			}
		}
		return fmt.Errorf("%s is not installed", name)
	}
}

// plugins is met when every plug-in that the sidecar uses of a package is where GStreamer looks.
// Loading them is left to the sidecar: this check needs no cgo and takes no time.
func plugins(ofPackage string) func(context.Context) error {
	return func(context.Context) error {
		for _, e := range elements.All() {
			if e.Package != ofPackage || e.Need == elements.GPU { // which processors have those differs
				continue
			}
			if !slices.ContainsFunc(e.Plugins, func(name string) bool { return pluginFile(name+".so") == nil }) {
				return fmt.Errorf("%s.so, which has %s, is not installed", e.Plugins[0], e.Name)
			}
		}
		return nil
	}
}

func pluginFile(name string) error {
	folders := filepath.SplitList(os.Getenv("GST_PLUGIN_PATH"))
	if own := os.Getenv("GST_PLUGIN_SYSTEM_PATH"); own != "" {
		folders = append(folders, filepath.SplitList(own)...)
	} else {
		for _, folder := range libraryFolders {
			folders = append(folders, filepath.Join(folder, "gstreamer-1.0"))
		}
	}
	for _, folder := range folders {
		if found, _ := filepath.Glob(filepath.Join(folder, name)); len(found) > 0 {
			return nil
		}
	}
	return fmt.Errorf("%s is not installed", name)
}

func pkgConfig(module string) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if err := exec.CommandContext(ctx, "pkg-config", "--exists", module).Run(); err != nil {
			return fmt.Errorf("pkg-config does not know %s", module)
		}
		return nil
	}
}
