package stage

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"
)

// videoProfiles are the H.264 profile-level-ids a stage carries: Constrained Baseline in its two usual
// spellings, and Baseline. IVS takes Baseline only. The level part is not compared (RFC 6184 section 8.2.2).
var videoProfiles = []string{"42e01f", "42c01f", "42001f"}

// playoutDelayURI names the header extension by which a sender tells libwebrtc how long to hold a frame.
// With 0 and 0 a browser shows frames as they come (jitter buffer below 1 ms instead of 11 to 200 ms).
// https://webrtc.googlesource.com/src/+/refs/heads/main/docs/native-code/rtp-hdrext/playout-delay
const playoutDelayURI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

// engine makes peer connections: those of publishers on the first lane's socket, those of subscribers on
// the lane that has room.
type engine struct {
	lanes        lanes
	tcp          *ice.TCPMuxDefault // nil: none
	network      *stdnet.Net        // of all connections: each would look at every interface for itself
	publishers   *webrtc.API
	certificates []webrtc.Certificate
}

func newEngine(cfg Config) (*engine, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the DTLS key: %w", err)
	}
	certificate, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return nil, fmt.Errorf("making the DTLS certificate: %w", err)
	}
	e := &engine{certificates: []webrtc.Certificate{*certificate}}

	publisherMedia, err := mediaEngine()
	if err != nil {
		return nil, err
	}
	// Towards a publisher: report losses (NACK), reception and arrival times, so that it can repair and adapt.
	publisherRegistry := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(publisherMedia, publisherRegistry); err != nil {
		return nil, fmt.Errorf("preparing publisher connections: %w", err)
	}
	// Towards a subscriber: none. Interceptors copy each packet per subscriber (0.2 core for a hundred
	// of them); retransmission, reports and the playout delay are done once per stream instead.
	subscriberMedia, err := mediaEngine()
	if err != nil {
		return nil, err
	}
	extension := webrtc.RTPHeaderExtensionCapability{URI: playoutDelayURI}
	if err := subscriberMedia.RegisterHeaderExtension(extension, webrtc.RTPCodecTypeVideo); err != nil {
		return nil, fmt.Errorf("preparing subscriber connections: %w", err)
	}

	// Written into packets of publishers with several layers only: browsers measure their line by it.
	extension.URI = sendTimeURI
	if err := subscriberMedia.RegisterHeaderExtension(extension, webrtc.RTPCodecTypeVideo); err != nil {
		return nil, fmt.Errorf("preparing subscriber connections: %w", err)
	}

	if e.network, err = stdnet.NewNet(); err != nil {
		return nil, fmt.Errorf("looking at the network's interfaces: %w", err)
	}
	if cfg.TCPAddress != "" {
		if e.tcp, err = listenTCP(cfg.TCPAddress, cfg.Log); err != nil {
			return nil, err
		}
	}
	for i := range cfg.Lanes {
		l, err := newLane(lanePort(cfg.UDPAddress, i), cfg.Log)
		if err != nil {
			return nil, errors.Join(err, e.close())
		}
		e.lanes = append(e.lanes, l)
		settings, err := e.settings(l, cfg, iceKeepAlive)
		if err != nil {
			return nil, errors.Join(err, e.close())
		}
		l.subscribers = webrtc.NewAPI(webrtc.WithMediaEngine(subscriberMedia),
			webrtc.WithInterceptorRegistry(&interceptor.Registry{}), webrtc.WithSettingEngine(settings))
		if i == 0 {
			if settings, err = e.settings(l, cfg, publisherKeepAlive); err != nil {
				return nil, errors.Join(err, e.close())
			}
			e.publishers = webrtc.NewAPI(webrtc.WithMediaEngine(publisherMedia),
				webrtc.WithInterceptorRegistry(publisherRegistry), webrtc.WithSettingEngine(settings))
		}
	}
	return e, nil
}

