package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"hotseat/cmd/hotseat-sidecar/internal/machine"
	"hotseat/cmd/hotseat-sidecar/internal/token"
	"hotseat/sidecar/adapt"
	"hotseat/sidecar/capture"
	"hotseat/sidecar/config"
	"hotseat/sidecar/health"
	"hotseat/sidecar/whip"
)

const (
	// farewellWait is how long a failure waits for the event channels, to be told there.
	farewellWait = 800 * time.Millisecond
	// stopLimit is how long stopping may take whatever hangs; two seconds are promised.
	stopLimit = 1900 * time.Millisecond
	// startPatience is how long it may take to the first picture: encoders are tried out first.
	startPatience = 30 * time.Second
	// healthEvery is a line of the log for machines that read it.
	healthEvery = 10 * time.Second
)

// sidecar wires the rooms together; it holds no logic of theirs.
type sidecar struct {
	cfg      config.Config
	log      *slog.Logger
	sockets  map[string]net.Listener
	restarts int // workers before this one
	// abandoned says whether what started the sidecar is gone.
	abandoned func() bool

	session func() string // what is wrong with it, "" when nothing is; set before anything reads

	mu        sync.Mutex // protects the rest
	capture   *capture.Pipeline
	publisher *whip.Publisher
	failure   error
	target    adapt.Target
	why       adapt.Why
}

func newSidecar(cfg config.Config, log *slog.Logger, sockets map[string]net.Listener, restarts int) *sidecar {
	return &sidecar{cfg: cfg, log: log, sockets: sockets, restarts: restarts, abandoned: func() bool { return false }, session: func() string { return "" }}
}

// exitCode runs the broadcast and turns its end into a code of the package comment.
func (s *sidecar) exitCode(ctx context.Context) int {
	if err := machine.Yield(s.cfg.Nice); err != nil {
		s.log.Debug("the broadcast cannot step back for the game", "reason", err)
	}
	err := s.run(ctx)
	if err == nil {
		s.log.Info("the broadcast ended in good order")
	} else {
		s.log.Error("the broadcast ended", "reason", err)
	}
	return codeOf(err)
}

// codeOf is the exit code for a broadcast's end. What another start would meet again is a code that ends the
// supervisor too.
func codeOf(err error) int {
	var refused *whip.StatusError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &refused) && refused.TokenRefused():
		return exitRefused
	case errors.Is(err, capture.ErrUnfit): // says what to change
		return exitConfig
	case errors.Is(err, errNobody):
		return exitNobody
	}
	return exitFailed
}

// run broadcasts until ctx is done. What the session hears (heartbeat, bridge) begins before
// the broadcast and ends after it, so that a failure to start is heard, too.
func (s *sidecar) run(ctx context.Context) error {
	link, stopLink := context.WithCancel(context.WithoutCancel(ctx))
	var services sync.WaitGroup
	defer services.Wait()
	defer stopLink()

	tie := newSession(s.cfg.Hotseat, s.sockets, s.log)
	s.session = tie.refusal.sentence
	services.Go(func() { tie.run(link) })
	pictures := make(chan []byte, 1)
	beat, stopBeat := context.WithCancel(link)
	reporter := s.newReporter(tie, pictures)
	if l := s.sockets[socketHealth]; l != nil {
		services.Go(func() { reporter.Serve(link, l) })
	}
	var beating sync.WaitGroup
	beating.Go(func() { reporter.Run(beat) })

	err := s.broadcast(ctx, pictures, tie)
	if err != nil {
		s.fail(err)
		patience, cancel := context.WithTimeout(ctx, farewellWait)
		tie.waitOnline(patience)
		cancel()
	}
	stopBeat()
	beating.Wait()
	return err
}

// errNobody: a display that goes away may come back, and a launch script may leave its sidecar
// running; but where both are gone, a whole session is. A window that is missing or minimised is
// no such sign: a game may start late, or show itself again.
var errNobody = errors.New("the display is gone, and so is what started the sidecar")

