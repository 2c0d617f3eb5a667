package stage

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// layersPage publishes a camera in three layers, and receives it twice: as it is, and by a narrow line. It posts its
// statistics every 250 ms.
const layersPage = `<!doctype html><video id=wide autoplay muted playsinline></video><video id=narrow autoplay muted playsinline></video><script>
(async () => {
  const q = new URLSearchParams(location.search);
  const post = (url, token, body) => fetch(url, {method: 'POST', body, headers: {'Content-Type': 'application/sdp', Authorization: 'Bearer ' + token}});
  const report = r => fetch('/report', {method: 'POST', body: JSON.stringify(r)});
  try {
    const camera = await navigator.mediaDevices.getUserMedia({video: {width: 960, height: 540, frameRate: 20}, audio: true});
    const up = new RTCPeerConnection();
    const transceiver = up.addTransceiver(camera.getVideoTracks()[0], {direction: 'sendonly', sendEncodings: [
      {rid: 'l', scaleResolutionDownBy: 4, maxBitrate: 150e3}, {rid: 'm', scaleResolutionDownBy: 2, maxBitrate: 400e3}, {rid: 'h', maxBitrate: 1200e3}]});
    transceiver.setCodecPreferences(RTCRtpReceiver.getCapabilities('video').codecs.filter(c => c.mimeType === 'video/H264' && c.sdpFmtpLine.includes('42e01f') && c.sdpFmtpLine.includes('packetization-mode=1')));
    up.addTransceiver(camera.getAudioTracks()[0], {direction: 'sendonly'});
    await up.setLocalDescription();
    let response = await post(q.get('publish'), q.get('publisher'), up.localDescription.sdp);
    let answer = await response.text();
    if (response.status !== 201) throw answer;
    await up.setRemoteDescription({type: 'answer', sdp: answer});
    const receive = async (token, id, port) => {
      let response;
      const pc = new RTCPeerConnection(), stream = new MediaStream();
      document.getElementById(id).srcObject = stream;
      pc.ontrack = e => stream.addTrack(e.track);
      pc.addTransceiver('video', {direction: 'recvonly'});
      pc.addTransceiver('audio', {direction: 'recvonly'});
      await pc.setLocalDescription();
      for (;;) {
        response = await post(q.get('subscribe'), token, pc.localDescription.sdp);
        if (response.status !== 404) break;
        await new Promise(go => setTimeout(go, 200));
      }
      let answer = await response.text();
      if (response.status !== 201) throw answer;
      if (port) answer = answer.replace(/(a=candidate:\S+ \d udp \d+ 127\.0\.0\.1 )(\d+)/g, (_, before, to) => { fetch('/lead?port=' + to); return before + port; });
      await pc.setRemoteDescription({type: 'answer', sdp: answer});
      return pc;
    };
    const wide = await receive(q.get('wide'), 'wide'), narrow = await receive(q.get('narrow'), 'narrow', q.get('port'));
    const began = performance.now();
    setInterval(async () => {
      const r = {At: (performance.now() - began) / 1000, Layers: {}};
      (await up.getStats()).forEach(s => { if (s.type === 'outbound-rtp' && s.kind === 'video') r.Layers[s.rid] = [s.frameWidth, s.frameHeight, s.framesPerSecond, s.bytesSent]; });
      for (const [name, pc] of [['Wide', wide], ['Narrow', narrow]])
        (await pc.getStats()).forEach(s => { if (s.type === 'inbound-rtp' && s.kind === 'video') r[name] = s; });
      report(r);
    }, 250);
  } catch (e) { report({Error: '' + e}); }
})();
</script>`

type layersReport struct {
	Error        string
	At           float64
	Layers       map[string][4]float64
	Wide, Narrow struct {
		FrameWidth, FramesDecoded, FramesDropped, FreezeCount, KeyFramesDecoded, PacketsLost, NackCount, PliCount int
		FramesPerSecond, TotalFreezesDuration                                                                     float64
	}
}