func (e *engine) settings(l *lane, cfg Config, keepAlive time.Duration) (webrtc.SettingEngine, error) {
	s := webrtc.SettingEngine{LoggerFactory: pionLogs{cfg.Log}}
	s.SetICEUDPMux(l.mux)
	s.SetNet(e.network)
	s.SetIncludeLoopbackCandidate(true)
	types := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	if e.tcp != nil {
		s.SetICETCPMux(e.tcp)
		types = append(types, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
	}
	s.SetNetworkTypes(types)
	s.DisableActiveTCP(true) // a server does not go to its clients
	if len(cfg.PublicIPs) > 0 {
		for _, ip := range cfg.PublicIPs {
			if net.ParseIP(ip) == nil {
				return s, fmt.Errorf("public address %q is not an IP address", ip)
			}
		}
		err := s.SetICEAddressRewriteRules(webrtc.ICEAddressRewriteRule{
			External: cfg.PublicIPs, AsCandidateType: webrtc.ICECandidateTypeHost, Mode: webrtc.ICEAddressRewriteReplace,
		})
		if err != nil {
			return s, fmt.Errorf("public addresses %q: %w", cfg.PublicIPs, err)
		}
	}
	// A browser hides its addresses behind .local names. They need no resolving: its first check tells the address.
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetICETimeouts(iceDisconnected, iceFailed, keepAlive)
	// GCM costs half of CM with HMAC-SHA1. Only the DTLS server chooses, and Chromium would choose CM.
	s.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	if err := s.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
		return s, fmt.Errorf("choosing the DTLS role: %w", err)
	}
	return s, nil
}

// close frees the sockets.
func (e *engine) close() error {
	err := e.lanes.close()
	if e.tcp != nil {
		err = errors.Join(err, e.tcp.Close())
	}
	return err
}

// errBehind says that not even the emptiest lane keeps up with the subscribers that it has.
var errBehind = errors.New("the stage serves as many as it can")

// connection makes one for a session. A subscriber's counts on its lane until the session is closed.
func (e *engine) connection(want purpose) (*webrtc.PeerConnection, *lane, error) {
	api, on := e.publishers, (*lane)(nil)
	if want == subscribing {
		if on = e.lanes.pick(); on.behind(time.Now()) {
			return nil, nil, errBehind
		}
		api = on.subscribers
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{
		BundlePolicy: webrtc.BundlePolicyMaxBundle,
		Certificates: e.certificates,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("making a peer connection: %w", err)
	}
	if on != nil {
		on.members.Add(1)
	}
	return pc, on, nil
}

// negotiate turns an offer into an answer that holds every candidate: a server cannot trickle (RFC 9725 section
// 4.3.2). A second offer with other ICE credentials restarts ICE.
func negotiate(ctx context.Context, pc *webrtc.PeerConnection, offered string) (string, error) {
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offered}); err != nil {
		return "", fmt.Errorf("taking the offer: %w", err)
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("making the answer: %w", err)
	}
	// After the offer: one that restarts ICE has begun to gather by now, and what was gathered before does not count.
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		return "", fmt.Errorf("using the answer: %w", err)
	}
	// One candidate on an open socket takes a millisecond.
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	select {
	case <-gathered:
		return withMuxOnly(pc.LocalDescription().SDP), nil
	case <-ctx.Done():
		return "", fmt.Errorf("gathering candidates: %w", ctx.Err())
	}
}

// mediaEngine knows the codecs of a stage and nothing else. Payload types are those browsers prefer; an
// answer uses the numbers of the offer anyway.
func mediaEngine() (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	feedback := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}, {Type: "goog-remb"}}
	for i, profile := range videoProfiles {
		codec := webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType:     webrtc.MimeTypeH264,
				ClockRate:    90_000,
				SDPFmtpLine:  "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=" + profile,
				RTCPFeedback: feedback,
			},
			PayloadType: webrtc.PayloadType(102 + 2*i),
		}
		if err := m.RegisterCodec(codec, webrtc.RTPCodecTypeVideo); err != nil {
			return nil, fmt.Errorf("registering H.264 %s: %w", profile, err)
		}
	}
	opus := webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1;stereo=1",
		},
		PayloadType: 111,
	}
	if err := m.RegisterCodec(opus, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, fmt.Errorf("registering Opus: %w", err)
	}
	return m, nil
}
