package tui

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// reportFormats are what a report is saved as.
var reportFormats = []struct{ name, about string }{
	{"md", "Markdown, to be read and pasted"},
	{"json", "everything, for programs"},
	{"csv", "the timeline, for spreadsheets"},
}

// maxCopies bounds how many reports of one session a day get names of their own.
const maxCopies = 1000

// pickFormat asks what the report is to be saved as.
func (m *Model) pickFormat() {
	id := m.report.session
	rows := make([]choice, len(reportFormats))
	for i, f := range reportFormats {
		rows[i] = choice{label: f.name, about: f.about, do: func() tea.Cmd { return m.saveReport(id, f.name) }}
	}
	m.choose("save the report as", "", rows, 0)
}

// errNoFiles refuses to write on a machine that is not the person's.
var errNoFiles = errors.New("this console runs on the server and writes no files there; `hotseat report` saves it on your own machine")

// savedMsg says where a report went.
type savedMsg struct {
	path string
	took time.Duration
	err  error
}

// saveReport writes a session's report into the current folder.
func (m *Model) saveReport(id, format string) tea.Cmd {
	m.toast = toast{text: "saving the report …", since: m.at, busy: true}
	ctx, net, now := m.ctx, m.net, m.opts.Now
	var of document
	if m.report != nil && m.report.session == id {
		of = m.report.of
	}
	noFiles := m.opts.NoFiles
	return func() tea.Msg {
		began := now()
		if noFiles {
			return savedMsg{err: errNoFiles}
		}
		if of == nil {
			var err error
			if of, err = buildReport(ctx, net, id); err != nil {
				return savedMsg{err: err}
			}
		}
		path, err := writeReport(of, id, format, began)
		return savedMsg{path, now().Sub(began), err}
	}
}

func (m *Model) saved(msg savedMsg) {
	if msg.err != nil {
		m.say(toneBad, refusalText(msg.err))
		return
	}
	m.say(toneGood, "saved "+safe(msg.path)+" in "+took(msg.took))
}

// writeReport saves a report as hotseat-<session>-<date>.<format> in the current folder, for its owner
// alone, under a name that nothing has yet. It returns the whole path.
func writeReport(of document, id, format string, now time.Time) (string, error) {
	var data []byte
	var err error
	switch format {
	case "md":
		data = of.Markdown()
	case "json":
		data, err = of.JSON()
	case "csv":
		data, err = of.CSV()
	default:
		err = fmt.Errorf("a report is saved as md, json or csv, not %q", format)
	}
	if err != nil {
		return "", fmt.Errorf("write the report: %w", err)
	}
	name := "hotseat-" + fileName(id) + "-" + now.Format(time.DateOnly)
	for n := 1; n <= maxCopies; n++ {
		path := name + "." + format
		if n > 1 {
			path = fmt.Sprintf("%s-%d.%s", name, n, format)
		}
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("save the report: %w", err)
		}
		_, err = file.Write(data)
		if closing := file.Close(); err == nil {
			err = closing
		}
		if err != nil {
			return "", fmt.Errorf("save the report: %w", err)
		}
		if whole, err := filepath.Abs(path); err == nil {
			path = whole
		}
		return path, nil
	}
	return "", fmt.Errorf("save the report: there are %d of this session and day in the folder; move some", maxCopies)
}

// fileName keeps of an id what can be in a file's name everywhere.
func fileName(id string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, id[:min(len(id), 64)])
}
