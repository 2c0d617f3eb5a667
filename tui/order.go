package tui

import (
	"context"
	"fmt"
	"time"

	"hotseat/backend/playtest"
)

// slowChoices are slow mode's pauses that are offered; others can be typed.
var slowChoices = []struct {
	word, hint string
	pause      time.Duration
}{
	{"off", "everybody writes as they like", 0},
	{"5s", "one line a person in 5 s", 5 * time.Second},
	{"10s", "one line a person in 10 s", 10 * time.Second},
	{"30s", "one line a person in 30 s", 30 * time.Second},
}

// asked is an order as a call on the backend, with the words before and after it.
type asked struct {
	doing, done string
	call        func(context.Context, backend) error
}

// asks turns an order about a session into the call that carries it out; ok is false for orders that
// are not sent anywhere. Keys, typed commands and Plain all come through here.
func (o order) asks(b *board, now time.Time) (a asked, ok bool) {
	id, who, why := b.info.ID, o.person, o.text
	switch o.cmd.name {
	case "approve":
		r := o.request
		return asked{"giving the seat to " + r.Person.Name, "approved " + r.Person.Name, func(ctx context.Context, net backend) error {
			return net.Approve(ctx, id, r.ID)
		}}, true
	case "deny":
		r := o.request
		return asked{"denying " + r.Person.Name, "denied " + r.Person.Name, func(ctx context.Context, net backend) error {
			return net.Deny(ctx, id, r.ID, why)
		}}, true
	case "give":
		return asked{"giving the seat to " + who.Name, "gave the seat to " + who.Name, func(ctx context.Context, net backend) error {
			return net.Give(ctx, id, who.ID, why)
		}}, true
	case "reclaim":
		done := "took the seat back"
		if h := b.seat().Holder; h != nil {
			done += " from " + h.Name
		}
		epoch := b.seat().Epoch // the one on the screen, whoever has it by the time of the answer
		return asked{"taking the seat back", done, func(ctx context.Context, net backend) error { return net.TakeBack(ctx, id, epoch, why) }}, true
	case "lock":
		return asked{"locking requests", "nobody can ask for the seat now", func(ctx context.Context, net backend) error { return net.Lock(ctx, id, true, why) }}, true
	case "unlock":
		return asked{"unlocking requests", "people can ask for the seat again", func(ctx context.Context, net backend) error { return net.Lock(ctx, id, false, why) }}, true
	case "slow":
		done := "slow mode is off"
		if o.pause > 0 {
			done = fmt.Sprintf("slow mode: a line every %d s", int(o.pause.Seconds()))
		}
		return asked{"setting slow mode", done, func(ctx context.Context, net backend) error { return net.SlowMode(ctx, id, o.pause) }}, true
	case "mute", "unmute":
		mute := o.cmd.name == "mute"
		doing, done := "muting "+who.Name, "muted "+who.Name
		if !mute {
			doing, done = "unmuting "+who.Name, who.Name+" is heard again"
		}
		return asked{doing, done, func(ctx context.Context, net backend) error { return net.Mute(ctx, id, who.ID, mute, why) }}, true
	case "remove":
		return asked{"removing " + who.Name, "removed " + who.Name, func(ctx context.Context, net backend) error { return net.Remove(ctx, id, who.ID, why) }}, true
	case "ban", "unban":
		ban := o.cmd.name == "ban"
		doing, done := "banning "+who.Name, "banned "+who.Name
		if !ban {
			doing, done = "letting "+who.Name+" back in", who.Name+" may come back"
		}
		return asked{doing, done, func(ctx context.Context, net backend) error { return net.Ban(ctx, id, who.ID, ban, why) }}, true
	case "mark":
		at := now.Add(-o.ago)
		return asked{"marking", "marked", func(ctx context.Context, net backend) error { return net.Mark(ctx, id, why, at) }}, true
	case "chat":
		return asked{"sending", "said", func(ctx context.Context, net backend) error { return net.Chat(ctx, id, why) }}, true
	case "end":
		title := b.title()
		return asked{"ending " + title, "ended " + title, func(ctx context.Context, net backend) error { return net.EndSession(ctx, id) }}, true
	}
	return asked{}, false
}

// settle fills in what an order leaves open: the first request. It says what is wrong with an order
// that would change nothing or not be taken.
func (o *order) settle(b *board, chosen playtest.Request) string {
	switch o.cmd.name {
	case "approve", "deny":
		if o.request.ID == "" {
			o.request = chosen
		}
		if o.request.ID == "" {
			return errNobodyWaits.Error()
		}
		return ""
	case "lock", "unlock":
		if lock := o.cmd.name == "lock"; lock == b.state.Locked {
			return "requests are " + map[bool]string{true: "locked", false: "open"}[lock] + " already"
		}
		return ""
	case "slow":
		if int(o.pause.Seconds()) == b.state.SlowSeconds {
			return "slow mode is that already"
		}
		return ""
	}
	return o.settlePerson(b)
}

func (o *order) settlePerson(b *board) string {
	name, p := o.person.Name, b.state.People[o.person.ID]
	lead := o.person.Role == playtest.RoleLead
	switch o.cmd.name {
	case "give":
		switch {
		case b.seat().HeldBy(o.person.ID):
			return name + " has the seat already"
		case p.Away || p.Banned:
			return name + " is no longer here"
		}
	case "mute", "unmute", "remove", "ban", "unban":
		switch {
		case lead:
			return "QA leads do not moderate each other"
		case o.cmd.name == "mute" && p.Muted:
			return name + " is muted already"
		case o.cmd.name == "unmute" && !p.Muted:
			return name + " is not muted"
		case o.cmd.name == "remove" && p.Away:
			return name + " is not here any more"
		case o.cmd.name == "ban" && p.Banned:
			return name + " is banned already"
		case o.cmd.name == "unban" && !p.Banned:
			return name + " is not banned"
		}
	}
	return ""
}
