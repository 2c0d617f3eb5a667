package main

import (
	"context"
	"log/slog"
	"time"

	"hotseat/cmd/hotseat-sidecar/internal/machine"
	"hotseat/sidecar/adapt"
	"hotseat/sidecar/capture"
	"hotseat/sidecar/whip"
)

// adaptEvery is how often the broadcast is fitted to network and machine: receiver reports and
// the encoder's means come about once a second.
const adaptEvery = time.Second

// encoder is the part of a capture pipeline that adaptation needs.
type encoder interface {
	Stats() capture.Stats
	Adapt(capture.Target)
}

// adapting fits an encoder to what the network carries and the machine can spare.
type adapting struct {
	encoder encoder
	network func() whip.Stats // nil: RTMP alone
	control *adapt.Controller
	waiting machine.Waiting
	decided func(adapt.Target, adapt.Why)
	log     *slog.Logger
}

func (a *adapting) run(ctx context.Context) {
	tick := time.NewTicker(adaptEvery)
	defer tick.Stop()
	before, beforeAt := a.encoder.Stats(), time.Now()
	a.waiting.Since(beforeAt)
	target := a.control.Target()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			st := a.encoder.Stats()
			next := a.control.Step(now, a.input(before, st, now.Sub(beforeAt), now))
			before, beforeAt = st, now
			why := a.control.Why()
			if next != target {
				a.log.Info("the broadcast adapts", "why", why, "kbps", next.BitrateKbps, "framerate", next.Framerate, "width", next.Width, "height", next.Height)
				a.encoder.Adapt(capture.Target(next))
				target = next
			}
			a.decided(next, why)
		}
	}
}

func (a *adapting) input(before, st capture.Stats, passed time.Duration, now time.Time) adapt.Input {
	seconds := max(passed.Seconds(), 0.001)
	in := adapt.Input{
		SentKbps: int(float64(st.Bytes-before.Bytes) * 8 / 1000 / seconds),
		FPS:      float64(st.Frames-before.Frames) / seconds,
		Skipped:  float64(st.SkippedBusy-before.SkippedBusy) / seconds,
		Encode:   st.EncodeTime,
		CPUWait:  a.waiting.Since(now),
	}
	if a.network != nil {
		n := a.network()
		in.Live, in.EstimateKbps, in.LossPercent = n.State == whip.StateLive, n.EstimateKbps, n.LossPercent
		in.DeliveredKbps = n.DeliveredKbps
		in.RTT = time.Duration(n.RTT * float64(time.Millisecond))
		return in
	}
	// RTMP says nothing but by its queue: what is dropped there did not fit the network.
	in.Live = st.RTMP.State == capture.RTMPLive
	dropped, units := st.RTMP.Dropped-before.RTMP.Dropped, st.RTMP.Units-before.RTMP.Units
	if all := dropped + units; all > 0 {
		in.LossPercent = 100 * float64(dropped) / float64(all)
	}
	return in
}
