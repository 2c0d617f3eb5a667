package stage

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(benchServer) != "" {
		serveBenchmark()
		return
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what should happen in milliseconds. No test that passes waits for its end.
const patience = 30 * time.Second

// testStage is a stage server behind real HTTP, with a guest list instead of signed tokens.
type testStage struct {
	t      *testing.T
	server *Server
	url    string

	mu     sync.Mutex
	tokens map[string]Token
	events []Event
	heard  chan struct{} // closed and replaced with every event
}

func newTestStage(t *testing.T) *testStage {
	t.Helper()
	return newTestStageWith(t, func(*Config) {})
}

// newTestStageWith lets a test change the configuration.
func newTestStageWith(t *testing.T, change func(*Config)) *testStage {
	t.Helper()
	s := &testStage{t: t, tokens: make(map[string]Token), heard: make(chan struct{})}
	mux := http.NewServeMux()
	front := httptest.NewServer(mux)
	s.url = front.URL + "/whip"
	config := Config{
		PublicURL: s.url, Verify: s.verify, Observer: s,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	change(&config)
	server, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	s.server = server
	mux.Handle("/whip/", http.StripPrefix("/whip", server.Handler()))
	mux.Handle("/whip", http.StripPrefix("/whip", server.Handler()))
	t.Cleanup(func() {
		front.Close()
		http.DefaultClient.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *testStage) verify(token string) (Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.tokens[token]
	switch {
	case !ok:
		return Token{}, fmt.Errorf("unknown token")
	case !found.Expires.After(time.Now()):
		return Token{}, fmt.Errorf("too late: %w", ErrTokenExpired)
	}
	return found, nil
}

// invite returns a token; may is any of "publish" and "subscribe".
func (s *testStage) invite(stageID, participant string, may ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := Token{ParticipantID: participant, StageID: stageID, Expires: time.Now().Add(time.Hour)}
	for _, m := range may {
		t.Publish = t.Publish || m == "publish"
		t.Subscribe = t.Subscribe || m == "subscribe"
	}
	raw := fmt.Sprintf("token-%d", len(s.tokens))
	s.tokens[raw] = t
	return raw
}

func (s *testStage) Observe(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
	close(s.heard)
	s.heard = make(chan struct{})
}

// awaitEvent waits for the n-th event (from 1) of this name and participant.
func (s *testStage) awaitEvent(name EventName, participant string, n int) Event {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		s.mu.Lock()
		found := 0
		for _, e := range s.events {
			if e.Name == name && e.Token.ParticipantID == participant {
				if found++; found == n {
					s.mu.Unlock()
					return e
				}
			}
		}
		heard := s.heard
		s.mu.Unlock()
		select {
		case <-heard:
		case <-deadline:
			s.t.Fatalf("no %s number %d of %s; heard %v", name, n, participant, s.names())
		}
	}
}

// follow checks that nothing is missing between the newest packet that a viewer has received and the next, and returns
// which is the newest then. What the stage itself does without is not missing: a lane of a machine that does not keep up
// drops whole frames up to the next key frame, and counts them. A viewer who asks for them again gets them late.
func (s *testStage) follow(last, next *rtp.Packet) (newest *rtp.Packet, err error) {
	step := int16(next.SequenceNumber - last.SequenceNumber) //nolint:gosec // wraps as RTP does
	if step == 1 {
		return next, nil
	}
	var dropped uint64
	for _, l := range s.server.engine.lanes {
		l.mu.Lock()
		dropped += l.dropped
		l.mu.Unlock()
	}
	switch {
	case dropped > 0 && step < 0:
		return last, nil
	case dropped > 0 && step > 0 && last.Marker && look(next.Payload).keyFrame:
		s.t.Logf("the machine is slow: %d frames were dropped, and packet %d follows %d", dropped, next.SequenceNumber, last.SequenceNumber)
		return next, nil
	}
	return next, fmt.Errorf("packet %d follows %d", next.SequenceNumber, last.SequenceNumber)
}

func (s *testStage) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, e := range s.events {
		out = append(out, fmt.Sprintf("%s/%s/%s", e.Name, e.Token.ParticipantID, e.Code))
	}
	return out
}

func (s *testStage) request(method, url, token, body string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/sdp")
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// loopbackAPI makes client connections that stay on this machine.
func loopbackAPI(t *testing.T) *webrtc.API {
	t.Helper()
	var settings webrtc.SettingEngine
	settings.LoggerFactory = pionLogs{slog.New(slog.NewTextHandler(io.Discard, nil))}
	network, err := stdnet.NewNet()
	if err != nil {
		t.Fatal(err)
	}
	settings.SetNet(roomyNet{network})
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.DisableSRTPReplayProtection(true) // a packet that is sent again on purpose must be seen
	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	if err := media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: playoutDelayURI}, webrtc.RTPCodecTypeVideo); err != nil {
		t.Fatal(err)
	}
	return webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(media))
}

