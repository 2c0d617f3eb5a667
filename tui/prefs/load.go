package prefs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"
)

const (
	// maxFile bounds a file before it is read: every setting with a page of comments is a tenth of it.
	maxFile = 64 << 10
	// maxProblems: after so many a person has seen enough, and the file may not be one for us.
	maxProblems = 20
)

// Load reads the person's file, and the form's last choice beside it. Without a file it is Default. The
// preferences are whole in any case, also with an error, which means that the file could not be read
// at all; mistakes in it are problems, in the order of their lines. Names of actions are checked if
// the actions are given, and only then are keys compared with those of actions that the file leaves alone.
func Load(path string, actions ...Action) (Preferences, []Problem, error) {
	p := Default()
	if last, ok := loadStart(statePath(path)); ok {
		p.Start = last
	}
	data, err := readBounded(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil, nil
	}
	if err != nil {
		return p, nil, fmt.Errorf("read preferences: %w", err)
	}
	problems := decode(data, &p, actions)
	return p, problems, nil
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s has more than %d KiB", path, maxFile>>10)
	}
	return data, nil
}

// decode reads a file into p. It works on the parser's expressions rather than on a struct, since a
// mistake must have a place and must not end the reading.
func decode(data []byte, p *Preferences, actions []Action) []Problem {
	d := &decoder{p: p, actions: actions, seen: map[string]int{}, bound: map[string]binding{}}
	d.text = bytes.Clone(data)
	if !utf8.Valid(data) { // the parser would stop there
		d.report(firstInvalid(data), "this is not UTF-8 text; its line is left out")
		d.text = bytes.ToValidUTF8(d.text, []byte("?"))
	}
	// After a mistake in the syntax the parser cannot go on. Its line is blanked and all is read
	// again: files are small, and problems are few.
	for range maxProblems {
		at, why := d.parse(false)
		if why == "" {
			break
		}
		d.report(at, "%s; the line is left out", why)
		d.blankLine(at)
	}
	d.parse(true) // with more mistakes than that, as far as it can be read
	d.checkKeys()
	sort.SliceStable(d.problems, func(i, j int) bool {
		a, b := d.problems[i], d.problems[j]
		return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
	})
	if len(d.problems) > maxProblems {
		d.problems = d.problems[:maxProblems]
	}
	return d.problems
}

type decoder struct {
	p        *Preferences
	actions  []Action
	text     []byte
	problems []Problem
	seen     map[string]int     // line of each setting
	bound    map[string]binding // what the file says of an action's keys
}

// parse reads all expressions, and takes what they set if apply is true. It returns where and why it
// had to stop, "" for not at all.
func (d *decoder) parse(apply bool) (at int, why string) {
	var parser unstable.Parser
	parser.Reset(d.text)
	var table []part
	for parser.NextExpression() {
		if !apply {
			continue
		}
		node := parser.Expression()
		switch node.Kind {
		case unstable.Table:
			table = parts(node.Key())
			d.table(table)
		case unstable.ArrayTable:
			table = parts(node.Key())
			d.report(table[0].offset, "a list of tables means nothing here; write [%s]", join(table))
			table = append([]part{{name: "[[" + table[0].name + "]]", skip: true}}, table...)
		case unstable.KeyValue:
			d.set(append(table[:len(table):len(table)], parts(node.Key())...), node.Value())
		}
	}
	err := parser.Error()
	if err == nil {
		return 0, ""
	}
	at, why = len(d.text), err.Error()
	var pe *unstable.ParserError
	if errors.As(err, &pe) {
		why = pe.Message
		if offset := cap(d.text) - cap(pe.Highlight); pe.Highlight != nil && offset >= 0 && offset <= len(d.text) {
			at = offset
		}
	}
	return at, why
}

// blankLine makes spaces of the line around an offset, so that no other offset changes.
func (d *decoder) blankLine(at int) {
	if at > 0 && at >= len(d.text) || at < len(d.text) && d.text[at] == '\n' && at > 0 && d.text[at-1] != '\n' {
		at-- // at the end of a line or of the file: it is the line before that is not finished
	}
	at = max(0, min(at, len(d.text)-1))
	for at > 0 && d.text[at] == '\n' { // an empty line cannot be the mistake
		at--
	}
	start := bytes.LastIndexByte(d.text[:at], '\n') + 1
	end := len(d.text)
	if i := bytes.IndexByte(d.text[start:], '\n'); i >= 0 {
		end = start + i
	}
	for i := start; i < end; i++ {
		d.text[i] = ' '
	}
}

// report notes a problem at an offset of the text.
func (d *decoder) report(offset int, format string, args ...any) {
	if len(d.problems) >= 4*maxProblems {
		return
	}
	before := d.text[:min(max(offset, 0), len(d.text))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	d.problems = append(d.problems, Problem{Line: line, Column: column, Text: strings.Map(graphic, fmt.Sprintf(format, args...))})
}

// graphic keeps what a terminal obeys out of a problem, which may repeat names from the file.
func graphic(r rune) rune {
	if !strconv.IsGraphic(r) {
		return utf8.RuneError
	}
	return r
}

func firstInvalid(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(data)
}
