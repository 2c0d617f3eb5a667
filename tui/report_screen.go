package tui

import (
	"context"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"hotseat/tui/report"
)

// document is a report in the formats that it is saved in.
type document interface {
	Markdown() []byte
	JSON() ([]byte, error)
	CSV() ([]byte, error)
}

var _ document = report.Report{}

// maxReportLines bounds what the report's screen holds; the saved file has everything.
const maxReportLines = 20_000

// reportScreen is a playtest's report, over the session or the lobby.
type reportScreen struct {
	session string
	of      document // nil while it is being read
	text    []string // safe lines of Markdown
	top     int

	drawn      []string // text for drawnWidth
	drawnWidth int
}

// reportMsg is a report that was asked for.
type reportMsg struct {
	session string
	of      document
	text    []string
	err     error
}

// openReport shows the report of a session; its whole log is read for it.
func (m *Model) openReport(b *board) tea.Cmd {
	m.report = &reportScreen{session: b.info.ID}
	m.toast = toast{text: "reading the whole log …", since: m.at, busy: true}
	ctx, net, id := m.ctx, m.net, b.info.ID
	return func() tea.Msg {
		of, err := buildReport(ctx, net, id)
		if err != nil {
			return reportMsg{session: id, err: err}
		}
		return reportMsg{id, of, reportText(of.Markdown()), nil}
	}
}

func buildReport(ctx context.Context, net backend, session string) (document, error) {
	ctx, cancel := context.WithTimeout(ctx, actionTimeout)
	defer cancel()
	events, err := net.Log(ctx, session)
	if err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, fmt.Errorf("the log of %s is empty", session)
	}
	return report.Build(events), nil
}

// reportText makes lines for the terminal of Markdown, which holds what people said.
func reportText(markdown []byte) []string {
	lines := strings.Split(strings.TrimRight(string(markdown), "\n"), "\n")
	if len(lines) > maxReportLines {
		lines = append(lines[:maxReportLines:maxReportLines], "", "… save it to read on")
	}
	for i, l := range lines {
		lines[i] = safe(l)
	}
	return lines
}

func (m *Model) gotReport(msg reportMsg) {
	m.toast = toast{}
	r := m.report
	if r == nil || r.session != msg.session {
		return // the person has gone elsewhere
	}
	if msg.err != nil {
		m.report = nil
		m.say(toneBad, refusalText(msg.err))
		return
	}
	r.of, r.text, r.drawnWidth = msg.of, msg.text, 0
}

// lines are the report's lines at a width; they are laid out once for each width.
func (r *reportScreen) lines(s styles, w int) []string {
	if r.drawnWidth != w {
		r.drawn, r.drawnWidth = layMarkdown(s, r.text, w), w
	}
	return r.drawn
}

func (m *Model) reportRows() (rows, total int) {
	inner := max(8, min(m.width, 120)-6)
	return m.height - 5, len(m.report.lines(m.styles, inner))
}

func (r *reportScreen) scroll(by int, rows, total int) {
	r.top = min(max(r.top+by, 0), max(0, total-rows))
}

// reportView draws the report's screen.
func (m *Model) reportView() []string {
	s, r := m.styles, m.report
	b := m.board(r.session)
	header := sides(" "+s.badge.Render(" hotseat ")+"  "+s.bold.Render("report")+s.muted.Render("  "+b.title()+"  "+r.session), "", m.width)
	w, h := min(m.width, 120), m.height-3
	var body []string
	right := ""
	switch {
	case r.of == nil:
		body = []string{s.muted.Render("reading the whole log …")}
	default:
		lines := r.lines(s, w-6)
		rows := h - 2
		r.top = min(r.top, max(0, len(lines)-rows))
		for _, l := range lines[r.top:min(r.top+rows, len(lines))] {
			body = append(body, " "+l)
		}
		if len(lines) > rows {
			right = s.muted.Render(fmt.Sprintf("%d %%", min(r.top+rows, len(lines))*100/len(lines)))
		}
		if !b.ended() {
			right = s.warn.Render("it still runs") + "  " + right
		}
	}
	framed := m.frame(w, h, s.accent.Render("▸ report"), right, true, body)
	lines := append(make([]string, 0, m.height), header)
	margin := strings.Repeat(" ", (m.width-w)/2)
	for _, l := range framed {
		lines = append(lines, fit(margin+l, m.width))
	}
	return append(lines, m.statusLine(), m.helpLine())
}