// roomyNet gives connections sockets with room.
type roomyNet struct{ *stdnet.Net }

func (n roomyNet) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	socket, err := net.ListenUDP(network, at)
	if err != nil {
		return nil, err
	}
	makeRoom(socket)
	return socket, nil
}

func newClient(t *testing.T) *webrtc.PeerConnection {
	t.Helper()
	pc, err := loopbackAPI(t).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return pc
}

func gatheredOffer(t *testing.T, pc *webrtc.PeerConnection) string {
	t.Helper()
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	return pc.LocalDescription().SDP
}

// post makes an offer. Who is turned away because the machine is busy comes again, as it is told to.
func (s *testStage) post(url, token, offer string) *http.Response {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		response := s.request(http.MethodPost, url, token, offer)
		if response.StatusCode != http.StatusServiceUnavailable || time.Now().After(deadline) {
			return response
		}
	}
}

// connect runs the HTTP exchange and returns the session's address.
func (s *testStage) connect(pc *webrtc.PeerConnection, url, token string) string {
	s.t.Helper()
	return s.connectBy(pc, url, token, func(answer string) string { return answer })
}

// connectBy lets a test change the answer.
func (s *testStage) connectBy(pc *webrtc.PeerConnection, url, token string, change func(string) string) string {
	s.t.Helper()
	response := s.post(url, token, gatheredOffer(s.t, pc))
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if response.StatusCode != http.StatusCreated {
		s.t.Fatalf("%s: %s: %s", url, response.Status, answer)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: change(string(answer))}); err != nil {
		s.t.Fatal(err)
	}
	return response.Header.Get("Location")
}

// picture is what a test publisher shows.
type picture struct {
	sps    []byte
	bFrame bool
	bytes  int  // of a frame
	slow   bool // a third of the frames, for many viewers and the race detector on a small machine
}

var standard = picture{sps: makeSPS(66, 1280, 720), bytes: 3000}

// rate is how many frames there are in a second.
func (p picture) rate() uint32 {
	if p.slow {
		return 10
	}
	return 30
}

// publisher sends frames: a key frame first, and whenever it is asked for one.
type publisher struct {
	pc        *webrtc.PeerConnection
	location  string
	keyFrames atomic.Int64 // asked for
	silent    atomic.Bool  // nothing is sent
	stop      chan struct{}
	done      sync.WaitGroup
}

func (s *testStage) publish(stageID, participant, token string, shown picture) *publisher {
	s.t.Helper()
	return s.publishWith(newClient(s.t), stageID, participant, token, shown)
}

// publishWith publishes over a given connection.
func (s *testStage) publishWith(pc *webrtc.PeerConnection, stageID, participant, token string, shown picture) *publisher {
	s.t.Helper()
	p := &publisher{pc: pc, stop: make(chan struct{})}
	codec := webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90_000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}
	track, err := webrtc.NewTrackLocalStaticRTP(codec, "video", "game")
	if err != nil {
		s.t.Fatal(err)
	}
	transceiver, err := p.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		s.t.Fatal(err)
	}
	p.location = s.connect(p.pc, s.url+"/"+stageID+"/publish/"+participant, token)

	wanted := make(chan struct{}, 1)
	wanted <- struct{}{}
	p.done.Go(func() {
		for {
			packets, _, err := transceiver.Sender().ReadRTCP()
			if err != nil {
				return
			}
			for _, packet := range packets {
				if _, ok := packet.(*rtcp.PictureLossIndication); ok {
					p.keyFrames.Add(1)
					select {
					case wanted <- struct{}{}:
					default:
					}
				}
			}
		}
	})
	p.done.Go(func() { p.send(track, shown, wanted) })
	s.t.Cleanup(p.close)
	return p
}

func (p *publisher) send(track *webrtc.TrackLocalStaticRTP, shown picture, wanted <-chan struct{}) {
	packetizer := rtp.NewPacketizer(1200, 0, 0, &codecs.H264Payloader{},
		rtp.NewFixedSequencer(uint16(rand.Uint32())), 90_000) //nolint:gosec // a test
	ticker := time.NewTicker(time.Second / time.Duration(shown.rate()))
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
		}
		if p.silent.Load() {
			continue
		}
		var frame []byte
		select {
		case <-wanted:
			frame = accessUnit(shown.sps, []byte{0x68, 0xce, 0x3c, 0x80}, slice(0x65, 0x88, shown.bytes))
		default:
			second := byte(0x98) // a P slice
			if shown.bFrame {
				second = 0x9c
			}
			frame = accessUnit(slice(0x61, second, shown.bytes))
		}
		for _, packet := range packetizer.Packetize(frame, 90_000/shown.rate()) {
			_ = track.WriteRTP(packet)
		}
	}
}

