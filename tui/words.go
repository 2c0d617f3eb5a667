package tui

import (
	"fmt"
	"time"

	"charm.land/lipgloss/v2"

	"hotseat/backend/playtest"
)

// tone is how something is meant; it has a style, and always a word or sign beside it.
type tone int

const (
	toneQuiet tone = iota
	toneGood
	toneWarn
	toneBad
	toneAccent
)

func (s styles) tone(t tone) lipgloss.Style {
	return [...]lipgloss.Style{toneQuiet: s.muted, toneGood: s.good, toneWarn: s.warn, toneBad: s.bad, toneAccent: s.accent}[t]
}

// sentenceOf is an event in words; icon is empty for what is not worth a place in the timeline.
type sentenceOf struct {
	icon, text string
	tone       tone
}

// describe says what an event of the log means. The event must be safe.
func describe(e playtest.Event) sentenceOf {
	requester := e.RequesterUsername
	if e.Requester != nil {
		requester = e.Requester.Name
	}
	requester = safe(requester)
	switch e.Action {
	case playtest.ActionSessionStarted:
		return sentenceOf{"○", fmt.Sprintf("playtest of %s started, %d×%d at %d fps", e.Title, e.Width, e.Height, e.Framerate), toneQuiet}
	case playtest.ActionSessionState:
		text := statusWords(e.Status) + " (" + e.Status + ")"
		if e.StatusReason != "" {
			text += because(e.StatusReason)
		}
		return sentenceOf{statusIcon(e.Status), text, statusTone(e.Status)}
	case playtest.ActionSessionMark:
		word := e.Message
		if word == "" {
			word = "mark"
		}
		return sentenceOf{"⚑", word + " · by " + e.Actor.Name, toneAccent}
	case playtest.ActionSessionEnded:
		return sentenceOf{"■", "playtest ended" + because(e.Reason), toneQuiet}
	case playtest.ActionArrived:
		return sentenceOf{"", e.Actor.Name + " arrived", toneQuiet}
	case playtest.ActionTakeoverRequest:
		return sentenceOf{"", requester + " asks for the seat", toneWarn}
	case playtest.ActionTakeoverCancel:
		switch e.Reason {
		case "expired":
			return sentenceOf{"", "the request of " + requester + " expired", toneQuiet}
		case "left":
			return sentenceOf{"", requester + " left, and with that the queue", toneQuiet}
		case "ended":
			return sentenceOf{"", "the request of " + requester + " ended with the playtest", toneQuiet}
		}
		return sentenceOf{"", requester + " no longer asks for the seat", toneQuiet}
	case playtest.ActionTakeoverApprove:
		return sentenceOf{"", e.Actor.Name + " gives the seat to " + requester, toneGood}
	case playtest.ActionTakeoverDeny:
		return sentenceOf{"", e.Actor.Name + " denies " + requester + because(e.Reason), toneQuiet}
	case playtest.ActionSeatTaken:
		if e.Holder == nil {
			return sentenceOf{}
		}
		return sentenceOf{"⇄", fmt.Sprintf("%s took the seat in %s", e.Holder.Name, took(time.Duration(e.TookMs)*time.Millisecond)), toneGood}
	case playtest.ActionSeatReleased:
		who := "the seat is free"
		if e.Previous != nil {
			who = e.Previous.Name + " left the seat"
		}
		return sentenceOf{"⇄", who + because(e.Reason), toneQuiet}
	case playtest.ActionHandoverFailed:
		text := "the hand-over to " + requester + " failed" + because(e.Reason)
		if e.Holder != nil {
			text += "; " + e.Holder.Name + " keeps the seat"
		}
		return sentenceOf{"✗", text, toneBad}
	case playtest.ActionLeft:
		return sentenceOf{"", e.Actor.Name + " left", toneQuiet}
	case playtest.ActionLock:
		return sentenceOf{"⊘", e.Actor.Name + " locked requests" + because(e.Reason), toneWarn}
	case playtest.ActionUnlock:
		return sentenceOf{"○", e.Actor.Name + " opened requests again" + because(e.Reason), toneQuiet}
	case playtest.ActionSlowMode:
		if e.Seconds == 0 {
			return sentenceOf{"", "slow mode is off", toneQuiet}
		}
		return sentenceOf{"", fmt.Sprintf("slow mode: a line every %d s", e.Seconds), toneQuiet}
	}
	if verb, ok := moderated[e.Action]; ok && e.Person != nil {
		return sentenceOf{"⊘", e.Actor.Name + " " + verb + " " + e.Person.Name + because(e.Reason), toneWarn}
	}
	return sentenceOf{}
}

var moderated = map[playtest.Action]string{
	playtest.ActionMute: "muted", playtest.ActionUnmute: "unmuted", playtest.ActionRemove: "removed",
	playtest.ActionBan: "banned", playtest.ActionUnban: "let back in",
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// statusWords says what GameLift Streams' word means for the people in the session:
// https://docs.aws.amazon.com/gameliftstreams/latest/apireference/API_GetStreamSession.html
func statusWords(status string) string {
	switch status {
	case "ACTIVATING":
		return "the game is starting"
	case "ACTIVE":
		return "ready for a player"
	case "CONNECTED":
		return "playing"
	case "PENDING_CLIENT_RECONNECTION":
		return "waiting for the next player"
	case "RECONNECTING":
		return "a player is connecting"
	case "TERMINATING":
		return "ending"
	case "TERMINATED":
		return "over"
	case "ERROR":
		return "the stream session failed"
	case "":
		return "not heard of yet"
	}
	return "a state this console does not know"
}

// shortStatus is a word for a column.
func shortStatus(status string) string {
	switch status {
	case "ACTIVATING":
		return "starting"
	case "ACTIVE":
		return "ready"
	case "CONNECTED":
		return "playing"
	case "PENDING_CLIENT_RECONNECTION":
		return "between"
	case "RECONNECTING":
		return "joining"
	case "TERMINATING":
		return "ending"
	case "TERMINATED":
		return "over"
	case "ERROR":
		return "failed"
	}
	return "unknown"
}

func statusTone(status string) tone {
	switch status {
	case "CONNECTED":
		return toneGood
	case "ACTIVE", "RECONNECTING", "PENDING_CLIENT_RECONNECTION", "ACTIVATING":
		return toneWarn
	case "ERROR":
		return toneBad
	}
	return toneQuiet
}

// statusIcon differs by shape as well as by colour.
func statusIcon(status string) string {
	switch status {
	case "CONNECTED":
		return "●"
	case "TERMINATING", "TERMINATED":
		return "■"
	case "ERROR":
		return "✗"
	}
	return "○"
}

func roleWord(r playtest.Role) string {
	if r == playtest.RoleLead {
		return "QA lead"
	}
	return string(r)
}
