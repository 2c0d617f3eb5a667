package player

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// film is a source that plays made-up access units: a key frame on request, else
// deltas, 30 a second.
type film struct {
	keyFrames chan struct{}
	closed    chan struct{}
	frames    *time.Ticker
	count     time.Duration
	keyWanted int
	lock      sync.Mutex // of keyWanted
}

func openFilm() *film {
	return &film{keyFrames: make(chan struct{}, 16), closed: make(chan struct{}), frames: time.NewTicker(time.Second / 30)}
}

func (f *film) Video(ctx context.Context) (Sample, error) {
	select {
	case <-f.frames.C:
	case <-ctx.Done():
		return Sample{}, ctx.Err()
	}
	f.count++
	sample := Sample{RunningTime: f.count * time.Second / 30, Data: append([]byte{0, 0, 0, 1, 0x41}, make([]byte, 500)...)}
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.keyWanted > 0 {
		f.keyWanted = 0
		sample.KeyFrame = true
		sample.Data = []byte{0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0, 0, 0, 1, 0x68, 0xce, 0, 0, 0, 1, 0x65}
		sample.Data = append(sample.Data, make([]byte, 5000)...)
	}
	return sample, nil
}

func (f *film) Audio(ctx context.Context) (Sample, error) {
	<-ctx.Done()
	return Sample{}, ctx.Err()
}

func (f *film) ForceKeyFrame() {
	f.lock.Lock()
	f.keyWanted++
	f.lock.Unlock()
	select {
	case f.keyFrames <- struct{}{}:
	default:
	}
}

func (f *film) Close() { f.frames.Stop(); close(f.closed) }

// page is a browser's part, played by pion.
type page struct {
	*webrtc.PeerConnection
	input, messages *webrtc.DataChannel
	offer           string
	open            chan struct{} // when the input channel is
	packets         chan *rtp.Packet
	video           chan webrtc.SSRC
	heard           chan string
}

func openPage(t *testing.T) *page {
	t.Helper()
	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	if err := media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: playoutDelayURI}, webrtc.RTPCodecTypeVideo); err != nil {
		t.Fatal(err)
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(settings))
	connection, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	p := &page{
		PeerConnection: connection, open: make(chan struct{}),
		packets: make(chan *rtp.Packet, 1024), video: make(chan webrtc.SSRC, 1), heard: make(chan string, 16),
	}
	t.Cleanup(func() { _ = p.GracefulClose() })
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := p.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	unordered, never := false, uint16(0)
	if p.input, err = p.CreateDataChannel("inputChannel", &webrtc.DataChannelInit{Ordered: &unordered, MaxRetransmits: &never}); err != nil {
		t.Fatal(err)
	}
	if p.messages, err = p.CreateDataChannel("clientMessageChannel", nil); err != nil {
		t.Fatal(err)
	}
	p.input.OnOpen(func() { close(p.open) })
	p.messages.OnMessage(func(m webrtc.DataChannelMessage) { p.heard <- string(m.Data) })
	p.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		if track.Kind() != webrtc.RTPCodecTypeVideo {
			return
		}
		p.video <- track.SSRC()
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			select {
			case p.packets <- packet:
			default:
			}
		}
	})
	description, err := p.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SetLocalDescription(description); err != nil {
		t.Fatal(err)
	}
	offer, err := json.Marshal(map[string]any{"type": "offer", "sdp": description.SDP, "webSdkVersion": "1.2.0"})
	if err != nil {
		t.Fatal(err)
	}
	p.offer = string(offer)
	return p
}

func (p *page) accept(t *testing.T, response string) {
	t.Helper()
	var answer struct{ Type, SDP, WebSdkProtocolURL string }
	if err := json.Unmarshal([]byte(response), &answer); err != nil || answer.Type != "answer" {
		t.Fatalf("response %q: %v", response, err)
	}
	if err := p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer.SDP}); err != nil {
		t.Fatal(err)
	}
}

func answer(t *testing.T, p *page, source Source) *Client {
	t.Helper()
	client, response, err := Answer(t.Context(), Config{
		Open: func() (Source, error) {
			if source == nil {
				return nil, errors.New("no display")
			}
			return source, nil
		},
		ProtocolURL: "http://127.0.0.1/proto.js", Log: slog.New(slog.DiscardHandler),
	}, p.offer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close("") })
	p.accept(t, response)
	return client
}

func soon[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case value := <-c:
		return value
	case <-time.After(patience):
		t.Fatalf("never happened: %s", what)
		panic("unreachable")
	}
}

func TestPlayerGetsTheFilmFromAKeyFrameOn(t *testing.T) {
	p, source := openPage(t), openFilm()
	client := answer(t, p, source)
	soon(t, "connected", client.Connected())
	first := soon(t, "first packet", p.packets)
	if kind := first.Payload[0] & 0x1f; kind != 24 {
		t.Errorf("the first packet has NAL unit type %d, want 24: parameter sets aggregated (RFC 6184, 5.7.1)", kind)
	}
	if len(first.GetExtensionIDs()) == 0 {
		t.Error("the packets lack the playout delay extension")
	}
	for _, id := range first.GetExtensionIDs() {
		if delay := first.GetExtension(id); len(delay) != 3 || delay[0]|delay[1]|delay[2] != 0 {
			t.Errorf("extension %d is %v, want no playout delay", id, delay)
		}
	}
	<-source.keyFrames // the one that the film began with
	ssrc := soon(t, "track", p.video)
	if err := p.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(ssrc)}}); err != nil {
		t.Fatal(err)
	}
	soon(t, "a key frame on request", source.keyFrames)
	client.Close("")
	soon(t, "the source is closed", source.closed)
}

