package stage

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// publishPage publishes a moving picture of 1280x720 and a tone by WHIP, the picture in two sizes if it is asked to, and
// posts its statistics every 250 ms.
const publishPage = `<!doctype html><canvas id=c width=1280 height=720></canvas><script>
(async () => {
  const q = new URLSearchParams(location.search), c = document.getElementById('c').getContext('2d');
  let n = 0;
  setInterval(() => {
    c.fillStyle = 'hsl(' + n % 360 + ' 50% 40%)'; c.fillRect(0, 0, 1280, 720);
    c.fillStyle = '#fff'; c.fillRect(n * 7 % 1200, n * 3 % 640, 80, 80); n++;
  }, 33);
  const tone = new AudioContext(), oscillator = tone.createOscillator(), out = tone.createMediaStreamDestination();
  oscillator.connect(out); oscillator.start();
  const stream = document.getElementById('c').captureStream(30), pc = new RTCPeerConnection();
  const sendEncodings = q.get('simulcast') ? [{rid: 'l', scaleResolutionDownBy: 2, maxBitrate: 400000}, {rid: 'h', maxBitrate: 2500000}] : [{maxBitrate: 2500000}];
  stream.getVideoTracks()[0].contentHint = 'detail'; // keep the size when the machine is busy
  const video = pc.addTransceiver(stream.getVideoTracks()[0], {direction: 'sendonly', streams: [stream], sendEncodings});
  pc.addTransceiver(out.stream.getAudioTracks()[0], {direction: 'sendonly', streams: [stream]});
  video.setCodecPreferences(RTCRtpSender.getCapabilities('video').codecs.filter(c => c.mimeType === 'video/H264' &&
    /profile-level-id=42[ec0]0/i.test(c.sdpFmtpLine) && /packetization-mode=1/.test(c.sdpFmtpLine)));
  await pc.setLocalDescription();
  if (pc.iceGatheringState !== 'complete') await new Promise(done => pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && done());
  const response = await fetch(q.get('whip'), {method: 'POST', body: pc.localDescription.sdp,
    headers: {'Content-Type': 'application/sdp', Authorization: 'Bearer ' + q.get('token')}});
  const answer = await response.text();
  if (response.status !== 201) { await fetch('/report', {method: 'POST', body: JSON.stringify({error: answer})}); return; }
  await pc.setRemoteDescription({type: 'answer', sdp: answer});
  setInterval(async () => {
    const r = {layers: {}};
    (await pc.getStats()).forEach(s => {
      if (s.type === 'outbound-rtp' && s.kind === 'video') r.layers[s.rid || ''] = s;
    });
    fetch('/report', {method: 'POST', body: JSON.stringify(r)});
  }, 250);
})().catch(e => fetch('/report', {method: 'POST', body: JSON.stringify({error: '' + e})}));
</script>`

type publishReport struct {
	Error  string
	Layers map[string]struct {
		FramesEncoded, FrameWidth, PliCount, NackCount int
		EncoderImplementation                          string
	}
}

// publishFromChromium opens the page with a query, and returns what it reports.
func publishFromChromium(t *testing.T, query url.Values) <-chan publishReport {
	t.Helper()
	reports := make(chan publishReport, 1)
	site := http.NewServeMux()
	site.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, publishPage) })
	site.HandleFunc("POST /report", func(_ http.ResponseWriter, r *http.Request) {
		var report publishReport
		if json.NewDecoder(r.Body).Decode(&report) != nil {
			return
		}
		select {
		case <-reports: // the newest is what counts
		default:
		}
		select {
		case reports <- report:
		default:
		}
	})
	front := httptest.NewServer(site)
	t.Cleanup(front.Close)
	openChromium(t, front.URL+"/?"+query.Encode())
	return reports
}

// TestARealBrowserPublishes has Chromium publish, in one size and in two, as a page with a camera does.
func TestARealBrowserPublishes(t *testing.T) {
	if os.Getenv("HOTSEAT_BROWSER") == "" {
		t.Skip("set HOTSEAT_BROWSER=1 to run Chromium and GStreamer")
	}
	for _, c := range []struct {
		name, simulcast string
		layers          int
	}{{"one size", "", 1}, {"simulcast", "1", 2}} {
		t.Run(c.name, func(t *testing.T) {
			s := newTestStage(t)
			reports := publishFromChromium(t, url.Values{
				"whip": {s.url + "/st/publish/game"}, "token": {s.invite("st", "game", "publish")}, "simulcast": {c.simulcast},
			})
			// The page reports when it has been answered, or why not: Chromium takes its time to start.
			select {
			case first := <-reports:
				if first.Error != "" {
					t.Fatal(first.Error)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("Chromium says nothing")
			}
			s.awaitEvent(PublishStarted, "game", 1)
			v := s.subscribe("st", "game", s.invite("st", "viewer", "subscribe"))
			v.next(t, "a parameter set for 1280x720", func(p *rtp.Packet) bool {
				found, err := parseSPS(look(p.Payload).sps)
				return err == nil && found.width == 1280 && found.height == 720
			})
			for range 60 {
				v.next(t, "pictures", func(p *rtp.Packet) bool { return p.PayloadType != 111 && p.Marker })
			}
			v.next(t, "sound", func(p *rtp.Packet) bool { return p.PayloadType == 111 })
			report := <-reports
			if len(report.Layers) != c.layers {
				t.Errorf("%d layers are sent", len(report.Layers))
			}
			t.Logf("%+v", report.Layers)

			t.Run("GStreamer decodes it", func(t *testing.T) {
				_, seen := gstreamer(t, "gstreamer_whep.py", s.url+"/st/subscribe/game", s.invite("st", "player", "subscribe"), "30")
				if told := seen(); !regexp.MustCompile(`^frames \d+ 1280x720, audio \d+\n$`).MatchString(told) {
					t.Errorf("the player says %q", told)
				}
			})
		})
	}
}
