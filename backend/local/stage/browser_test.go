package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/pion/webrtc/v4/pkg/media/h264reader"
	"github.com/pion/webrtc/v4/pkg/media/oggreader"
)

// page receives the stream as the product's page does, and posts its statistics every 250 ms.
const page = `<!doctype html><video id=v autoplay muted playsinline></video><script>
(async () => {
  const began = performance.now(), v = document.getElementById('v'), q = new URLSearchParams(location.search);
  let first = 0;
  v.requestVideoFrameCallback(() => first = performance.now() - began);
  const pc = new RTCPeerConnection();
  const stream = new MediaStream();
  v.srcObject = stream;
  pc.ontrack = e => stream.addTrack(e.track);
  pc.addTransceiver('video', {direction: 'recvonly'});
  pc.addTransceiver('audio', {direction: 'recvonly'});
  await pc.setLocalDescription();
  const response = await fetch(q.get('whep'), {method: 'POST', body: pc.localDescription.sdp,
    headers: {'Content-Type': 'application/sdp', Authorization: 'Bearer ' + q.get('token')}});
  const answer = await response.text();
  if (response.status !== 201) { await fetch('/report', {method: 'POST', body: JSON.stringify({error: answer})}); return; }
  const usable = sdp => q.get('tcp') ? sdp.replace(/a=candidate:.* udp .*\r\n/gi, '') : sdp;
  await pc.setRemoteDescription({type: 'answer', sdp: usable(answer)});
  let restarted = 0, etag = response.headers.get('ETag');
  if (q.get('restart')) setTimeout(async () => { // as a page does whose computer has moved to another network
    pc.restartIce();
    await pc.setLocalDescription();
    const offer = pc.localDescription.sdp, line = re => (offer.match(re) || [''])[0];
    const fragment = [line(/m=.*/), line(/a=mid:.*/), line(/a=ice-ufrag:.*/), line(/a=ice-pwd:.*/), ''].join('\r\n');
    const patched = await fetch(response.headers.get('Location'), {method: 'PATCH', body: fragment,
      headers: {'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': '*', Authorization: 'Bearer ' + q.get('token')}});
    const fresh = await patched.text(), value = re => (fresh.match(re) || [''])[0];
    if (patched.headers.get('ETag') !== etag) restarted = patched.status;
    await pc.setRemoteDescription({type: 'answer', sdp: usable(answer)
      .replace(/a=ice-ufrag:.*/g, value(/a=ice-ufrag:.*/)).replace(/a=ice-pwd:.*/g, value(/a=ice-pwd:.*/))});
  }, 1500);
  setInterval(async () => {
    const r = {first, restarted, location: response.headers.get('Location')};
    (await pc.getStats()).forEach(s => {
      if (s.type === 'inbound-rtp') r[s.kind] = s;
      if (s.type === 'transport') r.transport = s;
    });
    fetch('/report', {method: 'POST', body: JSON.stringify(r)});
  }, 250);
})();
</script>`

type browserReport struct {
	Error     string
	First     float64 // ms from opening the page to the first frame on screen
	Location  string
	Restarted int // status of the answer to a restart
	Video     struct {
		FramesDecoded, KeyFramesDecoded, FramesDropped, FreezeCount, PacketsLost, PliCount, FrameWidth int
		JitterBufferDelay, TotalDecodeTime                                                             float64 // s
		JitterBufferEmittedCount                                                                       int
	}
	Audio     struct{ PacketsReceived int }
	Transport struct{ SRTPCipher, DTLSRole string }
}

