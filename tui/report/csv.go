package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
)

// CSV is the timeline, a row an entry, for spreadsheets: RFC 4180, UTF-8, times in UTC.
func (r Report) CSV() ([]byte, error) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.UseCRLF = true
	rows := [][]string{{"session", "since start", "seconds", "time", "kind", "person", "what", "reason", "by", "epoch", "took ms"}}
	for _, e := range r.Timeline {
		person := ""
		if e.Person != nil {
			person = e.Person.Name
		}
		rows = append(rows, []string{
			cell(r.Session), cell(clock(e.At)), strconv.FormatFloat(e.At.Duration().Seconds(), 'f', 3, 64),
			r.Started.Add(e.At.Duration()).Format(time.RFC3339), e.Kind, cell(person), cell(e.Text), cell(e.Reason), cell(e.By.Name),
			number(e.Epoch), number(int64(e.Took)),
		})
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("write the report as CSV: %w", err)
	}
	return out.Bytes(), nil
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// cell is a text that a spreadsheet takes for one. A cell that begins with one of these characters, also
// in their full width, is a formula to it (OWASP, "CSV Injection"); an apostrophe in front makes it text.
func cell(text string) string {
	begins := strings.TrimLeftFunc(text, unicode.IsSpace)
	if text = shown(text); begins != "" && strings.ContainsAny(string([]rune(begins)[:1]), "=+-@＝＋－＠") {
		return "'" + text
	}
	return text
}

// JSON is the whole report, for machines: the fields are those of Report. Characters that a terminal or
// an editor would obey are escaped, so that it can be looked at.
func (r Report) JSON() ([]byte, error) {
	data, err := json.MarshalIndent(r.withoutNils(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the report as JSON: %w", err)
	}
	var out bytes.Buffer
	for _, c := range string(data) { // what is not ASCII can only be inside of strings
		switch {
		case c < 0x7f || !obeyed(c):
			out.WriteRune(c)
		case c > 0xffff:
			high, low := utf16.EncodeRune(c)
			_, _ = fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			_, _ = fmt.Fprintf(&out, `\u%04x`, c)
		}
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// withoutNils makes lists of what would be null.
func (r Report) withoutNils() Report {
	r.People, r.Stays, r.Requests = filled(r.People), filled(r.Stays), filled(r.Requests)
	r.Handovers, r.Drops, r.Marks = filled(r.Handovers), filled(r.Drops), filled(r.Marks)
	r.Timeline, r.Stream, r.Chat = filled(r.Timeline), filled(r.Stream), filled(r.Chat)
	return r
}

func filled[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