// nobodyPatience is how long both must be gone.
const nobodyPatience = 2 * time.Second

// watchForNobody ends a broadcast that shows the last picture of a session that is gone.
// displayGone says whether the display itself cannot be reached.
func (s *sidecar) watchForNobody(ctx context.Context, displayGone func() bool) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var since time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			switch {
			case !displayGone() || !s.abandoned():
				since = time.Time{}
			case since.IsZero():
				since = now
			case now.Sub(since) >= nobodyPatience:
				return errNobody
			}
		}
	}
}

// giveSigns tells the supervisor that pictures are made, or that none can be yet. A capture whose
// display is away repeats its last picture, so that no new ones mean that something hangs.
func (s *sidecar) giveSigns(ctx context.Context, alive func()) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	start, before := time.Now(), uint64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.mu.Lock()
			source := s.capture
			s.mu.Unlock()
			var now uint64
			if source != nil {
				now = source.Stats().Frames
			}
			if now != before || time.Since(start) < startPatience {
				alive()
			}
			before = now
		}
	}
}

func (s *sidecar) newReporter(tie *session, pictures <-chan []byte) *health.Reporter {
	cfg := health.Config{
		Session: s.cfg.Hotseat.Session, Width: s.cfg.Width, Height: s.cfg.Height, Framerate: s.cfg.Framerate,
		BitrateKbps: s.cfg.VideoBitrateKbps, Read: s.read, Thumbnails: pictures, Log: s.log,
	}
	if s.cfg.Hotseat.Events() {
		cfg.Publisher = tie
	}
	if s.cfg.LogFormat == config.LogJSON {
		cfg.LogEvery = healthEvery
	}
	return health.New(cfg)
}

// captureConfig is what is asked of the capture.
func (s *sidecar) captureConfig() capture.Config {
	cc := capture.Config{
		Window: capture.Window{ID: uint32(s.cfg.Display.WindowID), PID: s.cfg.Display.WindowPID, Title: s.cfg.Display.WindowTitle},
		Cursor: s.cfg.Display.Cursor, Endure: true,
		Width: s.cfg.Width, Height: s.cfg.Height, Framerate: s.cfg.Framerate, BitrateKbps: s.cfg.VideoBitrateKbps,
		Encoder: s.cfg.Encoder, KeyFrameInterval: config.KeyFrameInterval,
		Audio: s.cfg.Audio, PulseDevice: s.cfg.AudioDevice, AudioBitrate: s.cfg.AudioBitrate,
		QueueFrames: s.cfg.QueueFrames, Log: s.log,
	}
	if s.cfg.RTMP() {
		// The address of the sample: endpoint, one slash, key.
		cc.RTMP = capture.RTMP{URL: strings.TrimRight(s.cfg.RTMPEndpoint, "/") + "/" + s.cfg.StreamKey, Only: !s.cfg.WHIP()}
	}
	if s.cfg.Hotseat.Events() {
		cc.ThumbnailInterval = health.Every
	}
	return cc
}

