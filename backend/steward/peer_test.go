package steward_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

// newPeer makes a peer connection on loopback: a page's, or the instance's.
func newPeer() (*webrtc.PeerConnection, error) {
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetIPFilter(net.IP.IsLoopback)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	return webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
}

// signalString is a SignalRequest or SignalResponse of GameLift Streams.
func signalString(kind string, pc *webrtc.PeerConnection) (string, error) {
	text, err := json.Marshal(map[string]string{"type": kind, "sdp": pc.LocalDescription().SDP, "webSdkProtocolUrl": "http://127.0.0.1/"})
	return string(text), err
}

func describe(pc *webrtc.PeerConnection, d webrtc.SessionDescription) error {
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(d); err != nil {
		return err
	}
	<-gathered
	return nil
}

// client is a page's side of one connection.
type client struct {
	pc      *webrtc.PeerConnection
	input   *webrtc.DataChannel
	offer   string
	open    chan struct{} // closed when input can be sent
	gone    chan struct{} // closed when the connection ended
	goneOne sync.Once
}

func newClient() (*client, error) {
	pc, err := newPeer()
	if err != nil {
		return nil, err
	}
	c := &client{pc: pc, open: make(chan struct{}), gone: make(chan struct{})}
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		return nil, err
	}
	if c.input, err = pc.CreateDataChannel("inputChannel", nil); err != nil {
		return nil, err
	}
	c.input.OnOpen(func() { close(c.open) })
	c.input.OnClose(func() { c.goneOne.Do(func() { close(c.gone) }) })
	d, err := pc.CreateOffer(nil)
	if err != nil {
		return nil, err
	}
	if err := describe(pc, d); err != nil {
		return nil, err
	}
	c.offer, err = signalString("offer", pc)
	return c, err
}

func (c *client) accept(response string) error {
	var answer struct{ SDP string }
	if err := json.Unmarshal([]byte(response), &answer); err != nil {
		return err
	}
	return c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer.SDP})
}

func (c *client) close() { _ = c.pc.GracefulClose() }

// errOffer says that an instance cannot answer an offer.
var errOffer = errors.New("no offer")

// host is the instance's side of one connection: it tells when the page is there and when it is gone.
func host(signalRequest string, input func(string), connected, gone func()) (*webrtc.PeerConnection, string, error) {
	var offer struct{ Type, SDP string }
	if json.Unmarshal([]byte(signalRequest), &offer) != nil || offer.Type != "offer" {
		return nil, "", errOffer
	}
	pc, err := newPeer()
	if err != nil {
		return nil, "", err
	}
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateDisconnected, webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			gone()
		default:
		}
	})
	pc.OnDataChannel(func(channel *webrtc.DataChannel) {
		channel.OnMessage(func(m webrtc.DataChannelMessage) { input(string(m.Data)) })
		channel.OnOpen(connected)
		channel.OnClose(gone)
	})
	answered := func() (string, error) {
		if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer.SDP}); err != nil {
			return "", fmt.Errorf("%w: %w", errOffer, err)
		}
		d, err := pc.CreateAnswer(nil)
		if err != nil {
			return "", fmt.Errorf("%w: %w", errOffer, err)
		}
		if err := describe(pc, d); err != nil {
			return "", err
		}
		return signalString("answer", pc)
	}
	answer, err := answered()
	if err != nil {
		return nil, "", errors.Join(err, pc.GracefulClose())
	}
	return pc, answer, nil
}
