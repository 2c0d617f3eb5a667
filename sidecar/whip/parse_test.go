package whip

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

func TestReportsAboutOtherStreamsSayNothingAboutOurs(t *testing.T) {
	asked := 0
	p := &Publisher{keyFrame: &throttle{every: time.Hour, do: func() { asked++ }}}
	defer p.keyFrame.stop()
	const ours, theirs = 7, 8
	now := time.Now()
	p.aboutVideo(&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{
		{SSRC: theirs, FractionLost: 255, LastSenderReport: ntpMiddle(now) - 65536},
		{SSRC: ours, FractionLost: 64, LastSenderReport: ntpMiddle(now) - 6554},
	}}, ours, now)
	if s := p.stats; s.LossPercent != 25 || s.RTT < 99 || s.RTT > 101 {
		t.Errorf("loss %v %%, round trip %v ms; want 25 and 100", s.LossPercent, s.RTT)
	}
	p.aboutVideo(&rtcp.PictureLossIndication{MediaSSRC: theirs}, ours, now)
	p.aboutVideo(&rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: theirs}}}, ours, now)
	if asked != 0 || p.stats.KeyRequests != 0 {
		t.Error("another stream's key frame was asked of our encoder")
	}
	p.aboutVideo(&rtcp.PictureLossIndication{MediaSSRC: ours}, ours, now)
	p.aboutVideo(&rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: theirs}, {SSRC: ours}}}, ours, now)
	if asked != 1 || p.stats.KeyRequests != 2 {
		t.Errorf("asked %d times for %d requests", asked, p.stats.KeyRequests)
	}
	p.aboutVideo(&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1_500_000, SSRCs: []uint32{ours}}, ours, now)
	if got := p.Stats().EstimateKbps; got != 1500 {
		t.Errorf("REMB of 1500 kbit/s is %d", got)
	}
}

func TestRetryAfterInBothForms(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"7": 7 * time.Second, "Sun, 22 Nov 2026 12:00:30 GMT": 30 * time.Second, "Sun, 22 Nov 2026 11:00:00 GMT": 0,
		"": 0, "-1": 0, "soon": 0, "999999999": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestICEServersOfLinkHeaders(t *testing.T) {
	for _, row := range []struct {
		headers []string
		want    string
	}{
		{nil, ""},
		{[]string{`<stun:stun.example.net>; rel="ice-server"`}, "stun:stun.example.net "},
		{[]string{`<stun:a>;rel=ice-server, <stun:b>; REL="next ICE-SERVER"`}, "stun:a stun:b "},
		{[]string{`<turn:t?transport=udp>; rel="ice-server"; username="user"; credential="my,pass;\"word\""; credential-type="password"`}, `turn:t?transport=udp(user,my,pass;"word") `},
		{[]string{`<turn:t>; rel="ice-server"`, `<turns:t>; rel="ice-server"; username=u; credential=c`}, "turns:t(u,c) "},
		{[]string{`<turn:t>; rel="ice-server"; username=u; credential=c; credential-type="oauth"`}, ""},
		{[]string{`<https://x>; rel="ice-server"`, `<stun:a>; rel="other"`}, ""},
		{[]string{`nonsense`, `<stun:a>; rel="ice-server"`}, ""},
		{[]string{strings.Repeat(`<stun:a>; rel="ice-server", `, 100)}, strings.Repeat("stun:a ", maxICEServers)},
	} {
		got := ""
		for _, s := range iceServers(row.headers) {
			got += s.URLs[0]
			if s.Username != "" {
				got += fmt.Sprintf("(%s,%v)", s.Username, s.Credential)
			}
			got += " "
		}
		if got != row.want {
			t.Errorf("%q: %q, want %q", row.headers, got, row.want)
		}
	}
}

const someOffer = "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n" +
	"a=ice-ufrag:abcd\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaa\r\na=candidate:1 1 udp 1 127.0.0.1 1000 typ host\r\na=end-of-candidates\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 108\r\na=mid:1\r\na=ice-ufrag:abcd\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaa\r\na=candidate:1 1 udp 1 127.0.0.1 1000 typ host\r\n"

func TestFragmentsCarryICEAndNothingElse(t *testing.T) {
	mine, err := readICE(someOffer)
	if err != nil {
		t.Fatal(err)
	}
	want := "a=group:BUNDLE 0 1\r\na=ice-ufrag:abcd\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaa\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n" +
		"a=candidate:1 1 udp 1 127.0.0.1 1000 typ host\r\na=end-of-candidates\r\n"
	if got := fragment(someOffer, mine, true); got != want {
		t.Errorf("fragment\n%s\nwant\n%s", got, want)
	}
	got, err := renewed(someOffer, iceParams{"wxyz", strings.Repeat("b", 22), []string{"candidate:9 1 udp 1 10.0.0.1 9 typ host"}})
	if err != nil || strings.Contains(got, "abcd") || strings.Count(got, "a=ice-ufrag:wxyz") != 2 || strings.Count(got, "a=candidate") != 1 ||
		strings.Index(got, "a=candidate") > strings.Index(got, "m=video") {
		t.Errorf("%v\n%s", err, got)
	}
	for _, bad := range []string{"", "a=ice-ufrag:abcd\r\n", "a=ice-ufrag:a b\r\na=ice-pwd:" + strings.Repeat("x", 22)} {
		if _, err := readICE(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func FuzzWhatAStageSays(f *testing.F) {
	f.Add(someOffer, `<stun:a>; rel="ice-server"`)
	f.Add("a=ice-ufrag:abcd\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaa", `<turn:t>; rel="ice-server"; username="u`)
	f.Fuzz(func(t *testing.T, sdp, link string) {
		if servers := iceServers([]string{link}); len(servers) > maxICEServers {
			t.Errorf("%d servers", len(servers))
		}
		p, err := readICE(sdp)
		if err != nil {
			return
		}
		if len(p.candidates) > maxCandidates {
			t.Errorf("%d candidates", len(p.candidates))
		}
		if out, err := renewed(sdp, p); err == nil {
			if again, err := readICE(out); err != nil || again.ufrag != p.ufrag {
				t.Errorf("%q became %q", sdp, out)
			}
		}
	})
}
