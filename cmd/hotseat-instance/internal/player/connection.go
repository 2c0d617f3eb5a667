package player

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
)

const (
	// A page that was closed says so at once (DTLS close_notify). One that crashed
	// or lost its network is noticed by silence: both sides send something every
	// iceKeepalive, so iceSilence means four lost in a row.
	iceKeepalive = 500 * time.Millisecond
	iceSilence   = 2 * time.Second
	// The page may take its time to fetch the answer: how long we wait for it is
	// the session's ConnectionTimeoutSeconds (at most an hour), decided elsewhere.
	iceNever = 2 * time.Hour

	// gatherPatience is how long collecting our candidates may take; one address,
	// so it takes an instant.
	gatherPatience = 3 * time.Second

	// dtlsRetransmission is how soon an unanswered handshake message is sent
	// again; the usual second (RFC 6347, section 4.2.4.1) is for the Internet.
	dtlsRetransmission = 100 * time.Millisecond
)

// h264 is what we send: constrained baseline, which every browser decodes, one
// or more NAL units a packet (RFC 6184, packetization mode 1).
var h264 = webrtc.RTPCodecCapability{
	MimeType:    webrtc.MimeTypeH264,
	ClockRate:   videoClock,
	SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	RTCPFeedback: []webrtc.RTCPFeedback{
		{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"},
	},
}

// opus is stereo at 48 kHz (RFC 7587).
var opus = webrtc.RTPCodecCapability{
	MimeType:    webrtc.MimeTypeOpus,
	ClockRate:   audioClock,
	Channels:    2,
	SDPFmtpLine: "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1",
}

// newConnection makes a peer connection that is reachable on loopback only.
func newConnection() (*webrtc.PeerConnection, error) {
	media := &webrtc.MediaEngine{}
	err := errors.Join(
		media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: h264, PayloadType: 102}, webrtc.RTPCodecTypeVideo),
		media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: opus, PayloadType: 111}, webrtc.RTPCodecTypeAudio),
		media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: playoutDelayURI}, webrtc.RTPCodecTypeVideo),
	)
	if err != nil {
		return nil, fmt.Errorf("set up codecs: %w", err)
	}
	interceptors := &interceptor.Registry{}
	interceptors.Add(&playoutDelay{})
	err = errors.Join(
		webrtc.ConfigureNack(media, interceptors),
		webrtc.ConfigureRTCPReports(interceptors), // sender reports: the page aligns sound with picture by them
	)
	if err != nil {
		return nil, fmt.Errorf("set up retransmission and reports: %w", err)
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetIPFilter(net.IP.IsLoopback)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	// Browsers hide their addresses behind .local names; on loopback they reach us
	// first and we learn the address from their checks (RFC 8445, section 7.3.1.3).
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetICETimeouts(iceSilence, iceNever, iceKeepalive)
	settings.SetDTLSRetransmissionInterval(dtlsRetransmission)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(interceptors), webrtc.WithSettingEngine(settings))
	connection, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, fmt.Errorf("make a peer connection: %w", err)
	}
	return connection, nil
}

// answerOffer applies the offer and returns our description with all candidates:
// GameLift Streams has no trickle ICE. It fails with ErrOffer when the offer is at
// fault.
func answerOffer(ctx context.Context, connection *webrtc.PeerConnection, sdp string) (string, error) {
	offer := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: sdp}
	if err := connection.SetRemoteDescription(offer); err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	if !receivesVideo(connection) {
		return "", fmt.Errorf("%w: it does not ask for H.264 video", ErrOffer)
	}
	answer, err := connection.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	gathered := webrtc.GatheringCompletePromise(connection)
	if err := connection.SetLocalDescription(answer); err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	ctx, cancel := context.WithTimeout(ctx, gatherPatience)
	defer cancel()
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", fmt.Errorf("collect our addresses: %w", ctx.Err())
	}
	return connection.LocalDescription().SDP, nil
}

// receivesVideo tells whether the offer takes our video: its media section was
// matched with the track's transceiver, and H.264 was among its codecs.
func receivesVideo(connection *webrtc.PeerConnection) bool {
	for _, transceiver := range connection.GetTransceivers() {
		if transceiver.Kind() != webrtc.RTPCodecTypeVideo || transceiver.Mid() == "" {
			continue
		}
		if sender := transceiver.Sender(); sender != nil && sender.Track() != nil && len(sender.GetParameters().Codecs) > 0 {
			return true
		}
	}
	return false
}
