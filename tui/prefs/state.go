package prefs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// statePath is the file with the form's last choice, beside the person's own.
func statePath(path string) string {
	return strings.TrimSuffix(path, filepath.Ext(path)) + ".state.toml"
}

// stateFile is the content of that file: the tables and names are those of the person's own.
type stateFile struct {
	Start struct {
		Application string   `toml:"application"`
		Location    string   `toml:"location"`
		Width       int      `toml:"width"`
		Height      int      `toml:"height"`
		Framerate   int      `toml:"framerate"`
		Bitrate     int      `toml:"bitrate"`
		Encoder     string   `toml:"encoder"`
		Length      Duration `toml:"length"`
	} `toml:"start"`
}

// SaveStart keeps the form's last choice in a file beside path, which is the person's own and stays as it
// is. The file is replaced in one step, so that a reader sees the old choice or the new one. Folders are
// made where they are missing.
func SaveStart(path string, form StartForm) error {
	var s stateFile
	s.Start.Application, s.Start.Location = form.Application, form.Location
	s.Start.Width, s.Start.Height, s.Start.Framerate = form.Width, form.Height, form.Framerate
	s.Start.Bitrate, s.Start.Encoder, s.Start.Length = form.BitrateKbps, form.Encoder, form.Length
	data, err := toml.Marshal(s)
	if err != nil {
		return fmt.Errorf("remember the form: %w", err)
	}
	data = append([]byte("# The last choice in the console's form. The console replaces this file.\n"), data...)
	target := statePath(path)
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return fmt.Errorf("remember the form: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(target), ".console-*") // 0600, as CreateTemp makes them
	if err != nil {
		return fmt.Errorf("remember the form: %w", err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync() // or a crash could leave the new name with nothing in it
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), target)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("remember the form: %w", err)
	}
	return nil
}

// loadStart reads the last choice. What is wrong with the file is nobody's business: the form then
// begins with what it can be.
func loadStart(path string) (StartForm, bool) {
	data, err := readBounded(path)
	if err != nil {
		return StartForm{}, false
	}
	p := Default()
	decode(data, &p, nil)
	return p.Start, true
}
