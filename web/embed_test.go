package web

import (
	"io/fs"
	"strings"
	"testing"
)

func TestThereIsAlwaysAPageToServe(t *testing.T) {
	page, built := FS()
	index, err := fs.ReadFile(page, "index.html")
	if err != nil {
		t.Fatal(err)
	}
	if said := !strings.Contains(string(index), "was not built"); said != built {
		t.Fatalf("FS reports built=%v, index.html says %v", built, said)
	}
}