// TestARealBrowserShowsTheStream runs Chromium against the stage, with x264 at the other end. It needs both, and
// half a minute of a quiet machine: HOTSEAT_BROWSER=1 go test -count=1 -run RealBrowser -v ./backend/local/stage
func TestARealBrowserShowsTheStream(t *testing.T) {
	if os.Getenv("HOTSEAT_BROWSER") == "" {
		t.Skip("set HOTSEAT_BROWSER=1 to run Chromium and GStreamer")
	}
	s := newTestStage(t)
	clip, sound := makeClip(t)
	token := s.invite("st", "game", "publish")
	stop := s.publishClip(token, clip, sound)
	s.awaitEvent(PublishStarted, "game", 1)

	await := s.watchInChromium("whep=" + s.url + "/st/subscribe/game&token=" + s.invite("st", "viewer", "subscribe"))
	start := await("one second of pictures", func(r browserReport) bool { return r.Video.FramesDecoded > 30 && r.First > 0 })
	end := await("six more seconds", func(r browserReport) bool { return r.Video.FramesDecoded > start.Video.FramesDecoded+180 })
	held := 1000 * (end.Video.JitterBufferDelay - start.Video.JitterBufferDelay) /
		float64(end.Video.JitterBufferEmittedCount-start.Video.JitterBufferEmittedCount)
	t.Logf("first frame %.0f ms, jitter buffer %.2f ms, decoding %.2f ms, %+v %+v %+v", end.First, held,
		1000*end.Video.TotalDecodeTime/float64(end.Video.FramesDecoded), end.Video, end.Audio, end.Transport)
	if held > 20 {
		t.Errorf("frames are held %.1f ms: the playout delay is not honoured", held)
	}
	if end.Transport.SRTPCipher != "SRTP_AEAD_AES_128_GCM" && end.Transport.SRTPCipher != "AEAD_AES_128_GCM" {
		t.Errorf("SRTP cipher %q", end.Transport.SRTPCipher)
	}
	if end.Location == "" || end.Audio.PacketsReceived == 0 || end.Video.FrameWidth != 1280 {
		t.Errorf("location %q, %d audio packets, width %d", end.Location, end.Audio.PacketsReceived, end.Video.FrameWidth)
	}

	stop()
	s.awaitEvent(PublishStopped, "game", 1)
	began := time.Now()
	stop = s.publishClip(token, clip, sound)
	again := await("pictures of the next publisher", func(r browserReport) bool { return r.Video.FramesDecoded > end.Video.FramesDecoded+60 })
	t.Logf("60 frames more %v after the publisher came back: %+v", time.Since(began).Round(time.Millisecond), again.Video)
	stop()
}

// watchInChromium opens the page with a query, and returns a way to wait for what it reports.
func (s *testStage) watchInChromium(query string) (await func(what string, fits func(browserReport) bool) browserReport) {
	t := s.t
	t.Helper()
	reports := make(chan browserReport, 1)
	site := http.NewServeMux()
	site.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page) })
	site.HandleFunc("POST /report", func(_ http.ResponseWriter, r *http.Request) {
		var report browserReport
		if err := json.NewDecoder(r.Body).Decode(&report); err == nil {
			select {
			case reports <- report:
			case <-r.Context().Done():
			}
		}
	})
	front := httptest.NewServer(site)
	t.Cleanup(front.Close)
	openChromium(t, front.URL+"/?"+query)

	return func(what string, fits func(browserReport) bool) browserReport {
		t.Helper()
		deadline := time.After(30 * time.Second)
		var last browserReport
		for {
			select {
			case last = <-reports:
				if last.Error != "" {
					t.Fatal(last.Error)
				}
				if fits(last) {
					return last
				}
			case <-deadline:
				t.Fatalf("%s: last seen %+v", what, last)
			}
		}
	}
}

// TestARealBrowserGoesOnOverTCPAndAfterAMove runs Chromium where UDP leads nowhere, and has it restart ICE.
func TestARealBrowserGoesOnOverTCPAndAfterAMove(t *testing.T) {
	if os.Getenv("HOTSEAT_BROWSER") == "" {
		t.Skip("set HOTSEAT_BROWSER=1 to run Chromium and GStreamer")
	}
	for _, c := range []struct{ name, query, transport string }{
		{"over TCP", "tcp=1", "tcp"},
		{"after a restart", "restart=1", "udp"},
		{"after a restart over TCP", "tcp=1&restart=1", "tcp"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newTestStageWith(t, func(c *Config) { c.TCPAddress = "127.0.0.1:0" })
			clip, sound := makeClip(t)
			stop := s.publishClip(s.invite("st", "game", "publish"), clip, sound)
			defer stop()
			s.awaitEvent(PublishStarted, "game", 1)
			await := s.watchInChromium(c.query + "&whep=" + s.url + "/st/subscribe/game&token=" + s.invite("st", "viewer", "subscribe"))
			start := await("pictures", func(r browserReport) bool {
				return r.Video.FramesDecoded > 30 && (r.Restarted == http.StatusOK || !strings.Contains(c.query, "restart"))
			})
			end := await("more pictures", func(r browserReport) bool { return r.Video.FramesDecoded > start.Video.FramesDecoded+90 })
			if got := s.server.Stats().Stages[0].Feeds[0].Viewers[0].Transport; got != c.transport {
				t.Errorf("over %s, want %s", got, c.transport)
			}
			t.Logf("%+v", end.Video)
		})
	}
}

