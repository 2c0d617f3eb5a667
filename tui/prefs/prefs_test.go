package prefs

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var actions = []Action{
	{Name: "approve", Keys: []string{"a"}, Help: "approve the request"},
	{Name: "deny", Keys: []string{"d"}, Help: "deny the request"},
	{Name: "first", Keys: []string{"g", "home"}, Help: "the first line"},
	{Name: "palette", Keys: []string{"ctrl+p"}, Help: "every action"},
	{Name: "odd", Keys: []string{`\`, `"`, "#"}, Help: "characters that TOML escapes"},
	{Name: "open", Keys: []string{"enter", "l"}, Help: "open the playtest", Where: "lobby"},
	{Name: "lock", Keys: []string{"l"}, Help: "lock requests", Where: "session"},
	{Name: "yes", Keys: []string{"y", "enter"}, Help: "agree"},
	{Name: "nothing", Help: "an action that only the palette has"},
}

func load(t *testing.T, text string, actions ...Action) (Preferences, []Problem) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "console.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, problems, err := Load(path, actions...)
	if err != nil {
		t.Fatal(err)
	}
	return p, problems
}

func TestWithoutAFileTheDefaultsHold(t *testing.T) {
	p, problems, err := Load(filepath.Join(t.TempDir(), "none", "console.toml"))
	if err != nil || len(problems) != 0 || !reflect.DeepEqual(p, Default()) {
		t.Fatalf("%+v, %v, %v", p, problems, err)
	}
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	var file bytes.Buffer
	if err := Write(&file, actions); err != nil {
		t.Fatal(err)
	}
	for _, known := range [][]Action{nil, actions} {
		p, problems := load(t, file.String(), known...)
		if len(problems) != 0 || !reflect.DeepEqual(p, Default()) {
			t.Fatalf("%+v, %v from\n%s", p, problems, file.String())
		}
	}
}

func TestEveryCommentedSettingIsRightWhenItIsUncommented(t *testing.T) {
	var file bytes.Buffer
	if err := Write(&file, actions); err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`(?m)^# ([a-z_]+ = )`).ReplaceAllString(file.String(), "$1")
	p, problems := load(t, text, actions...)
	if len(problems) != 0 {
		t.Fatalf("%v in\n%s", problems, text)
	}
	want := Default()
	for _, a := range actions {
		if !slices.Equal(p.Keys[a.Name], a.Keys) {
			t.Errorf("%s has the keys %q, not %q", a.Name, p.Keys[a.Name], a.Keys)
		}
	}
	p.Keys = nil
	if !reflect.DeepEqual(p, want) {
		t.Fatalf("%+v, not %+v", p, want)
	}
	for name := range settings {
		short := name[strings.Index(name, ".")+1:]
		if !strings.Contains("\n"+text, "\n"+short+" = ") {
			t.Errorf("the written file does not tell of %s", name)
		}
	}
	for _, a := range actions {
		if !strings.Contains(text, "\n"+a.Name+" = ") || !strings.Contains(text, a.Help) {
			t.Errorf("the written file does not tell of the action %s", a.Name)
		}
	}
}

func TestAWholeFileCounts(t *testing.T) {
	p, problems := load(t, `
theme = "Colour-Blind"
bell = "osc777"
picture = "sixel"
[keys]
approve = ["y", "ctrl+Y"]
deny = "x"
palette = []
[start]
application = "a-demo"
location = "us-west-2"
width = 960
height = 540
framerate = 60
bitrate = 1_500
encoder = "gpu"
length = "1h30m"
`, actions[:4]...)
	if len(problems) != 0 {
		t.Fatal(problems)
	}
	want := Preferences{
		Theme: "colour-blind", Bell: "osc777", Picture: "sixel",
		Keys:  map[string][]string{"approve": {"y", "ctrl+y"}, "deny": {"x"}, "palette": {}},
		Start: StartForm{"a-demo", "us-west-2", 960, 540, 60, 1500, "gpu", Duration{90 * time.Minute}},
	}
	if !reflect.DeepEqual(p, want) {
		t.Fatalf("%+v", p)
	}
}

