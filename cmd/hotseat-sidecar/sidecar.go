package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"hotseat/backend/events"
	"hotseat/sidecar/bridge"
	"hotseat/sidecar/capture"
	"hotseat/sidecar/config"
	"hotseat/sidecar/health"
	"hotseat/sidecar/whip"
)

// sidecar wires the rooms together; it holds no logic of theirs.
type sidecar struct {
	cfg config.Config
	log *slog.Logger

	mu        sync.Mutex // protects the rest
	capture   *capture.Pipeline
	publisher *whip.Publisher
	failure   error
}

func newSidecar(cfg config.Config, log *slog.Logger) *sidecar { return &sidecar{cfg: cfg, log: log} }

// farewellWait is how long a failure waits for the event channels, to be told there.
const farewellWait = 800 * time.Millisecond

// run broadcasts until ctx is done. What the session hears (heartbeat, bridge) begins before
// the broadcast and ends after it, so that a failure to start is heard, too.
func (s *sidecar) run(ctx context.Context) error {
	link, stopLink := context.WithCancel(context.WithoutCancel(ctx))
	var services sync.WaitGroup
	defer services.Wait()
	defer stopLink()

	client, err := s.startEvents(link, &services)
	if err != nil {
		return err
	}
	pictures := make(chan []byte, 1)
	beat, stopBeat := context.WithCancel(link)
	reporter := s.newReporter(client, pictures)
	var beating sync.WaitGroup
	beating.Go(func() { reporter.Run(beat) })

	err = s.broadcast(ctx, pictures)
	if err != nil {
		s.fail(err)
		if client != nil {
			patience, cancel := context.WithTimeout(ctx, farewellWait)
			_ = client.WaitOnline(patience)
			cancel()
		}
	}
	stopBeat()
	beating.Wait()
	return err
}

// startEvents starts the events client and the bridge; the client is nil without a session.
// Neither may keep the broadcast from running, so only wrong settings are errors.
func (s *sidecar) startEvents(ctx context.Context, services *sync.WaitGroup) (*events.Client, error) {
	h := s.cfg.Hotseat
	var game *bridge.Server
	if h.BridgeAddr != "" {
		var err error
		if game, err = bridge.Listen(h.BridgeAddr, s.log); err != nil {
			s.log.Warn("no bridge for the game", "reason", err)
		} else {
			services.Go(func() {
				if err := game.Serve(ctx); err != nil {
					s.log.Warn("the bridge for the game ended", "reason", err)
				}
			})
		}
	}
	if !h.Events() {
		return nil, nil
	}
	client, err := events.NewClient(events.Config{
		RealtimeURL: h.EventsURL,
		Host:        h.EventsHost,
		Token:       func(context.Context) (string, time.Time, error) { return h.EventsToken, time.Time{}, nil },
		Log:         s.log,
	})
	if err != nil {
		return nil, err
	}
	if game != nil {
		for _, channel := range []string{"/playtest/" + h.Session, "/live/" + h.Session} {
			if _, err := client.Subscribe(channel, func(m events.Message) { game.Offer(m.Event) }); err != nil {
				return nil, err
			}
		}
	}
	services.Go(func() { _ = client.Run(ctx) }) // ends with ctx only
	return client, nil
}

func (s *sidecar) newReporter(client *events.Client, pictures <-chan []byte) *health.Reporter {
	cfg := health.Config{
		Session: s.cfg.Hotseat.Session, Width: s.cfg.Width, Height: s.cfg.Height, Framerate: s.cfg.Framerate,
		Read: s.read, Thumbnails: pictures, Log: s.log,
	}
	if client != nil {
		cfg.Publisher = client
	}
	return health.New(cfg)
}

// broadcast captures and publishes until ctx is done or one of the two fails.
func (s *sidecar) broadcast(ctx context.Context, pictures chan<- []byte) error {
	if s.cfg.Ingest == config.IngestRTMP {
		return errors.New("this sidecar broadcasts by WHIP only: leave INGEST_TYPE out, or set it to whip")
	}
	cc := capture.Config{
		Width: s.cfg.Width, Height: s.cfg.Height, Framerate: s.cfg.Framerate, BitrateKbps: s.cfg.VideoBitrateKbps,
		Encoder: s.cfg.Encoder, KeyFrameInterval: config.KeyFrameInterval,
		Audio: s.cfg.Audio, AudioBitrate: s.cfg.AudioBitrate,
		QueueFrames: s.cfg.QueueFrames, Log: s.log,
	}
	if s.cfg.Hotseat.Events() {
		cc.ThumbnailInterval = health.Every
	}
	source, err := capture.Open(cc)
	if err != nil {
		return err
	}
	defer source.Close()
	publisher, err := whip.New(whip.Config{
		Endpoint: s.cfg.WHIPEndpoint, Token: s.cfg.StageToken, Audio: s.cfg.Audio,
		KeyFrame: source.ForceKeyFrame, Log: s.log,
	})
	if err != nil {
		return err
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
	g.Go(func() error { return publisher.Run(ctx) })
	g.Go(func() error {
		for {
			select {
			case v := <-source.Video():
				publisher.WriteVideo(v.Data, v.RunningTime, v.KeyFrame)
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
				publisher.WriteAudio(a.Data, a.RunningTime)
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

func (s *sidecar) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = err
}

// read is what the heartbeat shows.
func (s *sidecar) read() health.Reading {
	s.mu.Lock()
	source, publisher, failure := s.capture, s.publisher, s.failure
	s.mu.Unlock()
	r := health.Reading{State: whip.StateConnecting}
	if source != nil {
		st := source.Stats()
		r.Frames, r.Bytes, r.Encode, r.KeyFrame = st.Frames, st.Bytes, st.EncodeTime, st.LastKeyFrame
		r.Encoder, r.Fallback = st.Encoder, st.Fallback
	}
	if publisher != nil {
		st := publisher.Stats()
		r.State, r.Error, r.RTTMs, r.Loss, r.Restarts = st.State, st.Error, st.RTT, st.LossPercent, st.Restarts
	}
	if failure != nil {
		r.State, r.Error = whip.StateFailing, failure.Error()
	}
	return r
}
