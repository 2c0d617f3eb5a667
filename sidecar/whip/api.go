package whip

import (
	"fmt"
	"net"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/cc"
	"github.com/pion/interceptor/pkg/gcc"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/webrtc/v4"
)

// A stage that is silent for iceDisconnected is given up. It sends a receiver report each
// second and answers a check each half second, so this is three checks in a row. pion's
// own 5 s would break the promise to be on the air again within 3 s.
const (
	iceDisconnected = 1500 * time.Millisecond
	iceFailed       = 3 * time.Second
	iceKeepAlive    = 500 * time.Millisecond
)

const (
	// minEstimate is below what any picture needs; the controller has limits of its own.
	minEstimate = 50_000
	// estimateRoom lets the estimate rise over what is sent, so that it is seen that there is room.
	estimateRoom = 2
)

// newAPI gathers pion's settings. local: the stage is on this machine, so that this machine's IPv4
// addresses on the network are not offered. The bandwidth estimator of the connection is put into estimator.
func newAPI(local bool, maxKbps int, estimator *cc.BandwidthEstimator) (*webrtc.API, error) {
	m := &webrtc.MediaEngine{}
	for _, c := range []codec{opus, h264} {
		if err := m.RegisterCodec(c.params, c.kind); err != nil {
			return nil, fmt.Errorf("whip: %w", err)
		}
	}
	i, err := interceptors(m, maxKbps, estimator)
	if err != nil {
		return nil, fmt.Errorf("whip: %w", err)
	}
	se := webrtc.SettingEngine{}
	se.SetICETimeouts(iceDisconnected, iceFailed, iceKeepAlive)
	se.SetSTUNGatherTimeout(gatherWait) // a silent server must not hold the end of a connection up
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	if local {
		se.SetIncludeLoopbackCandidate(true)
		// The stage's media may have another address of this machine than its HTTP. From 127.0.0.1 every IPv4 address is
		// reached; pion offers no ::1, so that the IPv6 ones are offered for the same end.
		se.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() || ip.To4() == nil })
		se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(i), webrtc.WithSettingEngine(se)), nil
}

// interceptors: the answer to NACK within limits, and the sender's half of transport-wide congestion control. A publisher
// needs none of the others; sender reports are its own (reports.go). The order is
// pion's: each sees what the ones behind it have done to a packet, so the one that numbers
// packets comes last.
func interceptors(m *webrtc.MediaEngine, maxKbps int, estimator *cc.BandwidthEstimator) (*interceptor.Registry, error) {
	i := &interceptor.Registry{}
	i.Add(&resendLimit{})
	resend, err := nack.NewResponderInterceptor()
	if err != nil {
		return nil, err
	}
	i.Add(resend)
	congestion, err := cc.NewInterceptor(func() (cc.BandwidthEstimator, error) {
		return gcc.NewSendSideBWE(
			// Optimistic: it is lowered within a second, and raised by 8 % in one.
			gcc.SendSideBWEInitialBitrate(maxKbps*1000),
			gcc.SendSideBWEMinBitrate(minEstimate),
			gcc.SendSideBWEMaxBitrate(maxKbps*1000*estimateRoom),
			// The encoder keeps the rate; a pacer's queue would only add delay.
			gcc.SendSideBWEPacer(gcc.NewNoOpPacer()),
		)
	})
	if err != nil {
		return nil, err
	}
	congestion.OnNewPeerConnection(func(_ string, e cc.BandwidthEstimator) { *estimator = e })
	i.Add(congestion)
	// The feedback must be offered by the codecs, too (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3).
	if err := webrtc.ConfigureTWCCHeaderExtensionSender(m, i); err != nil {
		return nil, err
	}
	return i, nil
}
