package stage

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// Stats is what a Server does at a moment. Counts are totals since the thing they belong to began; rates are means
// since Stats was called before (at least a second ago) or since it began.
type Stats struct {
	At      time.Time    `json:"at"`
	Joining int          `json:"joining"` // sessions between offer and connection
	Lanes   []LaneStats  `json:"lanes"`
	Stages  []StageStats `json:"stages"` // by id
}

// LaneStats is one socket and its goroutine.
type LaneStats struct {
	Subscribers   int64  `json:"subscribers"`
	QueuedFrames  int    `json:"queuedFrames"`
	DroppedFrames uint64 `json:"droppedFrames"` // the machine was too slow
	Behind        bool   `json:"behind"`        // takes nobody else for that reason
	Packets       uint64 `json:"packets"`       // RTP over UDP
	Datagrams     uint64 `json:"datagrams"`     // what the kernel took them as
	SystemCalls   uint64 `json:"systemCalls"`
	Refused       uint64 `json:"refused"` // packets that the kernel refused
}

// StageStats is one stage with somebody on it.
type StageStats struct {
	ID    string      `json:"id"`
	Feeds []FeedStats `json:"feeds"` // by participant
}

// FeedStats is what one participant publishes, and who receives it.
type FeedStats struct {
	Participant string        `json:"participant"`
	Publishing  bool          `json:"publishing"` // false: its subscribers wait for it
	Video       StreamStats   `json:"video"`      // all layers together; frames a second of the quickest
	Layers      []LayerStats  `json:"layers"`     // of the video, from the smallest; one, unless the publisher sends simulcast
	Audio       StreamStats   `json:"audio"`
	Viewers     []ViewerStats `json:"viewers"` // by participant
}

// StreamStats is the audio or the video of one participant, as it reaches the stage.
type StreamStats struct {
	Packets          uint64        `json:"packets"`
	Bytes            uint64        `json:"bytes"` // payload
	Frames           uint64        `json:"frames"`
	Lost             int64         `json:"lost"` // on the way from the publisher that there is, less what was repaired
	KeyFrames        uint64        `json:"keyFrames"`
	KeyFrameAge      time.Duration `json:"keyFrameAgeNs"`    // since the newest began; 0: none yet
	KeyFrameRequests uint64        `json:"keyFrameRequests"` // to the publisher
	NACKs            uint64        `json:"nacks"`            // packets that subscribers reported missing
	Resent           uint64        `json:"resent"`
	Silent           bool          `json:"silent"`      // it is published, and nothing has come for a second: muted, or in trouble
	ViewerDrops      uint64        `json:"viewerDrops"` // times that a subscriber was dropped to the next key frame
	BitsPerSecond    float64       `json:"bitsPerSecond"`
	FramesPerSecond  float64       `json:"framesPerSecond"`
}

// LayerStats is one encoding of a participant's picture.
type LayerStats struct {
	RID     string `json:"rid,omitempty"` // the publisher's name for it (RFC 8851)
	Sent    bool   `json:"sent"`          // by the publisher, within the last second
	Width   int    `json:"width"`         // of the newest parameter set; 0: none yet
	Height  int    `json:"height"`
	Viewers int    `json:"viewers"` // that have it
	StreamStats
}

// ViewerStats is one subscriber.
type ViewerStats struct {
	Participant string        `json:"participant"`
	Connected   bool          `json:"connected"`
	Transport   string        `json:"transport"` // "udp", "tcp", or "" before there is one
	Video       DeliveryStats `json:"video"`
	Audio       DeliveryStats `json:"audio"`
}

