package stage

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"golang.org/x/time/rate"
)

// session is one connection of one participant: a WHIP session, or its counterpart for receiving.
type session struct {
	id     string // unguessable; the last part of its address
	server *Server
	token  Token
	want   purpose
	pc     *webrtc.PeerConnection
	lane   *lane          // of a subscriber
	work   sync.WaitGroup // goroutines that read from pc
	cut    atomic.Bool    // has ended: not a packet more is taken

	// guarded by Server.mu
	feed      *feed // published to or received from
	admitted  bool
	connected bool
	ended     bool
	deadline  *time.Timer // to connect; then, to stop
	outputs   []*output   // of a subscriber
	tracks    [2]int      // of a publisher: audio tracks that are forwarded, and layers of video

	meter meter // of a publisher

	patches *rate.Limiter

	ice         sync.Mutex // one PATCH at a time; guards what follows
	offered     string     // the first offer
	etag        string     // of the ICE session that there is
	remoteUfrag string     // of its other side
	candidates  int        // that the client gave for it
}

// feed is what one participant publishes. It lives as long as somebody publishes or receives it.
type feed struct {
	participant string
	video       *ladder
	audio       *stream
	publisher   *session            // guarded by Server.mu
	subscribers map[string]*session // by participant; guarded by Server.mu
}

func newFeed(participant string, on lanes) *feed {
	return &feed{
		participant: participant,
		video:       newLadder(on),
		audio:       newStream(webrtc.RTPCodecTypeAudio, on),
		subscribers: make(map[string]*session),
	}
}

// live reports whether the feed can be received now. Server.mu is held.
func (f *feed) live() bool { return f.publisher != nil && f.publisher.connected }

// watch follows the connection from offer to end.
func (s *session) watch() {
	s.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			s.server.connected(s)
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			s.server.end(s, "", "connection "+state.String())
		default:
		}
	})
}

// takeTracks reads what a publisher sends: the first audio track, and the first video track with its layers.
func (s *session) takeTracks() {
	s.pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		src := &source{ask: func() {
			_ = s.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(track.SSRC())}}) // asked again if lost
		}}
		to, on := s.server.attach(s, track.Kind(), track.RID(), src)
		if to == nil {
			return
		}
		read := receiver.Read
		if rid := track.RID(); rid != "" {
			read = func(b []byte) (int, interceptor.Attributes, error) { return receiver.ReadSimulcast(b, rid) }
		}
		go func() { defer s.work.Done(); s.readMedia(track, to, on, src) }()
		go func() { defer s.work.Done(); readReports(read, to, src) }()
	})
}

// readMedia forwards a track until its connection ends or it breaks a limit of the stage. on is the rung of a layer of
// video, nil for audio.
func (s *session) readMedia(track *webrtc.TrackRemote, to *stream, on *rung, src *source) {
	defer to.detach(src)
	var inspector inspector
	var in rtp.Packet
	buffer := make([]byte, receiveMTU)
	for {
		n, _, err := track.Read(buffer)
		if err != nil || s.cut.Load() {
			return
		}
		if err := in.Unmarshal(buffer[:n]); err != nil {
			continue
		}
		now := time.Now() // real time: it becomes RTP time
		broken := s.meter.add(n, now)
		var g glance
		if on != nil {
			if g = look(in.Payload); broken == nil {
				broken = inspector.check(g, in.Timestamp)
			}
		}
		if broken != nil {
			s.server.end(s, broken.code, broken.detail)
			return
		}
		if on != nil && len(in.Payload) > 0 { // a browser pads a layer that it has stopped
			s.feed.video.hear(on, inspector.width, inspector.height, now)
		}
		to.accept(src, &in, g.keyFrame, now)
	}
}

// readReports lets the interceptors see a publisher's RTCP, and passes its sender reports on.
func readReports(read func([]byte) (int, interceptor.Attributes, error), to *stream, src *source) {
	buffer := make([]byte, receiveMTU)
	for {
		n, _, err := read(buffer)
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buffer[:n])
		if err != nil {
			continue
		}
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok {
				to.report(src, sr, time.Now())
			}
		}
	}
}

// sendTracks adds what the offer can receive. Both streams are added whatever the publisher sends now: it may
// send more when it comes back.
func (s *session) sendTracks(f *feed, o offer) error {
	for _, to := range []struct {
		wanted bool
		stream *stream
		ladder *ladder
	}{{o.video, f.video.best(time.Now()), f.video}, {o.audio, f.audio, nil}} {
		if !to.wanted {
			continue
		}
		out := newOutput(to.stream, s.lane, f.participant, s.token.ParticipantID, s.pc)
		out.ladder = to.ladder
		transceiver, err := s.pc.AddTransceiverFromTrack(out, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			return fmt.Errorf("adding %s: %w", out.ID(), err)
		}
		s.outputs = append(s.outputs, out)
		s.work.Go(func() { out.listen(transceiver.Sender()) })
	}
	return nil
}

// transport is how media travels: "udp", "tcp", or nothing yet.
func (s *session) transport() string {
	pair, err := s.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil || pair == nil || pair.Local == nil {
		return ""
	}
	return pair.Local.Protocol.String()
}

// close releases the connection and waits for its readers. Not to be called from a callback of pc.
func (s *session) close() error {
	err := s.pc.GracefulClose()
	s.work.Wait()
	if s.lane != nil {
		s.lane.members.Add(-1)
	}
	return err
}
