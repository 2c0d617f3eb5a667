package conformance

import (
	"strings"
	"testing"
)

// What a server answers is as strange to this program as what a client sends is to a server.
func FuzzAnswer(f *testing.F) {
	f.Add("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 102\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghijkl\r\na=rtcp-mux\r\na=recvonly\r\na=setup:passive\r\n", `</x>; rel="ice-server"`)
	f.Add("m=\r\na=mid:\r\na=group:BUNDLE\r\n", `<turn:x>; rel="ice-server"; username="a"; credential="b", <stun:y>; rel=ice-server`)
	f.Add("", ",<,")
	f.Fuzz(func(t *testing.T, body, link string) {
		s := &side{runner: &runner{}, spec: whepSpec}
		s.examineDescription(body)
		s.examineLinks(reply{header: map[string][]string{"Link": {link}}})
		_ = partial(body)
		_, _ = unknownVideo(body), twoVideos(body)
		fragment := readFragment(body)
		if out, err := replaceICE(body, fragment); err == nil && strings.Contains(body, "\na=ice-ufrag:") && readFragment(out).ufrag != fragment.ufrag {
			t.Errorf("%q lost its ufrag", body)
		}
		for _, r := range s.results {
			if len(r.Evidence) > 200 {
				t.Errorf("evidence of %d bytes", len(r.Evidence))
			}
		}
	})
}
