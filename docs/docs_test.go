package docs

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are the ones for people.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"../README.md", "*.md", "examples/*/README.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			texts[path] = string(content)
		}
	}
	if len(texts) < 4 {
		t.Fatalf("only %d documents found", len(texts))
	}
	return texts
}

var (
	link    = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	coded   = regexp.MustCompile("`((?:cmd|tui|backend|sidecar|web|docs)/[A-Za-z0-9_./-]+)`")
	taskRun = regexp.MustCompile(`(?m)(?:^\s*|` + "`" + `)(?:go run \S*/cmd/task@\S+|task) ([a-z][a-z:]*)`)
	// commandName is cobra's field, or that of a table of commands.
	commandName = regexp.MustCompile(`(?:Use|name): +"([a-z]+)`)
	hotseat     = regexp.MustCompile("(?:`|^ *)hotseat ([a-z]+)")
)

func TestWhatTheDocumentsNameExists(t *testing.T) {
	taskfile, err := os.ReadFile("../Taskfile.yml")
	if err != nil {
		t.Fatal(err)
	}
	commands := commandNames(t)
	for document, text := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), m[1])); err != nil {
				t.Errorf("%s links to %s, which does not exist", document, m[1])
			}
		}
		for _, m := range coded.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
				t.Errorf("%s names %s, which does not exist", document, m[1])
			}
		}
		for _, m := range taskRun.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(string(taskfile), "\n  "+m[1]+":\n") {
				t.Errorf("%s names the task %q, which does not exist", document, m[1])
			}
		}
		for _, m := range hotseat.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(commands, m[1]) {
				t.Errorf("%s names the command hotseat %s, which does not exist", document, m[1])
			}
		}
	}
}

// commandNames are the words after hotseat, as the program's source gives them to cobra.
func commandNames(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("../cmd/hotseat/*.go")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"completion", "help"} // cobra's own
	for _, path := range paths {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range commandName.FindAllStringSubmatch(string(source), -1) {
			names = append(names, m[1])
		}
	}
	return names
}

func TestEveryDirectDependencyIsArguedFor(t *testing.T) {
	text := documents(t)["architecture.md"]
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mod)) {
		fields := strings.Fields(line)
		if len(fields) != 2 || !strings.HasPrefix(fields[1], "v") {
			continue // not a direct requirement
		}
		// A family may share a line: the module itself is named there, or what it is below of, or its
		// last element.
		path := regexp.MustCompile(`/v\d+$`).ReplaceAllString(fields[0], "")
		named := regexp.MustCompile(`\b` + regexp.QuoteMeta(path[strings.LastIndex(path, "/")+1:]) + `\b`).MatchString(text)
		for ; !named && strings.Count(path, "/") >= 2; path = filepath.Dir(path) {
			named = strings.Contains(text, path)
		}
		if !named {
			t.Errorf("architecture.md does not say why %s is here", fields[0])
		}
	}
}

// pkg is what go list tells about a package.
type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
	CgoFiles   []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,Deps,CgoFiles", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		var p pkg
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestArrowsPointDown(t *testing.T) {
	// from may import nothing below the folders it must not know.
	forbidden := map[string][]string{
		"hotseat/backend/playtest": {"hotseat/"},
		"hotseat/backend/store":    {"hotseat/backend/gate", "hotseat/backend/api", "hotseat/backend/local", "hotseat/backend/steward"},
		"hotseat/backend/gate":     {"hotseat/backend/api", "hotseat/backend/local", "hotseat/backend/steward", "hotseat/tui"},
		"hotseat/backend/events":   {"hotseat/backend/"},
		"hotseat/backend/steward":  {"hotseat/backend/local", "hotseat/backend/api", "hotseat/tui"},
		"hotseat/backend/api":      {"hotseat/backend/local", "hotseat/tui"},
		"hotseat/backend/local":    {"hotseat/backend/api", "hotseat/backend/steward", "hotseat/tui", "hotseat/cmd"},
		"hotseat/tui":              {"hotseat/backend/api", "hotseat/backend/local", "hotseat/backend/gate", "hotseat/backend/steward", "hotseat/backend/store"},
		"hotseat/sidecar":          {"hotseat/backend/api", "hotseat/backend/local", "hotseat/backend/gate", "hotseat/backend/steward", "hotseat/backend/store"},
	}
	for _, p := range packages(t) {
		for from, folders := range forbidden {
			if p.ImportPath != from && !strings.HasPrefix(p.ImportPath, from+"/") {
				continue
			}
			for _, imported := range p.Imports {
				for _, folder := range folders {
					inside := strings.HasPrefix(imported, from+"/") || imported == from
					if !inside && strings.HasPrefix(imported+"/", strings.TrimSuffix(folder, "/")+"/") {
						t.Errorf("%s imports %s, which it must not know", p.ImportPath, imported)
					}
				}
			}
		}
	}
}

func TestOnlyTheCaptureNeedsC(t *testing.T) {
	needsC := []string{
		"hotseat/sidecar/capture", "hotseat/cmd/hotseat-sidecar", "hotseat/cmd/hotseat-instance", "hotseat/cmd/hotseat-probe",
	}
	for _, p := range packages(t) {
		usesGStreamer := slices.ContainsFunc(p.Deps, func(d string) bool { return strings.HasPrefix(d, "github.com/go-gst/") })
		if len(p.CgoFiles) == 0 && !usesGStreamer {
			continue
		}
		if !slices.ContainsFunc(needsC, func(folder string) bool {
			return p.ImportPath == folder || strings.HasPrefix(p.ImportPath, folder+"/")
		}) {
			t.Errorf("%s needs C; only %v may", p.ImportPath, needsC)
		}
	}
}
