package main

import (
	"time"

	"hotseat/cmd/hotseat-demo-game/internal/bridge"
	"hotseat/cmd/hotseat-demo-game/internal/datachannel"
	"hotseat/cmd/hotseat-demo-game/internal/journal"
	"hotseat/cmd/hotseat-demo-game/internal/world"
	"hotseat/cmd/hotseat-demo-game/internal/x11"
)

// input takes what the person at the keyboard did.
func (g *game) input(e x11.Event) {
	c := &g.controls
	switch e.Kind {
	case x11.KeyDown:
		c.Press(e.Code)
		g.journal.Write(e.At, journal.Entry{Event: "key_down", Code: e.Code, Presses: c.Presses})
	case x11.KeyUp:
		c.Release(e.Code)
		g.journal.Write(e.At, journal.Entry{Event: "key_up", Code: e.Code})
	case x11.ButtonDown, x11.ButtonUp:
		c.Point(g.painter.ToWorld(e.X, e.Y))
		c.Button(e.Button, e.Kind == x11.ButtonDown)
		name := "button_up"
		if e.Kind == x11.ButtonDown {
			name = "button_down"
		}
		g.journal.Write(e.At, journal.Entry{Event: name, Button: &e.Button, X: &e.X, Y: &e.Y})
	case x11.Motion:
		c.Point(g.painter.ToWorld(e.X, e.Y))
	case x11.FocusLost:
		g.letGo(e.At)
	}
}

// letGo releases everything that is held.
func (g *game) letGo(at time.Time) {
	g.journal.Write(at, journal.Entry{Event: "keys_cleared", Cleared: g.controls.HeldCount()})
	g.controls.Clear()
}

// hear takes an event of the session.
func (g *game) hear(e bridge.Event) {
	now := time.Now()
	person := world.Person{ID: e.Person.ID, Name: e.Person.Name}
	switch e.Kind {
	case bridge.Seat:
		g.seat(now, e.Epoch, e.Holder)
	case bridge.Failed:
		g.world.Notice("the hand-over to "+person.Name+" failed", softRed)
		g.seat(now, e.Epoch, e.Holder)
	case bridge.Chat:
		g.world.Say(person, e.Text)
		g.journal.Write(now, journal.Entry{Event: "chat", User: person.Name, Message: e.Text})
	case bridge.Reaction:
		if g.world.React(world.Reaction(e.Text)) {
			g.journal.Write(now, journal.Entry{Event: "reaction", User: person.Name, Reaction: e.Text})
		}
	case bridge.Request:
		g.world.Notice(person.Name+" asks for the seat", world.ColorOf(person.ID))
	case bridge.Handover:
		g.world.Notice("the seat goes to "+person.Name, world.ColorOf(person.ID))
	case bridge.Ended:
		g.world.Notice("the session is over", world.DefaultColor)
	}
}

const softRed = 0xff9d8a

// seat takes news of the seat. Whoever comes next must not inherit held keys.
func (g *game) seat(at time.Time, epoch uint64, holder *bridge.Person) {
	entry := journal.Entry{Event: "seat", Epoch: &epoch}
	var person *world.Person
	if holder != nil {
		person = &world.Person{ID: holder.ID, Name: holder.Name}
		entry.Holder, entry.HolderID = holder.Name, holder.ID
	}
	if !g.world.SetSeat(epoch, person) {
		return
	}
	g.journal.Write(at, entry)
	g.letGo(at)
}

// client takes an event of the data channel. A take-over shows there as one
// client leaving and another coming.
func (g *game) client(e datachannel.Event) {
	id := int(e.Client)
	entry := journal.Entry{Client: &id}
	switch e.Type {
	case datachannel.Connected:
		entry.Event = "client_connected"
	case datachannel.Disconnected:
		entry.Event = "client_disconnected"
	default:
		entry.Event = "client_message" // the game has nothing to say to the page's script
	}
	now := time.Now()
	g.journal.Write(now, entry)
	if e.Type != datachannel.Message {
		g.letGo(now)
	}
}
