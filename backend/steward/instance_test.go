package steward_test

import (
	"errors"
	"log/slog"
	"sync"

	"github.com/pion/webrtc/v4"

	"hotseat/backend/local/gameliftstreams"
	"hotseat/backend/local/gameliftstreams/instance"
)

// game is an instance in this process: it speaks hotseat-instance's protocol to the service and WebRTC to
// the pages, and has no display, no sound and no picture. One goroutine (run) owns it.
type game struct {
	commands chan instance.Command
	happened chan func()
	events   chan instance.Event
	stop     chan struct{}
	stopOnce sync.Once
	die      chan instance.Event // ends as if by itself; the zero event: killed
	ended    chan struct{}

	mu     sync.Mutex // protects the fields below
	fault  func(instance.Command) (handled bool)
	input  []string // what pages sent, in order of arrival
	offers int      // how many were answered

	// Of run alone.
	id        int
	peer      *webrtc.PeerConnection
	connected bool
}

func launch(instance.Start, *slog.Logger) (*game, error) {
	g := &game{
		commands: make(chan instance.Command, 32), happened: make(chan func(), 64), events: make(chan instance.Event),
		stop: make(chan struct{}), die: make(chan instance.Event, 1), ended: make(chan struct{}),
	}
	go g.run()
	return g, nil
}

var _ gameliftstreams.Process = (*game)(nil)

func (g *game) Send(c instance.Command) error { g.commands <- c; return nil }
func (g *game) Events() <-chan instance.Event { return g.events }
func (g *game) Stop(string)                   { g.stopOnce.Do(func() { close(g.stop) }) }

// exit ends the game as a launch script that ends does.
func (g *game) exit() {
	g.die <- instance.Event{Event: instance.EventExit, Reason: instance.ExitApplication}
}

// kill ends the instance without a word.
func (g *game) kill() { g.die <- instance.Event{} }

func (g *game) run() {
	defer close(g.events)
	defer close(g.ended)
	defer func() { g.drop() }()
	g.events <- instance.Event{Event: instance.EventReady}
	for {
		select {
		case c := <-g.commands:
			if c.Command == instance.CommandConnect {
				g.connect(c)
			}
		case f := <-g.happened:
			f()
		case last := <-g.die:
			if last.Event != "" {
				g.events <- last
			}
			return
		case <-g.stop:
			g.events <- instance.Event{Event: instance.EventExit, Reason: instance.ExitStopped}
			return
		}
	}
}

// later runs f in run.
func (g *game) later(f func()) {
	select {
	case g.happened <- f:
	case <-g.ended:
	}
}

func (g *game) drop() {
	if g.peer != nil {
		_ = g.peer.GracefulClose()
		g.peer = nil
	}
	g.connected = false
}

func (g *game) connect(c instance.Command) {
	g.mu.Lock()
	handled := g.fault != nil && g.fault(c)
	g.mu.Unlock()
	refuse := func(reason string) {
		g.events <- instance.Event{Event: instance.EventRefused, ConnectionID: c.ConnectionID, Reason: reason, Message: reason}
	}
	switch {
	case handled:
		return
	case g.connected:
		refuse(instance.RefusedConnected)
		return
	}
	g.drop()
	id := c.ConnectionID
	peer, answer, err := host(c.SignalRequest, func(text string) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.input = append(g.input, text)
	}, func() {
		g.later(func() {
			if g.id == id && !g.connected {
				g.connected = true
				g.events <- instance.Event{Event: instance.EventConnected, ConnectionID: id}
			}
		})
	}, func() {
		g.later(func() {
			if g.id == id && g.connected {
				g.connected = false
				g.events <- instance.Event{Event: instance.EventDisconnected, ConnectionID: id}
			}
		})
	})
	switch {
	case errors.Is(err, errOffer):
		refuse(instance.RefusedInvalidOffer)
		return
	case err != nil:
		refuse(instance.RefusedInternal)
		return
	}
	g.mu.Lock()
	g.offers++
	g.mu.Unlock()
	g.id, g.peer = id, peer
	g.events <- instance.Event{Event: instance.EventAnswer, ConnectionID: id, SignalResponse: answer}
}

// faulty lets commands fail; f reports whether it has dealt with one.
func (g *game) faulty(f func(instance.Command) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = f
}

func (g *game) answered() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.offers
}

func (g *game) heard() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.input...)
}
