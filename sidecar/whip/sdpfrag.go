package whip

import (
	"errors"
	"fmt"
	"strings"
)

// An SDP fragment (RFC 8840) carries ICE credentials and candidates and nothing else. With
// BUNDLE all of them belong to the first section.

// maxCandidates bounds what a restart may bring; a stage has a handful.
const maxCandidates = 64

// credentials and candidates of one side.
type iceParams struct {
	ufrag, pwd string
	candidates []string // "candidate:…", without "a="
}

// fragment writes an SDP fragment for the first section of a description. Candidates of other
// sections are the same ones again (BUNDLE), and left out.
func fragment(sdp string, p iceParams, complete bool) string {
	var b strings.Builder
	line := func(l string) { b.WriteString(l + "\r\n") }
	group, media, mid := "", "", ""
	for l := range strings.Lines(sdp) {
		switch l = strings.TrimRight(l, "\r\n"); {
		case strings.HasPrefix(l, "a=group:BUNDLE") && group == "":
			group = l
		case strings.HasPrefix(l, "m="):
			if media != "" {
				goto done
			}
			media = l
		case strings.HasPrefix(l, "a=mid:") && mid == "":
			mid = l
		}
	}
done:
	if group != "" {
		line(group)
	}
	line("a=ice-ufrag:" + p.ufrag)
	line("a=ice-pwd:" + p.pwd)
	line(media)
	if mid != "" {
		line(mid)
	}
	for _, c := range p.candidates {
		line("a=" + c)
	}
	if complete {
		line("a=end-of-candidates")
	}
	return b.String()
}

// readICE finds the credentials and candidates of a description or a fragment: the first of
// each, and every candidate of the first section that has any.
func readICE(sdp string) (iceParams, error) {
	var p iceParams
	section, from := 0, -1
	for l := range strings.Lines(sdp) {
		l = strings.TrimRight(l, "\r\n")
		if strings.HasPrefix(l, "m=") {
			section++
		}
		if v, ok := strings.CutPrefix(l, "a=ice-ufrag:"); ok && p.ufrag == "" {
			p.ufrag = v
		}
		if v, ok := strings.CutPrefix(l, "a=ice-pwd:"); ok && p.pwd == "" {
			p.pwd = v
		}
		if strings.HasPrefix(l, "a=candidate:") && (from < 0 || from == section) && len(p.candidates) < maxCandidates {
			from = section
			p.candidates = append(p.candidates, l[len("a="):])
		}
	}
	if !iceText(p.ufrag, 4) || !iceText(p.pwd, 22) {
		return iceParams{}, errors.New("whip: no usable ICE credentials")
	}
	return p, nil
}

// iceText checks the ice-char of RFC 8839 section 5.4, with its least length; at most 256.
func iceText(s string, least int) bool {
	if len(s) < least || len(s) > 256 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '+' && c != '/' {
			return false
		}
	}
	return true
}

// renewed is a description with the ICE parameters of a restart in place of its own. Everything
// else of the session stays (RFC 9725 section 4.3.3).
func renewed(sdp string, p iceParams) (string, error) {
	var b strings.Builder
	sections := 0
	for l := range strings.Lines(sdp) {
		l = strings.TrimRight(l, "\r\n")
		switch {
		case strings.HasPrefix(l, "a=ice-ufrag:"):
			l = "a=ice-ufrag:" + p.ufrag
		case strings.HasPrefix(l, "a=ice-pwd:"):
			l = "a=ice-pwd:" + p.pwd
		case strings.HasPrefix(l, "a=candidate:"), l == "a=end-of-candidates":
			continue
		case strings.HasPrefix(l, "m="):
			if sections++; sections == 2 {
				writeCandidates(&b, p.candidates)
			}
		}
		b.WriteString(l + "\r\n")
	}
	if sections == 0 {
		return "", fmt.Errorf("whip: a description without media")
	}
	if sections == 1 {
		writeCandidates(&b, p.candidates)
	}
	return b.String(), nil
}

func writeCandidates(b *strings.Builder, candidates []string) {
	for _, c := range candidates {
		b.WriteString("a=" + c + "\r\n")
	}
	b.WriteString("a=end-of-candidates\r\n")
}

// saysTrickle: the description's author takes candidates later (RFC 8838 section 4.1.1).
func saysTrickle(sdp string) bool {
	for l := range strings.Lines(sdp) {
		if v, ok := strings.CutPrefix(strings.TrimRight(l, "\r\n"), "a=ice-options:"); ok && hasWord(v, "trickle") {
			return true
		}
	}
	return false
}
