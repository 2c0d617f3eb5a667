// Package player streams a game to the one person who plays it and takes their
// input: a WebRTC peer on loopback that answers the page's offer.
//
// Delivery: video and audio are RTP with retransmission on request, and a key
// frame on request; nothing is queued for a slow page. Messages of inputChannel
// come in the order of arrival, which the network may have changed or thinned; a
// reader that is slow delays them, none is dropped here. Messages of
// clientMessageChannel come in order, none is dropped; towards the page they are
// refused while 4 MiB wait. After Gone is closed no message is delivered.
//
// The package knows neither the game nor its display, and does not decide who may
// play.
package player

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"
)

// Labels of the data channels, as GameLift Streams' Web SDK names them.
const (
	inputLabel   = "inputChannel"
	messageLabel = "clientMessageChannel"
)

// farewellPatience is how long Close waits for the page to take the last message.
const farewellPatience = 150 * time.Millisecond

// maxUnsent bounds, in bytes, what a page that does not read lets pile up.
const maxUnsent = 4 << 20

var (
	// ErrNoClient reports that the message channel is not open.
	ErrNoClient = errors.New("no client to send to")
	// ErrSlowClient reports that the page does not read: the message is dropped.
	ErrSlowClient = errors.New("the client does not take its messages")
)

// Config says what a client gets.
type Config struct {
	// Open starts picture and sound. It is called once, when the page has found us,
	// and the Source is closed when the page is gone.
	Open func() (Source, error)
	// ProtocolURL is the webSdkProtocolUrl of the answer.
	ProtocolURL string
	Log         *slog.Logger
}

// Client is one page's connection, from its offer to its end.
type Client struct {
	config     Config
	connection *webrtc.PeerConnection
	stream     *stream

	input    chan []byte
	messages chan []byte

	reached, connected, gone             chan struct{}
	reachedOnce, connectedOnce, goneOnce sync.Once

	replies atomic.Pointer[webrtc.DataChannel] // clientMessageChannel, once it is there
	source  atomic.Pointer[Source]             // for key frames
	running sync.WaitGroup
	finish  sync.Once
}

// Answer makes a client from a SignalRequest and returns it with the
// SignalResponse. Errors wrap ErrOffer when the request is at fault. The client
// must be closed.
func Answer(ctx context.Context, config Config, signalRequest string) (*Client, string, error) {
	sdp, err := parseOffer(signalRequest)
	if err != nil {
		return nil, "", err
	}
	connection, err := newConnection()
	if err != nil {
		return nil, "", err
	}
	c := &Client{
		config: config, connection: connection,
		input: make(chan []byte), messages: make(chan []byte),
		reached: make(chan struct{}), connected: make(chan struct{}), gone: make(chan struct{}),
	}
	var sender *webrtc.RTPSender
	c.stream, sender, err = addStream(connection)
	if err != nil {
		return nil, "", errors.Join(err, connection.Close())
	}
	connection.OnICEConnectionStateChange(func(state webrtc.ICEConnectionState) {
		if state == webrtc.ICEConnectionStateConnected {
			c.reachedOnce.Do(func() { close(c.reached) })
		}
	})
	connection.OnConnectionStateChange(c.stateChanged)
	connection.OnDataChannel(c.channelOpened)

	described, err := answerOffer(ctx, connection, sdp)
	if err != nil {
		return nil, "", errors.Join(err, connection.GracefulClose())
	}
	response, err := formatAnswer(described, config.ProtocolURL)
	if err != nil {
		return nil, "", errors.Join(err, connection.GracefulClose())
	}
	c.running.Go(func() { watchFeedback(sender, c.keyFrame) })
	c.running.Go(c.play)
	return c, response, nil
}

// Connected is closed when media can flow.
func (c *Client) Connected() <-chan struct{} { return c.connected }

// Gone is closed when the page has left, was lost, or Close was called.
func (c *Client) Gone() <-chan struct{} { return c.gone }

// Input gives the messages of inputChannel. It is never closed: watch Gone.
func (c *Client) Input() <-chan []byte { return c.input }