func (p *publisher) close() { hangUp(p.stop, p.pc, &p.done) }

// hangUp stops what sends, once, and waits for it.
func hangUp(stop chan struct{}, pc *webrtc.PeerConnection, sending *sync.WaitGroup) {
	select {
	case <-stop:
		return
	default:
	}
	close(stop)
	_ = pc.GracefulClose()
	sending.Wait()
}

// subscriber keeps what it receives.
type subscriber struct {
	pc       *webrtc.PeerConnection
	location string
	packets  chan *rtp.Packet
	delayID  atomic.Uint32 // the playout delay extension, 0: not negotiated
}

func (s *testStage) subscribe(stageID, participant, token string) *subscriber {
	s.t.Helper()
	return s.subscribeBy(newClient(s.t), stageID, participant, token, func(answer string) string { return answer })
}

// subscribeBy subscribes over a given connection, with a change to the answer.
func (s *testStage) subscribeBy(pc *webrtc.PeerConnection, stageID, participant, token string, change func(string) string) *subscriber {
	s.t.Helper()
	v := &subscriber{pc: pc, packets: make(chan *rtp.Packet, 4096)}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := v.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			s.t.Fatal(err)
		}
	}
	v.pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		for _, e := range receiver.GetParameters().HeaderExtensions {
			if e.URI == playoutDelayURI {
				v.delayID.Store(uint32(e.ID)) //nolint:gosec // a test
			}
		}
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			select {
			case v.packets <- p:
			default:
			}
		}
	})
	v.location = s.connectBy(v.pc, s.url+"/"+stageID+"/subscribe/"+participant, token, change)
	return v
}

// next waits for one packet that fits.
func (v *subscriber) next(t *testing.T, what string, fits func(*rtp.Packet) bool) *rtp.Packet {
	t.Helper()
	return v.nextWithin(t, patience, what, fits)
}

func (v *subscriber) nextWithin(t *testing.T, most time.Duration, what string, fits func(*rtp.Packet) bool) *rtp.Packet {
	t.Helper()
	deadline := time.After(most)
	for {
		select {
		case p := <-v.packets:
			if fits(p) {
				return p
			}
		case <-deadline:
			t.Fatalf("never received %s", what)
		}
	}
}

func anyPacket(*rtp.Packet) bool { return true }

func accessUnit(nals ...[]byte) []byte {
	var out bytes.Buffer
	for _, n := range nals {
		out.Write([]byte{0, 0, 0, 1})
		out.Write(n)
	}
	return out.Bytes()
}

// slice is a NAL unit whose header is real and whose rest is noise without start codes.
func slice(first, second byte, size int) []byte {
	out := make([]byte, size)
	for i := range out {
		out[i] = byte(rand.IntN(255)) + 1
	}
	out[0], out[1] = first, second
	return out
}

// makeSPS writes a sequence parameter set as a Baseline encoder would.
func makeSPS(profile byte, width, height int) []byte {
	var w bitWriter
	w.ue(0) // id
	w.ue(0) // log2_max_frame_num
	w.ue(2) // pic_order_cnt_type
	w.ue(1) // references
	w.bits(0, 1)
	columns, rows := (width+15)/16, (height+15)/16
	w.ue(columns - 1)
	w.ue(rows - 1)
	w.bits(1, 1) // frames only
	w.bits(1, 1) // direct_8x8
	right, bottom := (columns*16-width)/2, (rows*16-height)/2
	if right+bottom > 0 {
		w.bits(1, 1)
		w.ue(0)
		w.ue(right)
		w.ue(0)
		w.ue(bottom)
	} else {
		w.bits(0, 1)
	}
	w.bits(0, 1) // no VUI
	w.bits(1, 1) // stop bit
	return append([]byte{0x67, profile, 0xc0, 31}, w.out...)
}

type bitWriter struct {
	out  []byte
	used int
}

func (w *bitWriter) bits(value, count int) {
	for i := count - 1; i >= 0; i-- {
		if w.used%8 == 0 {
			w.out = append(w.out, 0)
		}
		w.out[len(w.out)-1] |= byte(value>>i&1) << (7 - w.used%8) //nolint:gosec // one bit
		w.used++
	}
}

func (w *bitWriter) ue(value int) {
	length := 0
	for v := value + 1; v > 1; v >>= 1 {
		length++
	}
	w.bits(0, length)
	w.bits(value+1, length+1)
}
