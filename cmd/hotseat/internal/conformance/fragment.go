package conformance

import (
	"errors"
	"strings"
)

// fragment is an SDP fragment (RFC 8840 section 9), or what a whole description says of the same.
type fragment struct {
	bundle     string // the value of a=group, "BUNDLE 0 1"
	media      string // the first section's m= line
	mid        string
	ufrag, pwd string
	candidates []string // values of a=candidate
}

// readFragment takes the ICE part of an SDP body: the first value of each.
func readFragment(body string) fragment {
	var f fragment
	first := func(to *string, value string) {
		if *to == "" {
			*to = value
		}
	}
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		key, value, _ := strings.Cut(line, ":")
		switch {
		case strings.HasPrefix(line, "m="):
			first(&f.media, line[2:])
		case key == "a=group":
			first(&f.bundle, value)
		case key == "a=mid":
			first(&f.mid, value)
		case key == "a=ice-ufrag":
			first(&f.ufrag, value)
		case key == "a=ice-pwd":
			first(&f.pwd, value)
		case key == "a=candidate":
			f.candidates = append(f.candidates, value)
		}
	}
	return f
}

func (f fragment) String() string {
	var b strings.Builder
	line := func(parts ...string) { b.WriteString(strings.Join(parts, "") + "\r\n") }
	if f.bundle != "" {
		line("a=group:", f.bundle)
	}
	line("m=", f.media)
	line("a=mid:", f.mid)
	line("a=ice-ufrag:", f.ufrag)
	line("a=ice-pwd:", f.pwd)
	for _, c := range f.candidates {
		line("a=candidate:", c)
	}
	line("a=end-of-candidates")
	return b.String()
}

// replaceICE puts a fragment's ICE session into an answer: RFC 9725 section 4.3.3 leaves all else as it was.
func replaceICE(answer string, f fragment) (string, error) {
	if f.ufrag == "" || f.pwd == "" {
		return "", errors.New("the fragment has no ice-ufrag or no ice-pwd")
	}
	var b strings.Builder
	sections := 0
	for line := range strings.Lines(answer) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "a=candidate:"), line == "a=end-of-candidates":
			continue
		case strings.HasPrefix(line, "a=ice-ufrag:"):
			line = "a=ice-ufrag:" + f.ufrag
		case strings.HasPrefix(line, "a=ice-pwd:"):
			line = "a=ice-pwd:" + f.pwd
		}
		b.WriteString(line + "\r\n")
		if strings.HasPrefix(line, "a=mid:") {
			if sections++; sections == 1 {
				for _, c := range f.candidates {
					b.WriteString("a=candidate:" + c + "\r\n")
				}
			}
		}
	}
	return b.String(), nil
}
