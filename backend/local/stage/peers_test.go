package stage

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// mediaMTX runs a server that others wrote, with these paths in its configuration, and returns its web address. Its
// program is named by HOTSEAT_MEDIAMTX.
func mediaMTX(t *testing.T, paths string) (web string) {
	t.Helper()
	program := os.Getenv("HOTSEAT_MEDIAMTX")
	if program == "" {
		t.Skip("HOTSEAT_MEDIAMTX names no mediamtx program")
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = tcp.Close(), udp.Close() // it opens its ports itself
	config := filepath.Join(t.TempDir(), "mediamtx.yml")
	text := fmt.Sprintf(`logLevel: warn
rtsp: no
rtmp: no
hls: no
srt: no
moq: no
webrtc: yes
webrtcAddress: %s
webrtcLocalUDPAddress: %s
webrtcIPsFromInterfaces: no
webrtcAdditionalHosts: [127.0.0.1]
paths:
%s`, tcp.Addr(), udp.LocalAddr(), paths)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, config)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		hurry := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		defer hurry.Stop()
		_ = cmd.Wait()
	})
	return "http://" + tcp.Addr().String()
}

func TestMediaMTXPullsFromAStage(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	s.publish("st", "game", s.invite("st", "game", "publish"), standard)
	s.awaitEvent(PublishStarted, "game", 1)
	web := mediaMTX(t, fmt.Sprintf(`  game:
    source: %s/st/subscribe/game
    whepBearerToken: %s
`, strings.Replace(s.url, "http://", "whep://", 1), s.invite("st", "mediamtx", "subscribe")))
	s.awaitEvent(SubscribeStarted, "mediamtx", 1)

	// It passes the picture on to whoever asks it, as soon as it has seen what is in it.
	pc := networkClient(t, webrtc.NetworkTypeUDP4)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	v := &subscriber{pc: pc, packets: make(chan *rtp.Packet, 4096)}
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
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
	offer := gatheredOffer(t, pc)
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		answer, err := offered(t, web+"/game/whep", offer)
		if err == nil {
			if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
				t.Fatal(err)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	for range 30 {
		v.next(t, "frames that went through mediamtx", func(p *rtp.Packet) bool { return p.Marker })
	}
}

func TestMediaMTXPushesToAStage(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	web := mediaMTX(t, fmt.Sprintf(`  game:
    forward:
    - dest: %s/st/publish/game
      whipBearerToken: %s
`, strings.Replace(s.url, "http://", "whip://", 1), s.invite("st", "game", "publish")))

	// It forwards what somebody publishes to it.
	p := &publisher{pc: networkClient(t, webrtc.NetworkTypeUDP4), stop: make(chan struct{})}
	codec := webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90_000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}
	track, err := webrtc.NewTrackLocalStaticRTP(codec, "video", "game")
	if err != nil {
		t.Fatal(err)
	}
	sender, err := p.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		t.Fatal(err)
	}
	// For a stream without sound it would offer a section of PCMU in its stead, which a stage refuses (RFC 9725 section
	// 4.4.3: the whole offer or nothing).
	sound, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2}, "audio", "game")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.pc.AddTransceiverFromTrack(sound, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		t.Fatal(err)
	}
	offer := gatheredOffer(t, p.pc)
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		answer, err := offered(t, web+"/game/whip", offer)
		if err == nil {
			if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
				t.Fatal(err)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	wanted := make(chan struct{}, 1)
	p.done.Go(func() {
		for {
			packets, _, err := sender.Sender().ReadRTCP()
			if err != nil {
				return
			}
			for _, packet := range packets {
				if _, ok := packet.(*rtcp.PictureLossIndication); ok {
					select {
					case wanted <- struct{}{}:
					default:
					}
				}
			}
		}
	})
	p.done.Go(func() { p.send(track, standard, wanted) })
	p.done.Go(func() {
		const frame = 20 * time.Millisecond
		ticker := time.NewTicker(frame)
		defer ticker.Stop()
		for n := uint32(0); ; n++ {
			select {
			case <-p.stop:
				return
			case <-ticker.C:
			}
			_ = sound.WriteRTP(&rtp.Packet{
				Header:  rtp.Header{Version: 2, SequenceNumber: uint16(n), Timestamp: n * 960}, //nolint:gosec // wraps as RTP does
				Payload: []byte{0xf8, 0xff, 0xfe},                                              // silence
			})
		}
	})
	t.Cleanup(p.close)

	s.awaitEvent(PublishStarted, "game", 1)
	v := s.subscribe("st", "game", s.invite("st", "viewer", "subscribe"))
	v.next(t, "sound that went through mediamtx", func(p *rtp.Packet) bool { return len(p.Payload) == 3 })
	for range 30 {
		v.next(t, "frames that went through mediamtx", func(p *rtp.Packet) bool { return p.Marker && len(p.Payload) > 3 })
	}
}

// offered posts an offer to a server that may still be starting.
func offered(t *testing.T, url, offer string) (answer string, err error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(offer))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/sdp")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusCreated {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	return string(body), err
}