// TestARealBrowsersLayersReachEachViewerAsItsLineAllows runs Chromium with a fake camera that publishes simulcast, and
// receives it beside a line that is narrow for a while.
func TestARealBrowsersLayersReachEachViewerAsItsLineAllows(t *testing.T) {
	if os.Getenv("HOTSEAT_BROWSER") == "" {
		t.Skip("set HOTSEAT_BROWSER=1 to run Chromium")
	}
	s := newTestStageWith(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(t.Output(), nil)) })
	line := newNarrowLine(t, 0)
	reports := make(chan layersReport, 1)
	site := http.NewServeMux()
	site.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, layersPage) })
	site.HandleFunc("GET /lead", func(_ http.ResponseWriter, r *http.Request) {
		port, _ := strconv.Atoi(r.URL.Query().Get("port"))
		line.lead(t, port)
	})
	site.HandleFunc("POST /report", func(_ http.ResponseWriter, r *http.Request) {
		var report layersReport
		if err := json.NewDecoder(r.Body).Decode(&report); err == nil {
			select {
			case reports <- report:
			case <-r.Context().Done():
			}
		}
	})
	front := httptest.NewServer(site)
	t.Cleanup(front.Close)
	openChromium(t, front.URL+"/?"+strings.Join([]string{
		"publish=" + s.url + "/st/publish/cam", "publisher=" + s.invite("st", "cam", "publish"), "subscribe=" + s.url + "/st/subscribe/cam",
		"wide=" + s.invite("st", "wide", "subscribe"), "narrow=" + s.invite("st", "narrow", "subscribe"), "port=" + strconv.Itoa(line.port()),
	}, "&"), "--use-fake-device-for-media-stream=fps=20", "--use-fake-ui-for-media-stream")

	var last layersReport
	seen, told, wrong := 0, 0, 0
	await := func(what string, within time.Duration, fits func(layersReport) bool) {
		t.Helper()
		deadline := time.After(within)
		for {
			select {
			case last = <-reports:
				if last.Error != "" {
					t.Fatal(last.Error)
				}
				if told++; told%4 == 0 || seen != last.Narrow.FrameWidth {
					seen = last.Narrow.FrameWidth
					viewers := s.server.Stats().Stages[0].Feeds[0].Viewers
					estimates := []int{}
					for _, v := range viewers {
						estimates = append(estimates, int(v.Video.Estimate/1000), int(v.Video.BitsPerSecond/1000))
					}
					t.Logf("%5.1f s: narrow %d (%.0f fps), wide %d (%.0f fps), estimate and bitrate of both (kbit/s) %v, layers %v", last.At, last.Narrow.FrameWidth,
						last.Narrow.FramesPerSecond, last.Wide.FrameWidth, last.Wide.FramesPerSecond, estimates, last.Layers)
				}
				if h := last.Layers["h"]; h[2] > 0 && last.Wide.FrameWidth != 960 {
					wrong++ // reports, four a second
				}
				if fits(last) {
					return
				}
			case <-deadline:
				t.Fatalf("%s: last seen %+v", what, last)
			}
		}
	}
	await("the large layer at both", time.Minute, func(r layersReport) bool { return r.Narrow.FrameWidth == 960 && r.Wide.FrameWidth == 960 })
	since := last.At // the browser begins with less, and may take the large layer back while it learns about its own line
	await("ten seconds of it", 2*time.Minute, func(r layersReport) bool {
		if r.Wide.FrameWidth != 960 || r.Narrow.FrameWidth != 960 || r.Layers["h"][2] == 0 {
			since = r.At
		}
		return r.At > since+10
	})
	began := last.Wide
	wrong = 0
	line.bits.Store(300_000)
	await("a smaller layer by the narrow line", 20*time.Second, func(r layersReport) bool { return r.Narrow.FrameWidth < 960 && r.Narrow.FramesPerSecond > 10 })
	until := last.At + 25
	await("it stays", time.Minute, func(r layersReport) bool { return r.At > until })
	line.bits.Store(0)
	await("the large layer when the line is wide again", 2*time.Minute, func(r layersReport) bool { return r.Narrow.FrameWidth == 960 && r.Narrow.FramesPerSecond > 10 })
	if wrong > 8 || last.Wide.PacketsLost > began.PacketsLost {
		t.Errorf("the other viewer was disturbed: %+v, then %+v; a smaller layer in %d reports", began, last.Wide, wrong)
	}
	t.Logf("narrow %+v, wide %+v; %d packets dropped by the line", last.Narrow, last.Wide, line.dropped.Load())
}
