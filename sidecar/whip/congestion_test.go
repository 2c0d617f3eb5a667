package whip_test

import (
	"testing"
	"time"

	"hotseat/sidecar/teststage"
	"hotseat/sidecar/whip"
)

func TestFeedbackOfTheStageMakesAnEstimate(t *testing.T) {
	stage := teststage.New(t)
	p, _, _ := run(t, stage, nil)
	next(t, stage.Frames, "picture")
	until(t, "an estimate", func() bool { return p.Stats().EstimateKbps > 0 })
	t.Logf("estimate %d kbit/s on loopback", p.Stats().EstimateKbps)
}

// flood writes pictures of a bitrate, as an encoder does that heeds nobody.
func flood(t *testing.T, p *whip.Publisher, kbps int, stop <-chan struct{}) {
	t.Helper()
	unit := append([]byte{0, 0, 0, 1, 0x65}, make([]byte, kbps*1000/8/30)...)
	start := time.Now()
	tick := time.NewTicker(time.Second / 30)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			p.WriteVideo(unit, time.Since(start), true)
		}
	}
}

func TestANarrowNetworkIsSeenInTheEstimate(t *testing.T) {
	stage := teststage.New(t)
	p, err := whip.New(whip.Config{Endpoint: stage.URL, Tokens: whip.OneToken(teststage.Token), MaxKbps: 4000})
	if err != nil {
		t.Fatal(err)
	}
	result, stop := make(chan error, 1), make(chan struct{})
	go func() { result <- p.Run(t.Context()) }()
	flooded := make(chan struct{})
	go func() { flood(t, p, 3000, stop); close(flooded) }()
	next(t, stage.Frames, "picture")
	until(t, "an estimate", func() bool { return p.Stats().EstimateKbps > 0 })
	stage.Impair(teststage.Impairment{Kbps: 800})
	start := time.Now()
	until(t, "a low estimate", func() bool { k := p.Stats().EstimateKbps; return k > 0 && k < 1500 })
	t.Logf("%d kbit/s estimated %v after the network fell to 800 kbit/s; loss %.0f %%", p.Stats().EstimateKbps, time.Since(start).Round(time.Millisecond), p.Stats().LossPercent)
	close(stop)
	<-flooded
}
