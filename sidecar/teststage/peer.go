package teststage

import (
	"errors"
	"net"
	"strings"
	"time"

	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
)

func (s *Stage) answer(offer string) (string, error) {
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		return "", err
	}
	ip := net.ParseIP(s.options.MediaIP)
	se := webrtc.SettingEngine{}
	se.SetIncludeLoopbackCandidate(true) // other addresses may be of the loopback interface, too
	se.SetIPFilter(func(other net.IP) bool { return other.Equal(ip) })
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip})
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	l := newLine(socket, s.impair)
	s.mu.Unlock()
	mux := webrtc.NewICEUDPMux(nil, l)
	se.SetICEUDPMux(mux)
	s.t.Cleanup(func() { _ = mux.Close() })
	// The default interceptors send receiver reports, NACK and transport-wide feedback.
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(se)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return "", err
	}
	pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		// Sender reports reach the interceptor that writes receiver reports only when read.
		go func() {
			for {
				if _, _, err := r.ReadRTCP(); err != nil {
					return
				}
			}
		}()
		s.receive(t)
	})
	s.Vanish()
	s.mu.Lock()
	s.peer, s.line = pc, l
	s.mu.Unlock()
	return negotiate(pc, offer)
}

func negotiate(pc *webrtc.PeerConnection, offer string) (string, error) {
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	a, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(a); err != nil {
		return "", err
	}
	<-gathered
	return pc.LocalDescription().SDP, nil
}

// restart puts the credentials of a fragment into the last offer, and answers with a fragment.
func (s *Stage) restart(frag string) (string, error) {
	s.mu.Lock()
	pc, offer := s.peer, s.offers[len(s.offers)-1]
	s.mu.Unlock()
	if pc == nil {
		return "", errors.New("no session")
	}
	value := func(from, name string) string {
		for l := range strings.Lines(from) {
			if v, ok := strings.CutPrefix(l, name); ok {
				return strings.TrimRight(v, "\r\n")
			}
		}
		return ""
	}
	offer = strings.ReplaceAll(offer, value(offer, "a=ice-ufrag:"), value(frag, "a=ice-ufrag:"))
	offer = strings.ReplaceAll(offer, value(offer, "a=ice-pwd:"), value(frag, "a=ice-pwd:"))
	answer, err := negotiate(pc, offer)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("a=ice-ufrag:" + value(answer, "a=ice-ufrag:") + "\r\na=ice-pwd:" + value(answer, "a=ice-pwd:") + "\r\n")
	b.WriteString("m=audio 9 RTP/AVP 0\r\na=mid:0\r\n")
	for l := range strings.Lines(answer) {
		if strings.HasPrefix(l, "a=candidate:") {
			b.WriteString(l)
		}
	}
	return b.String(), nil
}

func (s *Stage) receive(t *webrtc.TrackRemote) {
	if t.Kind() == webrtc.RTPCodecTypeAudio {
		for {
			p, _, err := t.ReadRTP()
			if err != nil {
				return
			}
			push(s.Audio, p)
		}
	}
	var unit []byte
	var h264 codecs.H264Packet
	for {
		p, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		b, err := h264.Unmarshal(p.Payload)
		if err != nil {
			continue
		}
		unit = append(unit, b...)
		if p.Marker {
			push(s.Frames, Frame{Data: unit, Timestamp: p.Timestamp, At: time.Now()})
			unit = nil
		}
	}
}

func push[T any](ch chan T, v T) {
	select {
	case ch <- v:
	default:
	}
}
