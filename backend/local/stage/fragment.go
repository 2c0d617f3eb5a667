package stage

import (
	"crypto/rand"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/pion/sdp/v3"
)

const (
	fragmentType = "application/trickle-ice-sdpfrag"
	// maxFragmentBytes bounds an SDP fragment; one with maxCandidates candidates has 8 KiB.
	maxFragmentBytes = 16 << 10
	// A username fragment has 4 to 256 characters and a password 22 to 256 (RFC 8839 section 5.4).
	minUfrag, minPassword, maxCredential = 4, 22, 256
)

// fragment is the ICE part of a session description: what a client sends to add candidates or to restart ICE
// (RFC 8840 section 9), and what it is answered.
type fragment struct {
	bundle        string // the value of a=group
	media         string // the m= line of the section that the ICE session belongs to
	mid           string
	ufrag, passwd string
	candidates    []string // values of a=candidate
}

// readFragment takes the body of a PATCH.
func readFragment(w http.ResponseWriter, r *http.Request) (fragment, *problem) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != fragmentType {
		w.Header().Set("Accept-Patch", fragmentType) // RFC 5789 section 2.2
		return fragment{}, refusal(http.StatusUnsupportedMediaType, InvalidInput, "send the fragment with Content-Type: "+fragmentType)
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(offerReadTime)) // as in readOffer
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxFragmentBytes))
	if err != nil {
		return fragment{}, refusal(http.StatusBadRequest, InvalidInput, fmt.Sprintf("the fragment did not arrive completely, or has more than %d KiB", maxFragmentBytes>>10))
	}
	f, err := parseFragment(string(body))
	if err != nil {
		return fragment{}, refusal(http.StatusBadRequest, InvalidInput, "the body is no SDP fragment (RFC 8840): "+clip(err.Error()))
	}
	return f, nil
}

// parseFragment reads a fragment. Of several sections only the first counts: with everything bundled there is
// one ICE session, and it belongs to that one (RFC 9725 section 4.3.2).
func parseFragment(body string) (fragment, error) {
	if !strings.HasPrefix(body, "v=") { // a fragment leaves out what every description begins with
		body = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n" + body
	}
	var parsed sdp.SessionDescription
	if err := parsed.UnmarshalString(body); err != nil {
		return fragment{}, err
	}
	var f fragment
	attributes := parsed.Attributes
	if len(parsed.MediaDescriptions) > 0 {
		first := parsed.MediaDescriptions[0]
		f.media = first.MediaName.String()
		attributes = append(attributes, first.Attributes...)
	}
	for _, a := range attributes {
		switch a.Key {
		case "group":
			f.bundle = a.Value
		case "mid":
			f.mid = a.Value
		case "ice-ufrag":
			f.ufrag = a.Value
		case "ice-pwd":
			f.passwd = a.Value
		case "candidate":
			f.candidates = append(f.candidates, a.Value)
		}
	}
	switch {
	case !credential(f.ufrag, minUfrag):
		return fragment{}, fmt.Errorf("ice-ufrag must have %d to %d characters", minUfrag, maxCredential)
	case !credential(f.passwd, minPassword):
		return fragment{}, fmt.Errorf("ice-pwd must have %d to %d characters", minPassword, maxCredential)
	case len(f.candidates) > maxCandidates:
		return fragment{}, fmt.Errorf("more than %d candidates", maxCandidates)
	}
	return f, nil
}

// credential reports whether a value is made of ICE characters: letters, digits, + and /.
func credential(s string, least int) bool {
	if len(s) < least || len(s) > maxCredential {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '+' && c != '/' {
			return false
		}
	}
	return true
}

// String is the fragment as it travels.
func (f fragment) String() string {
	var b strings.Builder
	for _, line := range []struct{ name, value string }{
		{"a=group:", f.bundle}, {"m=", f.media}, {"a=mid:", f.mid}, {"a=ice-ufrag:", f.ufrag}, {"a=ice-pwd:", f.passwd},
	} {
		if line.value != "" {
			b.WriteString(line.name + line.value + "\r\n")
		}
	}
	for _, c := range f.candidates {
		b.WriteString("a=candidate:" + c + "\r\n")
	}
	b.WriteString("a=end-of-candidates\r\n")
	return b.String()
}

// restartOffer is the offer that a client would send if WHIP had a second one: the first, with another ICE session.
func restartOffer(offer string, f fragment) (string, error) {
	var parsed sdp.SessionDescription
	if err := parsed.UnmarshalString(offer); err != nil {
		return "", fmt.Errorf("reading the first offer: %w", err)
	}
	replace := func(attributes []sdp.Attribute) []sdp.Attribute {
		var out []sdp.Attribute
		for _, a := range attributes {
			switch a.Key {
			case "candidate", "end-of-candidates", "remote-candidates":
				continue
			case "ice-ufrag":
				a.Value = f.ufrag
			case "ice-pwd":
				a.Value = f.passwd
			}
			out = append(out, a)
		}
		return out
	}
	parsed.Origin.SessionVersion++
	parsed.Attributes = replace(parsed.Attributes)
	for i, m := range parsed.MediaDescriptions {
		m.Attributes = replace(m.Attributes)
		if i == 0 {
			for _, c := range f.candidates {
				m.Attributes = append(m.Attributes, sdp.Attribute{Key: "candidate", Value: c})
			}
		}
	}
	out, err := parsed.Marshal()
	if err != nil {
		return "", fmt.Errorf("writing the restart's offer: %w", err)
	}
	return string(out), nil
}

// newETag names an ICE session (RFC 9725 section 4.3.1): strong, and never used twice.
func newETag() string { return `"` + rand.Text() + `"` }

// precondition evaluates If-Match (RFC 9110 section 13.1.1) against the ICE session that there is. Without it a
// request that arrives out of order could be taken for one about another ICE session: 428 (RFC 6585 section 3).
func precondition(header, current string) *problem {
	if strings.TrimSpace(header) == "" {
		return refusal(http.StatusPreconditionRequired, "", "say which ICE session is meant with If-Match: the ETag of the newest answer, or * to restart ICE")
	}
	for tag := range strings.SplitSeq(header, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || tag == current {
			return nil
		}
	}
	return refusal(http.StatusPreconditionFailed, "", "this ICE session was followed by another; its ETag is in the newest answer")
}
