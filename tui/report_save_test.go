package tui

import (
	"errors"
	"os"
	"testing"
)

func TestAConsoleOnTheServerWritesNoFilesThere(t *testing.T) {
	t.Chdir(t.TempDir())
	m := newModel(t.Context(), newQuiet(), Options{NoFiles: true}.withDefaults())
	if saved, ok := m.saveReport("s-1", "md")().(savedMsg); !ok || !errors.Is(saved.err, errNoFiles) {
		t.Errorf("saving says %+v", saved)
	}
	if files, err := os.ReadDir("."); err != nil || len(files) != 0 {
		t.Errorf("files = %v, %v", files, err)
	}
}
