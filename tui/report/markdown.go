package report

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"hotseat/backend/playtest"
)

// Markdown is the report for people: CommonMark with GitHub's tables, which most places that take
// Markdown draw. What somebody typed is text in it, never markup, links or mentions.
func (r Report) Markdown() []byte {
	w := &writer{labels: r.labels()}
	r.head(w)
	r.marks(w)
	r.seat(w)
	r.requests(w)
	r.handovers(w)
	r.timeline(w)
	r.talk(w)
	r.stream(w)
	return w.out.Bytes()
}

type writer struct {
	out    bytes.Buffer
	labels map[string]string // of people, by id, where a name alone would not do
}

func (w *writer) line(format string, args ...any) { _, _ = fmt.Fprintf(&w.out, format+"\n", args...) }

// row writes a row of a table. Its cells are Markdown already.
func (w *writer) row(cells ...string) { w.line("| %s |", strings.Join(cells, " | ")) }

// table writes the head of a table; columns that begin with > are numbers, at the right.
func (w *writer) table(columns ...string) {
	rule := make([]string, len(columns))
	for i, c := range columns {
		rule[i] = "---"
		if columns[i] = strings.TrimPrefix(c, ">"); columns[i] != c {
			rule[i] = "---:"
		}
	}
	w.row(columns...)
	w.row(rule...)
}

// labels finds people who share a name.
func (r Report) labels() map[string]string {
	with := map[string]int{}
	for _, p := range r.People {
		with[shown(p.Name)]++
	}
	labels := map[string]string{}
	for _, p := range r.People {
		if name := shown(p.Name); with[name] > 1 {
			id := []rune(p.ID)
			labels[p.ID] = fmt.Sprintf("%s (%s)", p.Name, string(id[:min(len(id), 8)]))
		}
	}
	return labels
}

func (w *writer) name(p playtest.Person) string {
	if label := w.labels[p.ID]; label != "" {
		return escape(label)
	}
	if shown(p.Name) == "" {
		return "*nameless*"
	}
	return escape(p.Name)
}

func (w *writer) pointer(p *playtest.Person) string {
	if p == nil {
		return "–"
	}
	return w.name(*p)
}

func (r Report) head(w *writer) {
	title := r.Title
	if shown(title) == "" {
		title = r.Application
	}
	if shown(title) == "" {
		title = r.Session
	}
	w.line("# Playtest of %s\n", orDash(title))
	ended := r.Started.Add(r.Length.Duration())
	until := ended.Format("15:04")
	if ended.YearDay() != r.Started.YearDay() {
		until = ended.Format("2 January 15:04")
	}
	state := "It ended"
	if r.Running {
		state = "It was still running when this was written"
	}
	if r.EndReason != "" {
		state += ": " + escape(r.EndReason)
	}
	w.line("%s to %s UTC, %s. %s.\n", r.Started.Format("2 January 2006, 15:04"), until, long(r.Length), strings.TrimSuffix(state, "."))
	w.line("- **People:** %d", len(r.People))
	seat := "nobody held it"
	if len(r.Stays) > 0 {
		seat = fmt.Sprintf("held %s of the time, by %s in %s", share(r.Seated, r.Length), plural(r.holders(), "person"), plural(len(r.Stays), "turn"))
	}
	w.line("- **Seat:** %s", seat)
	w.line("- **Requests:** %s", r.requestsInShort())
	w.line("- **Hand-overs:** %s", r.handoversInShort())
	if len(r.Drops) > 0 {
		w.line("- **Lost connections:** %d", len(r.Drops))
	}
	w.line("- **Marks:** %d", len(r.Marks))
	lines := 0
	for _, n := range r.Chat {
		lines += n
	}
	w.line("- **Chat:** %s", plural(lines, "line"))
	w.line("")
	w.line("Times below are hours:minutes:seconds since the start.")
}

func (r Report) holders() int {
	n := 0
	for _, p := range r.People {
		if p.Stays > 0 {
			n++
		}
	}
	return n
}