// Messages gives the messages of clientMessageChannel. It is never closed: watch
// Gone.
func (c *Client) Messages() <-chan []byte { return c.messages }

// Send sends bytes of the game to the page.
func (c *Client) Send(message []byte) error {
	channel := c.replies.Load()
	if channel == nil {
		return ErrNoClient
	}
	if channel.BufferedAmount()+uint64(len(message)) > maxUnsent {
		return ErrSlowClient
	}
	return channel.Send(message)
}

// Close ends the connection and returns when everything of it has ended. With a
// reason, the page is told it first.
func (c *Client) Close(reason string) {
	c.finish.Do(func() {
		if reason != "" {
			c.sayGoodbye(reason)
		}
		c.Leave()
		if err := c.connection.GracefulClose(); err != nil {
			c.config.Log.Debug("close the player's connection", "error", err)
		}
	})
	c.running.Wait()
}

func (c *Client) sayGoodbye(reason string) {
	channel := c.replies.Load()
	if channel == nil {
		return
	}
	text, _ := json.Marshal(map[string]string{"hotseat": "disconnect", "reason": reason})
	if channel.SendText(string(text)) != nil {
		return
	}
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	patience := time.After(farewellPatience)
	for channel.BufferedAmount() > 0 {
		select {
		case <-poll.C:
		case <-patience:
			return
		case <-c.gone:
			return
		}
	}
}

// fail ends the connection from within: the owner sees Gone and calls Close.
func (c *Client) fail() {
	select {
	case <-c.connected:
		c.sayGoodbye("internalError")
	default:
	}
	c.Leave()
}

// Leave makes Gone true without waiting for anything. Close is still needed.
func (c *Client) Leave() { c.goneOnce.Do(func() { close(c.gone) }) }

func (c *Client) stateChanged(state webrtc.PeerConnectionState) {
	c.config.Log.Debug("player's connection", "state", state)
	switch state {
	case webrtc.PeerConnectionStateConnected:
		c.connectedOnce.Do(func() { close(c.connected) })
	case webrtc.PeerConnectionStateDisconnected, webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
		c.Leave()
	}
}

func (c *Client) channelOpened(channel *webrtc.DataChannel) {
	var to chan []byte
	switch channel.Label() {
	case inputLabel:
		to = c.input
	case messageLabel:
		to = c.messages
		c.replies.Store(channel)
	default:
		c.config.Log.Debug("the page opened a channel that we do not know", "label", channel.Label())
		return
	}
	channel.OnMessage(func(message webrtc.DataChannelMessage) {
		select {
		case <-c.gone: // not one more, also when the reader is ready
			return
		default:
		}
		select {
		case to <- message.Data:
		case <-c.gone:
		}
	})
	// A page that closes its connection closes the channels; that is seen earlier
	// than any silence.
	channel.OnClose(c.Leave)
}

func (c *Client) keyFrame() {
	if source := c.source.Load(); source != nil {
		(*source).ForceKeyFrame()
	}
}

// play opens the source when the page is there and sends it until the page is
// gone. The source starts while the DTLS handshake still runs, which hides most of
// its start.
func (c *Client) play() {
	select {
	case <-c.reached:
	case <-c.gone:
		return
	}
	source, err := c.config.Open()
	if err != nil {
		c.config.Log.Error("no picture for the player", "error", err)
		c.fail() // left connected, the page would show black for ever
		return
	}
	defer source.Close()
	select {
	case <-c.connected:
	case <-c.gone:
		return
	}
	c.source.Store(&source)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() {
		if err := c.stream.sendVideo(ctx, source); err != nil && ctx.Err() == nil {
			c.config.Log.Error("the player's picture ended", "error", err)
			c.fail()
		}
	})
	sending.Go(func() {
		if err := c.stream.sendAudio(ctx, source); err != nil && ctx.Err() == nil {
			c.config.Log.Warn("the player's sound ended", "error", err)
		}
	})
	<-c.gone
	cancel()
}