func TestAMistakeIsNamedWithItsLineAndTheRestCounts(t *testing.T) {
	for _, row := range []struct {
		name, file   string
		line, column int
		says         string
	}{
		{"a theme that is not there", "theme = \"drak\"", 1, 9, `there is no theme "drak"; there are auto, dark, light and colour-blind`},
		{"a wrong type", "\ntheme = 3", 2, 9, "a text in quotes is wanted, not a number"},
		{"a text for a number", "[start]\nwidth = \"960\"", 2, 9, "a whole number is wanted, not a text"},
		{"a number out of bounds", "[start]\n\nbitrate = 90000", 3, 11, "it is between 200 and 8500"},
		{"a number that no int holds", "[start]\nbitrate = 99999999999999999999", 2, 11, "between 200 and 8500"},
		{"an odd side", "[start]\nheight = 721", 2, 10, "even"},
		{"a length", "[start]\nlength = \"an hour\"", 2, 10, `write it as "90m"`},
		{"a length that is too long", "[start]\nlength = \"100h\"", 2, 10, "between 1m and 24h"},
		{"a setting that is nearly right", "theem = \"dark\"", 1, 1, `there is no setting "theem"; did you mean theme?`},
		{"a setting of a table without its table", "width = 960", 1, 1, "it belongs below [start]"},
		{"a setting that is nothing", "[start]\nfoo = 1", 2, 1, `there is no setting "foo" in [start]`},
		{"a table that is nearly right", "[kyes]\napprove = \"y\"", 1, 2, `there is no table ["kyes"]; did you mean keys?`},
		{"a list of tables", "[[keys]]\napprove = \"y\"", 1, 3, "write [keys]"},
		{"an action that is nearly right", "[keys]\naprove = \"y\"", 2, 1, `there is no action "aprove"; did you mean approve?`},
		{"a key that is nearly right", "[keys]\nfirst = [\"hoem\"]", 2, 10, `there is no key "hoem"; did you mean home?`},
		{"a modifier", "[keys]\nfirst = [\"crtl+p\"]", 2, 10, "did you mean ctrl?"},
		{"a key of two actions", "[keys]\napprove = \"x\"\ndeny = [\"d\", \"x\"]", 3, 14, `"x" is bound twice: to approve in line 2, and here to deny`},
		{"a key that another has by default", "[keys]\napprove = [\"d\"]", 2, 12, `"d" is also the key of deny`},
		{"a key that is a number", "[keys]\napprove = [1]", 2, 12, "a key is a text in quotes, not a number"},
		{"a setting that is there twice", "bell = \"off\"\nbell = \"bell\"", 2, 1, "set twice, first in line 1"},
		{"no value", "bell =", 1, 0, "the line is left out"},
		{"a quotation mark too few", "bell = \"off", 1, 0, "the line is left out"},
		{"prose", "please be quiet", 1, 0, "the line is left out"},
		{"an escape that a terminal obeys", "\"\\u001b]0;title\\u0007\" = 1", 1, 1, `there is no setting "\x1b]0;title\a"`},
		{"bytes that are no text", "# \xff\xfe", 1, 3, "UTF-8"},
	} {
		t.Run(row.name, func(t *testing.T) {
			rest := row.file + "\n[start]\nframerate = 15\n"
			if strings.HasPrefix(row.file, "[start]") {
				rest = row.file + "\nframerate = 15\n"
			}
			p, problems := load(t, rest, actions[:4]...)
			if len(problems) != 1 {
				t.Fatalf("%d problems: %v", len(problems), problems)
			}
			got := problems[0]
			if got.Line != row.line || row.column != 0 && got.Column != row.column || !strings.Contains(got.Text, row.says) {
				t.Errorf("%d:%d %s; want %d:%d %s", got.Line, got.Column, got.Text, row.line, row.column, row.says)
			}
			if p.Start.Framerate != 15 {
				t.Errorf("the rest of the file does not count: %+v", p)
			}
			if strings.ContainsAny(got.Text, "\x1b\a\n") {
				t.Errorf("a problem that a terminal obeys: %q", got.Text)
			}
		})
	}
}

func TestActionsOfDifferentScreensShareAKey(t *testing.T) {
	p, problems := load(t, "[keys]\nopen = \"o\"\nlock = \"o\"\nyes = [\"enter\", \"o\"]", actions...)
	if len(problems) != 1 || problems[0].Line != 4 || !strings.Contains(problems[0].Text, "bound twice") {
		t.Fatalf("%v", problems) // yes is for everywhere, so it clashes with those of the screens
	}
	want := map[string][]string{"open": {"o"}, "lock": {"o"}, "yes": {"enter"}}
	if !reflect.DeepEqual(p.Keys, want) {
		t.Fatalf("%v, not %v", p.Keys, want)
	}
}

func TestSeveralMistakesAreAllNamed(t *testing.T) {
	p, problems := load(t, "bell = \ntheme = \"dark\"\n= 3\npicture = \"blokcs\"\n[start\nwidth = 640\n")
	lines := []int{}
	for _, p := range problems {
		lines = append(lines, p.Line)
	}
	if !reflect.DeepEqual(lines, []int{1, 3, 4, 5, 6}) || p.Theme != "dark" {
		t.Fatalf("%v, %+v", problems, p)
	}
}

func TestAFileThatIsTooLargeIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "console.toml")
	if err := os.WriteFile(path, bytes.Repeat([]byte("#\n"), maxFile), 0o600); err != nil {
		t.Fatal(err)
	}
	p, _, err := Load(path)
	if err == nil || !strings.Contains(err.Error(), "64 KiB") || !reflect.DeepEqual(p, Default()) {
		t.Fatalf("%v, %+v", err, p)
	}
	if _, _, err := Load(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a file") {
		t.Fatalf("a folder: %v", err)
	}
}

