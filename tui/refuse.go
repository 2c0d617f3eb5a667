package tui

import (
	"time"

	"hotseat/backend/playtest"
)

// actor is who acts, for the question what they may do now.
type actor struct {
	me       playtest.Person
	readOnly bool
	at       time.Time
}

// leadOnly says what only a QA lead does.
var leadOnly = map[string]string{
	actGive: "gives the seat away", actLock: "locks requests", actMute: "mutes people", actRemove: "removes people",
	actBan: "bans people", actSlow: "slows the chat down", actMark: "sets marks", actEnd: "ends a playtest",
}

// why says why an action on a session can do nothing now, "" if it can. The rules are those of the
// gate, which has the last word; a person should not have to ask it to learn them.
func (a actor) why(name string, b *board) string {
	switch name {
	case actNew:
		switch {
		case a.readOnly:
			return "this console is read-only"
		case a.me.Role == playtest.RoleViewer:
			return "only QA leads and players start playtests"
		}
		return ""
	case actApprove, actDeny, actDenyWhy, actGive, actTakeBack, actLock, actMute, actRemove, actBan, actSlow, actMark, actWrite, actEnd:
	default:
		return ""
	}
	switch {
	case b == nil:
		return "there is no playtest here: n starts one"
	case a.readOnly:
		return "this console is read-only"
	case b.ended():
		return "this playtest ended"
	}
	if what, ok := leadOnly[name]; ok && a.me.Role != playtest.RoleLead {
		return "only a QA lead " + what
	}
	return a.whyHere(name, b)
}

// whyHere is why about a session that runs, for somebody who may act there at all.
func (a actor) whyHere(name string, b *board) string {
	handing := b.state.Handover
	switch name {
	case actApprove:
		if handing != nil {
			return "the seat is on its way to " + handing.Request.Person.Name + "; decide again in a moment"
		}
		if len(b.state.Queue) == 0 {
			return errNobodyWaits.Error()
		}
		return a.mayDecide(b)
	case actDeny, actDenyWhy:
		if len(b.state.Queue) == 0 {
			return errNobodyWaits.Error()
		}
		return a.mayDecide(b)
	case actGive:
		if handing != nil {
			return "the seat is on its way to " + handing.Request.Person.Name + "; decide again in a moment"
		}
		if len(b.takers()) == 0 {
			return "nobody is here who could take the seat"
		}
	case actTakeBack:
		switch holder := b.seat().Holder; {
		case handing != nil:
			return "the seat is on its way to " + handing.Request.Person.Name
		case holder == nil:
			return "nobody has the seat"
		case a.me.Role != playtest.RoleLead && holder.ID != a.me.ID:
			return "only a QA lead takes the seat back"
		}
	case actMute, actRemove, actBan:
		if len(b.subjects()) == 0 {
			return "nobody else has come yet"
		}
	case actWrite:
		switch p := b.state.People[a.me.ID]; {
		case p.Banned:
			return "you are banned from this playtest"
		case p.Muted:
			return "a QA lead has muted you"
		}
	}
	return ""
}

func (a actor) mayDecide(b *board) string {
	lead, holder := a.me.Role == playtest.RoleLead, b.seat().HeldBy(a.me.ID)
	switch b.state.Policy.Approvers {
	case playtest.ApproversLead:
		if !lead {
			return "in this playtest only a QA lead decides about requests"
		}
	case playtest.ApproversHolder:
		if !holder && (b.seat().Holder != nil || !lead) {
			return "in this playtest the person in the seat decides about requests; g gives the seat"
		}
	default:
		if !lead && !holder {
			return "only the person in the seat or a QA lead decides about requests"
		}
	}
	return ""
}