func openChromium(t *testing.T, url string, flags ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	browser := exec.CommandContext(ctx, "chromium", append(flags, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--user-data-dir="+t.TempDir(), "--autoplay-policy=no-user-gesture-required", "--allow-loopback-in-peer-connection",
		"--disable-features=WebRtcHideLocalIpsWithMdns", "--remote-debugging-port=0", url)...)
	browser.WaitDelay = 5 * time.Second
	if err := browser.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = browser.Wait()
	})
}

type accessUnitOf struct {
	data     []byte
	keyFrame bool
}

// makeClip encodes five seconds of moving pictures and a tone.
func makeClip(t *testing.T) (video []accessUnitOf, sound [][]byte) {
	t.Helper()
	dir := t.TempDir()
	h264, ogg := filepath.Join(dir, "clip.h264"), filepath.Join(dir, "clip.ogg")
	out, err := exec.Command("gst-launch-1.0", strings.Fields("-q "+
		"videotestsrc num-buffers=150 pattern=ball ! video/x-raw,width=1280,height=720,framerate=30/1 ! "+
		"x264enc tune=zerolatency speed-preset=ultrafast bitrate=3000 key-int-max=60 vbv-buf-capacity=200 ! "+
		"video/x-h264,profile=constrained-baseline,stream-format=byte-stream,alignment=au ! filesink location="+h264+" "+
		"audiotestsrc num-buffers=250 samplesperbuffer=960 ! audio/x-raw,rate=48000,channels=2 ! opusenc frame-size=20 ! oggmux max-delay=0 max-page-delay=0 ! filesink location="+ogg)...).CombinedOutput()
	if err != nil {
		t.Fatalf("gst-launch: %v\n%s", err, out)
	}
	raw, err := os.ReadFile(h264)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := h264reader.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	for {
		nal, err := reader.NextNAL()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if nal.UnitType == h264reader.NalUnitTypeAUD {
			video = append(video, accessUnitOf{})
			continue
		}
		unit := &video[len(video)-1]
		unit.data = append(unit.data, accessUnit(nal.Data)...)
		unit.keyFrame = unit.keyFrame || nal.UnitType == h264reader.NalUnitTypeCodedSliceIdr
	}
	file, err := os.ReadFile(ogg)
	if err != nil {
		t.Fatal(err)
	}
	pages, _, err := oggreader.NewWith(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	for {
		page, _, err := pages.ParseNextPage()
		if err != nil {
			break
		}
		if !bytes.HasPrefix(page, []byte("Opus")) {
			sound = append(sound, page)
		}
	}
	return video, sound
}

// publishClip plays a clip in a loop, from a key frame when asked, until stopped.
func (s *testStage) publishClip(token string, clip []accessUnitOf, sound [][]byte) (stop func()) {
	s.t.Helper()
	pc := newClient(s.t)
	add := func(codec webrtc.RTPCodecCapability, id string) (*webrtc.TrackLocalStaticSample, *webrtc.RTPSender) {
		track, err := webrtc.NewTrackLocalStaticSample(codec, id, "game")
		if err != nil {
			s.t.Fatal(err)
		}
		sender, err := pc.AddTrack(track)
		if err != nil {
			s.t.Fatal(err)
		}
		return track, sender
	}
	video, videoSender := add(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90_000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}, "video")
	audio, _ := add(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2}, "audio")
	s.connect(pc, s.url+"/st/publish/game", token)

	done := make(chan struct{})
	var work sync.WaitGroup
	wanted := make(chan struct{}, 1)
	work.Go(func() {
		for {
			packets, _, err := videoSender.ReadRTCP()
			if err != nil {
				return
			}
			for _, p := range packets {
				if _, ok := p.(*rtcp.PictureLossIndication); ok {
					select {
					case wanted <- struct{}{}:
					default:
					}
				}
			}
		}
	})
	play := func(every time.Duration, write func(int)) {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			case <-ticker.C:
				write(i)
			}
		}
	}
	next := 0
	work.Go(func() {
		play(time.Second/30, func(int) {
			select {
			case <-wanted:
				for next %= len(clip); !clip[next].keyFrame; next = (next + 1) % len(clip) {
				}
			default:
			}
			_ = video.WriteSample(media.Sample{Data: clip[next%len(clip)].data, Duration: time.Second / 30})
			next++
		})
	})
	work.Go(func() {
		play(20*time.Millisecond, func(i int) {
			_ = audio.WriteSample(media.Sample{Data: sound[i%len(sound)], Duration: 20 * time.Millisecond})
		})
	})
	return func() {
		close(done)
		_ = pc.GracefulClose()
		work.Wait()
	}
}