// broadcast captures and publishes until ctx is done or one of the two fails.
func (s *sidecar) broadcast(ctx context.Context, pictures chan<- []byte, tie *session) error {
	cc := s.captureConfig()
	source, err := capture.Open(cc)
	if err != nil {
		return err
	}
	defer source.Close()
	var publisher *whip.Publisher
	if s.cfg.WHIP() {
		tokens := &token.Source{Token: s.cfg.StageToken, File: s.cfg.StageTokenFile, Log: s.log}
		if tie.api != nil {
			tokens.Ask = tie.freshStageToken
		}
		publisher, err = whip.New(whip.Config{
			Endpoint: s.cfg.WHIPEndpoint, Tokens: tokens.Get, Audio: s.cfg.Audio, MaxKbps: s.cfg.VideoBitrateKbps + s.cfg.AudioBitrate/1000,
			KeyFrame: source.ForceKeyFrame, Log: s.log,
		})
		if err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.capture, s.publisher = source, publisher
	s.mu.Unlock()
	if err := source.Start(); err != nil {
		return err
	}
	s.log.Info("capturing", "size", fmt.Sprintf("%dx%d", cc.Width, cc.Height), "framerate", cc.Framerate,
		"kbps", cc.BitrateKbps, "encoder", source.Stats().Encoder, "audio", cc.Audio)

	g, ctx := errgroup.WithContext(ctx)
	if s.cfg.Adapt {
		g.Go(func() error {
			s.newAdapting(source, publisher).run(ctx)
			return nil
		})
	}
	g.Go(func() error {
		return s.watchForNobody(ctx, func() bool { return source.Stats().SourceGone })
	})
	if publisher != nil {
		g.Go(func() error { return publisher.Run(ctx) })
	}
	g.Go(func() error {
		for {
			select {
			case v := <-source.Video():
				if publisher != nil { // with RTMP alone the capture itself sends
					publisher.WriteVideo(v.Data, v.RunningTime, v.KeyFrame)
				}
			case err := <-source.Err():
				return err
			case <-ctx.Done():
				return nil
			}
		}
	})
	g.Go(func() error {
		for {
			select {
			case a := <-source.Audio():
				if publisher != nil {
					publisher.WriteAudio(a.Data, a.RunningTime)
				}
			case picture := <-source.Thumbnails():
				select {
				case pictures <- picture:
				default: // the reporter is busy; the next one is newer
				}
			case <-ctx.Done():
				return nil
			}
		}
	})
	return g.Wait()
}

func (s *sidecar) newAdapting(source *capture.Pipeline, publisher *whip.Publisher) *adapting {
	control := adapt.New
	if s.cfg.RTMP() {
		control = adapt.NewFixedSize // see capture.Target
	}
	a := &adapting{
		encoder: source, log: s.log,
		control: control(adapt.Target{
			BitrateKbps: s.cfg.VideoBitrateKbps, Framerate: s.cfg.Framerate, Width: s.cfg.Width, Height: s.cfg.Height,
		}),
		decided: func(t adapt.Target, why adapt.Why) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.target, s.why = t, why
		},
	}
	if publisher != nil {
		a.network = publisher.Stats
	}
	return a
}

func (s *sidecar) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = err
}

// read is what the heartbeat shows.
func (s *sidecar) read() health.Reading {
	s.mu.Lock()
	source, publisher, failure, target, why := s.capture, s.publisher, s.failure, s.target, s.why
	s.mu.Unlock()
	r := health.Reading{State: whip.StateConnecting, Restarts: s.restarts, Target: health.Target(target), Limit: string(why)}
	var problems []string
	if source != nil {
		st := source.Stats()
		r.Frames, r.Bytes, r.Encode, r.KeyFrame = st.Frames, st.Bytes, st.EncodeTime, st.LastKeyFrame
		r.Encoder, r.Fallback, r.Dropped = st.Encoder, st.Fallback, st.Dropped
		problems = append(problems, st.SourceErr)
		if s.cfg.RTMP() {
			problems = append(problems, st.RTMP.Error)
			r.Restarts += int(st.RTMP.Restarts)
			r.State = st.RTMP.State
		}
	}
	if publisher != nil {
		st := publisher.Stats()
		r.State, r.RTTMs, r.Loss, r.EstimateKbps = st.State, st.RTT, st.LossPercent, st.EstimateKbps
		r.Restarts += st.Restarts
		problems = append(problems, st.Error)
	}
	if failure != nil {
		r.State, problems = whip.StateFailing, []string{failure.Error()}
	}
	if r.State == "" {
		r.State = whip.StateConnecting
	}
	r.Error = joined(append(problems, s.session()))
	return r
}

func joined(problems []string) string {
	var said []string
	for _, p := range problems {
		if p != "" {
			said = append(said, p)
		}
	}
	return strings.Join(said, "; ")
}