func (r Report) requestsInShort() string {
	counts := map[string]int{}
	for _, q := range r.Requests {
		counts[q.Outcome]++
	}
	asked := len(r.Requests) - counts[Given]
	text := fmt.Sprint(asked)
	var parts []string
	for _, outcome := range []string{Approved, Denied, Expired, Cancelled, Left, Ended, Waiting} {
		if n := counts[outcome]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, outcomeWords[outcome]))
		}
	}
	if len(parts) > 0 {
		text += " (" + strings.Join(parts, ", ") + ")"
	}
	if r.Waiting.Count > 0 {
		text += fmt.Sprintf("; an answer took %s in the median, %s at most", long(r.Waiting.Median), long(r.Waiting.Longest))
	}
	if n := counts[Given]; n > 0 {
		text += fmt.Sprintf("; given without a request: %d", n)
	}
	return text
}

var outcomeWords = map[string]string{
	Approved: "approved", Given: "given by a lead", Denied: "denied", Cancelled: "withdrawn", Expired: "expired",
	Left: "left the playtest", Ended: "open at the end", Waiting: "waiting",
}

func (r Report) handoversInShort() string {
	failed := 0
	for _, h := range r.Handovers {
		if h.Outcome == "failed" {
			failed++
		}
	}
	text := fmt.Sprint(len(r.Handovers))
	if r.Taking.Count > 0 {
		text += fmt.Sprintf(", %s in the median, %s at most", long(r.Taking.Median), long(r.Taking.Longest))
	}
	if failed > 0 {
		text += fmt.Sprintf("; **%d failed**", failed)
	}
	return text
}

func (r Report) marks(w *writer) {
	w.line("\n## Marks\n")
	if len(r.Marks) == 0 {
		w.line("Nothing was marked.")
		return
	}
	w.line("With what was said from %d s before to %d s after.", int(ChatBefore/time.Second), int(ChatAfter/time.Second))
	for _, m := range r.Marks {
		word := "*without a word*"
		if shown(m.Word) != "" {
			word = escape(m.Word)
		}
		w.line("\n### %s · %s\n", clock(m.At), word)
		playing := "nobody was in the seat"
		if m.Holder != nil {
			playing = w.name(*m.Holder) + " was playing"
		}
		w.line("Marked by %s; %s.", w.name(m.By), playing)
		if len(m.Chat) > 0 {
			w.line("")
		}
		for _, l := range m.Chat {
			w.line("> %s **%s:** %s  ", clock(l.At), w.name(l.Person), orDash(l.Text))
		}
	}
}

func orDash(text string) string {
	if shown(text) == "" {
		return "–"
	}
	return escape(text)
}

func share(part, whole Ms) string {
	if whole <= 0 {
		return "0 %"
	}
	return fmt.Sprintf("%d %%", (100*part+whole/2)/whole)
}

// escape makes Markdown that reads as the text does: characters of markup get a backslash (CommonMark
// 2.4), those of HTML and of links and mentions that need no markup (GitHub Flavored Markdown 6.9) become
// entities. What it makes never begins a line, so that marks of lists and headings need nothing.
func escape(text string) string {
	text = shown(text)
	var b strings.Builder
	for i, r := range text {
		switch r {
		case '\\', '`', '*', '_', '{', '}', '[', ']', '#', '|', '~', '!', '^', '$':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '&':
			b.WriteString("&amp;")
		case '@':
			b.WriteString("&#64;")
		case ':':
			if strings.HasPrefix(text[i:], "://") || strings.HasSuffix(strings.ToLower(text[:i]), "mailto") || strings.HasSuffix(strings.ToLower(text[:i]), "xmpp") {
				b.WriteString("&#58;")
			} else {
				b.WriteByte(':')
			}
		case '.':
			before := text[:i]
			switch {
			case strings.HasSuffix(strings.ToLower(before), "www"):
				b.WriteString("&#46;")
			default:
				b.WriteByte('.')
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
