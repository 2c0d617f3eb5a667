package tui

import (
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
)

// TestLook writes the canned screens with their colours to the folder in HOTSEAT_LOOK, as
// NAME-WIDTHxHEIGHT.ansi, for tui/internal/shot/ansi2svg and for eyes.
func TestLook(t *testing.T) {
	folder := os.Getenv("HOTSEAT_LOOK")
	if folder == "" {
		t.Skip("HOTSEAT_LOOK names no folder")
	}
	for _, s := range append(scenes(), moreScenes()...) {
		for _, size := range goldenSizes {
			name := fmt.Sprintf("%s-%dx%d.ansi", s.name, size[0], size[1])
			if err := os.WriteFile(filepath.Join(folder, name), []byte(strings.Join(resize(s.make(), size[0], size[1]), "\n")), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		light := s.make()
		light.Update(tea.BackgroundColorMsg{Color: color.White})
		if err := os.WriteFile(filepath.Join(folder, s.name+"-light.ansi"), []byte(strings.Join(resize(light, 160, 45), "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
		light.Update(tea.ColorProfileMsg{Profile: colorprofile.ANSI})
		if err := os.WriteFile(filepath.Join(folder, s.name+"-light-16.ansi"), []byte(inProfile(t, light, 120, 40, colorprofile.ANSI)), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, p := range profiles[1:] {
			if err := os.WriteFile(filepath.Join(folder, s.name+"-"+p.name+".ansi"), []byte(inProfile(t, s.make(), 120, 40, p.profile)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// goldenSizes are one of each layout.
var goldenSizes = [][2]int{{60, 20}, {80, 24}, {120, 40}, {200, 60}}