func TestTheLastChoiceIsKeptBesideThePersonsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hotseat", "console.toml")
	chosen := StartForm{"a-demo", "us-west-2", 640, 360, 60, 1500, "gpu", Duration{30 * time.Minute}}
	if err := SaveStart(path, chosen); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the person's file was touched: %v", err)
	}
	info, err := os.Stat(statePath(path))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	p, problems, err := Load(path)
	if err != nil || len(problems) != 0 || p.Start != chosen {
		t.Fatalf("%+v, %v, %v", p.Start, problems, err)
	}
	// What the person has written wins, and stays as it is.
	own := "# mine\n[start]\nwidth = 1280\nheight = 720\n"
	if err := os.WriteFile(path, []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	chosen.Framerate = 30
	if err := SaveStart(path, chosen); err != nil {
		t.Fatal(err)
	}
	p, _, err = Load(path)
	chosen.Width, chosen.Height = 1280, 720
	if data, _ := os.ReadFile(path); err != nil || p.Start != chosen || string(data) != own {
		t.Fatalf("%+v, %v, %q", p.Start, err, data)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 2 {
		t.Fatalf("something was left behind: %v, %v", entries, err)
	}
	// A broken state is as good as none.
	if err := os.WriteFile(statePath(path), []byte("[start\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, problems, err := Load(path); err != nil || len(problems) != 0 {
		t.Fatalf("%v, %v", problems, err)
	}
}

func TestPathFollowsTheBaseDirectories(t *testing.T) {
	t.Setenv("HOME", "/home/qa")
	for value, want := range map[string]string{
		"/etc/mine": "/etc/mine/hotseat/console.toml",
		"relative":  "/home/qa/.config/hotseat/console.toml",
	} {
		t.Setenv("XDG_CONFIG_HOME", value)
		if got, err := Path(); err != nil || got != filepath.FromSlash(want) {
			t.Errorf("XDG_CONFIG_HOME=%s: %s, %v", value, got, err)
		}
	}
}

func TestKeysAreSpelledAsTheTerminalSendsThem(t *testing.T) {
	for from, want := range map[string]string{
		"a": "a", "A": "A", "shift+a": "A", "Ctrl+P": "ctrl+p", "control+p": "ctrl+p", "shift+ctrl+left": "ctrl+shift+left",
		"Return": "enter", "escape": "esc", "PageUp": "pgup", " ": "space", "+": "+", "ctrl++": "ctrl++", "ö": "ö", "F5": "f5", "shift+tab": "shift+tab",
	} {
		if got, err := normalKey(from); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", from, got, err, want)
		}
	}
	for _, from := range []string{"", "\x1b", "\u202e", "ab", "ctrl+", "ctrl+nothing", "hold+a", "\xff"} {
		if got, err := normalKey(from); err == nil {
			t.Errorf("%q became %q", from, got)
		}
	}
}

func FuzzLoad(f *testing.F) {
	var file bytes.Buffer
	if err := Write(&file, actions); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Add([]byte("theme = \"dark\"\n[keys]\napprove = [\"y\", \"y\", 3]\n[start]\nwidth = 1e9\n"))
	f.Add([]byte("[keys]\napprove.x = {a = {b = [1, [2, {c = 3}]]}}\nkeys = {}\nstart = {width = 640, width = 2}\n"))
	f.Add([]byte("[[[\n]]\n\"\"\"\n\r\r\n\xff = '''"))
	f.Add([]byte("a=1979-05-27\n[start]\n\"length\"=\"1h\"\nlength=\"2h\"\n=\n=\n="))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxFile {
			return
		}
		p := Default()
		_ = decode(bytes.Clone(data), &p, nil)
		p = Default()
		problems := decode(data, &p, actions)
		if len(problems) > maxProblems {
			t.Fatalf("%d problems", len(problems))
		}
		lines := bytes.Count(data, []byte("\n")) + 1
		for _, problem := range problems {
			if problem.Line < 1 || problem.Line > lines || problem.Column < 1 || problem.Text == "" {
				t.Fatalf("%+v in %d lines", problem, lines)
			}
			for _, r := range problem.Text {
				if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e {
					t.Fatalf("a problem that a terminal obeys: %q", problem.Text)
				}
			}
		}
		s := p.Start
		if s.Width < 160 || s.Width > 1280 || s.Framerate < 1 || s.Framerate > 60 || s.BitrateKbps < 200 || s.Length.Minutes() < 1 {
			t.Fatalf("out of bounds: %+v", s)
		}
		owner := map[string]string{}
		for _, a := range []string{"approve", "deny", "first", "palette"} {
			for _, key := range p.Keys[a] {
				if other, taken := owner[key]; taken {
					t.Fatalf("%q is a key of %s and of %s", key, a, other)
				}
				owner[key] = a
			}
		}
	})
}