// DeliveryStats is one stream on its way to one subscriber. Loss, jitter and round trip are what its newest receiver
// report says (RFC 3550 section 6.4.1); zero before the first.
type DeliveryStats struct {
	Packets         uint32        `json:"packets"` // wraps, as in sender reports
	Bytes           uint32        `json:"bytes"`   // wraps
	Frames          uint64        `json:"frames"`
	Waiting         bool          `json:"waiting"` // for a key frame
	Drops           uint64        `json:"drops"`   // times that the way to the subscriber was full
	NACKs           uint64        `json:"nacks"`
	Resent          uint64        `json:"resent"`
	KeyFrameWishes  uint64        `json:"keyFrameWishes"`
	FractionLost    float64       `json:"fractionLost"` // 0 to 1, since the report before
	Lost            int32         `json:"lost"`         // below zero when more came than was sent: doubles
	Jitter          time.Duration `json:"jitterNs"`
	RoundTrip       time.Duration `json:"roundTripNs"`
	BitsPerSecond   float64       `json:"bitsPerSecond"`
	FramesPerSecond float64       `json:"framesPerSecond"`
	// Video only: the layer, what the receiver says that its line takes (bits/s, 0: nothing newer than ten seconds), and
	// how often it was moved to another layer.
	Width    int     `json:"width,omitempty"`
	Height   int     `json:"height,omitempty"`
	Estimate float64 `json:"estimateBitsPerSecond,omitempty"`
	Switches uint64  `json:"switches,omitempty"`
}

// pace turns totals into rates: means between two looks that are at least sampleTime apart.
type pace struct {
	mu            sync.Mutex
	at            time.Time
	bytes, frames uint64
	bits, fps     float64
}

const sampleTime = time.Second

// silentTime is longer than a browser's sound pauses in silence (Opus DTX sends a packet in 400 ms).
const silentTime = time.Second

// look takes the totals of now and returns bits and frames per second.
func (p *pace) look(now time.Time, bytes, frames uint64) (bits, fps float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at.IsZero() {
		p.at, p.bytes, p.frames = now, bytes, frames
		return 0, 0
	}
	if took := now.Sub(p.at); took >= sampleTime {
		p.bits, p.fps = float64(bytes-p.bytes)*8/took.Seconds(), float64(frames-p.frames)/took.Seconds()
		p.at, p.bytes, p.frames = now, bytes, frames
	}
	return p.bits, p.fps
}

// streamCounts are totals of what subscribers ask for and lose: all those of a stream, or one.
type streamCounts struct{ nacks, resent, drops atomic.Uint64 }

// deliveryCounts are an output's totals.
type deliveryCounts struct {
	streamCounts
	frames, bytes, wishes atomic.Uint64
	pace                  pace

	mu     sync.Mutex
	report rtcp.ReceptionReport // the newest
	round  time.Duration
	sent   [2]sentReport // the newest sender reports
	said   time.Time     // in the log, that it was dropped
}

// sentReport is when a sender report left that a receiver names by the middle of its NTP time.
type sentReport struct {
	middle uint32
	at     time.Time
}

// reportSent remembers a sender report, to measure the round trip by.
func (c *deliveryCounts) reportSent(ntp uint64, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent[1], c.sent[0] = c.sent[0], sentReport{uint32(ntp >> 16), now} //nolint:gosec // the middle 32 bits
}

// received takes a receiver's report.
func (c *deliveryCounts) received(r rtcp.ReceptionReport, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report = r
	for _, sent := range c.sent {
		if r.LastSenderReport == 0 || sent.middle != r.LastSenderReport {
			continue
		}
		held := time.Duration(r.Delay) * time.Second / 65536
		if round := now.Sub(sent.at) - held; round >= 0 {
			c.round = round
		}
	}
}