func TestAnswerHoldsOnlyLoopbackCandidatesAndSplitStreams(t *testing.T) {
	p := openPage(t)
	client := answer(t, p, openFilm())
	sdp := client.connection.LocalDescription().SDP
	candidates := 0
	for line := range strings.Lines(sdp) {
		if strings.HasPrefix(line, "a=candidate:") {
			candidates++
			if !strings.Contains(line, " 127.0.0.1 ") {
				t.Errorf("not loopback: %s", line)
			}
		}
	}
	if candidates == 0 {
		t.Error("the answer holds no candidate, and there is no trickle")
	}
	for _, want := range []string{"a=msid:picture ", "a=msid:sound ", "a=end-of-candidates"} {
		if !strings.Contains(sdp, want) {
			t.Errorf("the answer lacks %q", want)
		}
	}
}

func TestClosedPageIsNoticedBeforeItsSilence(t *testing.T) {
	// On a machine that stands still for two seconds, the goodbye may be heard after the silence. A page whose goodbye is
	// not heard is never noticed before it.
	for try := 1; ; try++ {
		p := openPage(t)
		client := answer(t, p, openFilm())
		soon(t, "connected", client.Connected())
		soon(t, "channels open", p.open)
		began := time.Now()
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		soon(t, "gone", client.Gone())
		state := client.connection.ICEConnectionState()
		t.Logf("noticed after %v, when ICE was %s", time.Since(began), state)
		if state == webrtc.ICEConnectionStateConnected || state == webrtc.ICEConnectionStateClosed { // the goodbye closes it
			return
		}
		if try == 3 {
			t.Fatalf("noticed only when ICE was %s", state)
		}
	}
}

func TestMessagesGoBothWaysUntilTheEnd(t *testing.T) {
	p := openPage(t)
	client := answer(t, p, openFilm())
	soon(t, "channels open", p.open)
	if err := p.input.SendText(`{"n":0}`); err != nil {
		t.Fatal(err)
	}
	if got := string(soon(t, "input", client.Input())); got != `{"n":0}` {
		t.Errorf("input is %q", got)
	}
	if err := p.messages.Send([]byte("to the game")); err != nil {
		t.Fatal(err)
	}
	if got := string(soon(t, "message", client.Messages())); got != "to the game" {
		t.Errorf("message is %q", got)
	}
	if err := client.Send([]byte("to the page")); err != nil {
		t.Fatal(err)
	}
	if got := soon(t, "reply", p.heard); got != "to the page" {
		t.Errorf("reply is %q", got)
	}
	client.Close("terminated")
	if got := soon(t, "farewell", p.heard); got != `{"hotseat":"disconnect","reason":"terminated"}` {
		t.Errorf("farewell is %q", got)
	}
	if err := client.Send([]byte("too late")); err == nil {
		t.Error("a closed client takes messages")
	}
}

func TestSourceThatFailsEndsTheConnection(t *testing.T) {
	p := openPage(t)
	client := answer(t, p, nil)
	soon(t, "gone", client.Gone())
}

func TestOffersThatCannotBeAnsweredAreRefused(t *testing.T) {
	withoutVideo, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer withoutVideo.GracefulClose()
	if _, err := withoutVideo.CreateDataChannel("inputChannel", nil); err != nil {
		t.Fatal(err)
	}
	description, err := withoutVideo.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	silent, err := json.Marshal(signal{Type: "offer", SDP: description.SDP})
	if err != nil {
		t.Fatal(err)
	}
	for name, request := range map[string]string{
		"nothing":       "",
		"not JSON":      "v=0",
		"an answer":     `{"type":"answer","sdp":"v=0\r\n"}`,
		"an empty one":  `{"type":"offer","sdp":""}`,
		"not SDP":       `{"type":"offer","sdp":"hello"}`,
		"too long":      `{"type":"offer","sdp":"` + strings.Repeat("a", MaxSignal) + `"}`,
		"without video": string(silent),
		"half an SDP":   `{"type":"offer","sdp":"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"}`,
	} {
		client, _, err := Answer(t.Context(), Config{Log: slog.New(slog.DiscardHandler)}, request)
		if !errors.Is(err, ErrOffer) {
			t.Errorf("%s: got %v, want ErrOffer", name, err)
		}
		if client != nil {
			client.Close("")
		}
	}
}

func FuzzParseOffer(f *testing.F) {
	f.Add(`{"type":"offer","sdp":"v=0\r\n","extras":{"features":[{"name":"WEBRTC_SPLIT_MEDIA_STREAMS","value":"enabled"}]}}`)
	f.Add(`{"type":"answer"}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, request string) {
		sdp, err := parseOffer(request)
		if (err == nil) == (sdp == "") {
			t.Fatalf("description %q with error %v", sdp, err)
		}
	})
}
