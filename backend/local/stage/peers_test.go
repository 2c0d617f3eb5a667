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

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// TestMediaMTXPullsFromAStage has a server that others wrote subscribe by WHEP, and looks at what it makes of it. Its
// program is named by HOTSEAT_MEDIAMTX.
func TestMediaMTXPullsFromAStage(t *testing.T) {
	program := os.Getenv("HOTSEAT_MEDIAMTX")
	if program == "" {
		t.Skip("HOTSEAT_MEDIAMTX names no mediamtx program")
	}
	t.Parallel()
	s := newTestStage(t)
	s.publish("st", "game", s.invite("st", "game", "publish"), standard)
	s.awaitEvent(PublishStarted, "game", 1)

	address := func(network string) string {
		if network == "udp" {
			c, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			return c.LocalAddr().String()
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().String()
	}
	web := address("tcp")
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
  game:
    source: %s/st/subscribe/game
    whepBearerToken: %s
`, web, address("udp"), strings.Replace(s.url, "http://", "whep://", 1), s.invite("st", "mediamtx", "subscribe"))
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
		response := s.request(http.MethodPost, "http://"+web+"/game/whep", "", offer)
		if response.StatusCode == http.StatusCreated {
			answer, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)}); err != nil {
				t.Fatal(err)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("mediamtx answers %s", response.Status)
		}
	}
	for range 30 {
		v.next(t, "frames that went through mediamtx", func(p *rtp.Packet) bool { return p.Marker })
	}
}