// Stats looks at everything. It takes the server's lock for a few microseconds a viewer.
func (s *Server) Stats() Stats {
	now := time.Now()
	out := Stats{At: s.cfg.Now(), Lanes: []LaneStats{}, Stages: []StageStats{}}
	for _, l := range s.engine.lanes {
		out.Lanes = append(out.Lanes, l.stats(now))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out.Joining = s.joining
	for _, r := range s.rooms {
		stage := StageStats{ID: r.id, Feeds: []FeedStats{}}
		for _, f := range r.feeds {
			feed := FeedStats{Participant: f.participant, Publishing: f.live(), Audio: f.audio.stats(now), Viewers: []ViewerStats{}}
			feed.Video, feed.Layers = f.video.stats(now)
			for _, n := range f.subscribers {
				feed.Viewers = append(feed.Viewers, n.stats(now))
			}
			slices.SortFunc(feed.Viewers, func(a, b ViewerStats) int { return cmp.Compare(a.Participant, b.Participant) })
			stage.Feeds = append(stage.Feeds, feed)
		}
		slices.SortFunc(stage.Feeds, func(a, b FeedStats) int { return cmp.Compare(a.Participant, b.Participant) })
		out.Stages = append(out.Stages, stage)
	}
	slices.SortFunc(out.Stages, func(a, b StageStats) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func (l *lane) stats(now time.Time) LaneStats {
	sent := l.conn.Stats()
	out := LaneStats{
		Subscribers: l.members.Load(), Behind: l.behind(now),
		Packets: sent.Packets, Datagrams: sent.Datagrams, SystemCalls: sent.Calls, Refused: sent.Dropped,
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	out.QueuedFrames, out.DroppedFrames = l.frames, l.dropped
	return out
}

func (s *stream) stats(now time.Time) StreamStats {
	s.mu.Lock()
	out := StreamStats{Packets: s.packets, Bytes: s.bytes, Frames: s.frames, KeyFrames: s.keyCount}
	if !s.keyTime.IsZero() {
		out.KeyFrameAge = now.Sub(s.keyTime)
	}
	if src := s.source; src != nil && src.started {
		out.Lost = src.highest - src.first + 1 - src.received
		out.Silent = now.Sub(s.lastTime) > silentTime
	}
	s.mu.Unlock()
	if s.keyFrames != nil {
		out.KeyFrameRequests = s.keyFrames.requests.Load()
	}
	out.NACKs, out.Resent, out.ViewerDrops = s.counts.nacks.Load(), s.counts.resent.Load(), s.counts.drops.Load()
	out.BitsPerSecond, out.FramesPerSecond = s.pace.look(now, out.Bytes, out.Frames)
	return out
}

// stats of a subscriber. Server.mu is held.
func (n *session) stats(now time.Time) ViewerStats {
	out := ViewerStats{Participant: n.token.ParticipantID, Connected: n.connected}
	if n.connected { // before, the transport is being made
		out.Transport = n.transport()
	}
	for _, o := range n.outputs {
		if o.stream.kind == webrtc.RTPCodecTypeVideo {
			out.Video = o.stats(now)
		} else {
			out.Audio = o.stats(now)
		}
	}
	return out
}

func (o *output) stats(now time.Time) DeliveryStats {
	c := &o.counts
	out := DeliveryStats{
		Packets: o.packets.Load(), Bytes: o.octets.Load(), Frames: c.frames.Load(), Waiting: o.waiting.Load(),
		Drops: c.drops.Load(), NACKs: c.nacks.Load(), Resent: c.resent.Load(), KeyFrameWishes: c.wishes.Load(),
	}
	c.mu.Lock()
	out.FractionLost, out.Lost = float64(c.report.FractionLost)/256, int32(c.report.TotalLost<<8)>>8 //nolint:gosec // 24 bits with a sign
	out.Jitter = time.Duration(c.report.Jitter) * time.Second / time.Duration(o.stream.clockRate)
	out.RoundTrip = c.round
	c.mu.Unlock()
	out.BitsPerSecond, out.FramesPerSecond = c.pace.look(now, c.bytes.Load(), out.Frames)
	if o.ladder != nil {
		out.Width, out.Height = o.ladder.size(o.current())
		out.Estimate, out.Switches = o.line.estimated(now), o.switches.Load()
	}
	return out
}
