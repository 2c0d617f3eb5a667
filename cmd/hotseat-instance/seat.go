//go:build linux && cgo

package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"hotseat/backend/local/gameliftstreams/instance"
	"hotseat/cmd/hotseat-instance/internal/input"
	"hotseat/cmd/hotseat-instance/internal/player"
)

// inputEventGap is the least time between two input events: they only feed an
// idle timeout of an hour.
const inputEventGap = 10 * time.Second

// seat is one connection id and its client, from answer to end.
type seat struct {
	id     int
	client *player.Client
	// released is closed when the client is gone, everything it held is up, and
	// that was reported.
	released chan struct{}
}

// taken tells whether the client is connected now.
func (s *seat) taken() bool {
	select {
	case <-s.client.Gone(): // also when it was connected before
		return false
	default:
	}
	select {
	case <-s.client.Connected():
		return true
	default:
		return false
	}
}

// connect answers an offer. A client that was answered but never connected is
// replaced; one that is connected is not.
func (i *Instance) connect(ctx context.Context, id int, signalRequest string) {
	refuse := func(reason, message string) {
		i.report(instance.Event{Event: instance.EventRefused, ConnectionID: id, Reason: reason, Message: message})
	}
	if i.seat != nil {
		if i.seat.taken() {
			refuse(instance.RefusedConnected, "another client is connected")
			return
		}
		// An earlier client that left is still being taken apart (its capture takes
		// 100 ms to stop); only that it has released everything is waited for.
		i.seat.client.Leave()
		<-i.seat.released
		i.seat = nil
	}
	client, response, err := player.Answer(ctx, player.Config{
		Open: i.feed.get, ProtocolURL: i.start.ProtocolURL, Log: i.log,
	}, signalRequest)
	switch {
	case errors.Is(err, player.ErrOffer):
		refuse(instance.RefusedInvalidOffer, err.Error())
		return
	case err != nil:
		refuse(instance.RefusedInternal, err.Error())
		return
	}
	i.seat = &seat{id: id, client: client, released: make(chan struct{})}
	current := i.seat
	i.seats.Go(func() { i.play(current) })
	i.report(instance.Event{Event: instance.EventAnswer, ConnectionID: id, SignalResponse: response})
}

// play carries out what the client does until it is gone. It alone owns the
// client's hands, so nothing can be pressed after the last release.
func (i *Instance) play(s *seat) {
	defer s.client.Close("")
	defer close(s.released)
	select {
	case <-s.client.Connected():
	case <-s.client.Gone():
		return
	}
	i.focus.Place()
	i.voice.client.Store(s.client)
	i.dataChannel.ClientConnected()
	i.report(instance.Event{Event: instance.EventConnected, ConnectionID: s.id})

	hands := &input.Hands{Width: i.start.Width, Height: i.start.Height}
	i.takeInput(s, hands)

	if err := i.injector.Do(hands.ReleaseAll()); err != nil {
		i.log.Error("release what the player held", "error", err)
	}
	if err := i.injector.Unlock(); err != nil {
		i.log.Error("release what the player latched", "error", err)
	}
	i.voice.client.CompareAndSwap(s.client, nil)
	i.dataChannel.ClientDisconnected()
	i.report(instance.Event{Event: instance.EventDisconnected, ConnectionID: s.id})
}

// silence is how long a page may say nothing while it holds something. It repeats what it holds every
// 100 ms (docs/protocol.md); a page that hangs, or lost the messages that let go, does not, though its
// connection lives.
const silence = time.Second

func (i *Instance) takeInput(s *seat, hands *input.Hands) {
	silent := time.NewTimer(silence)
	defer silent.Stop()
	var reported time.Time
	var refused int
	for {
		select {
		case <-s.client.Gone():
			return
		case message := <-s.client.Messages():
			i.dataChannel.FromClient(message)
		case <-silent.C:
			if !hands.Holding() {
				continue // the next message sets the timer again
			}
			i.log.Warn("the page holds keys and is silent; they are let go")
			if err := i.injector.Do(hands.ReleaseAll()); err != nil {
				i.log.Error("release what a silent page held", "error", err)
			}
		case data := <-s.client.Input():
			silent.Reset(silence)
			message, err := input.Decode(data)
			if err != nil {
				if refused++; refused == 1 { // one line tells it; a page could send thousands
					i.log.Warn("the page sends input that is not understood", "error", err)
				}
				continue
			}
			actions := hands.Apply(message)
			if len(actions) == 0 {
				continue
			}
			if err := i.injector.Do(actions); err != nil {
				i.log.Error("carry out input", "error", err)
			}
			if now := time.Now(); now.Sub(reported) >= inputEventGap {
				reported = now
				i.report(instance.Event{Event: instance.EventInput, ConnectionID: s.id})
			}
		}
	}
}

// voice passes the game's messages to whoever plays now.
type voice struct{ client atomic.Pointer[player.Client] }

func (v *voice) say(message []byte) {
	if client := v.client.Load(); client != nil {
		// A page that left or does not read loses it: GameLift Streams promises no more.
		_ = client.Send(message)
	}
}
