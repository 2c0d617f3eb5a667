package main

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"hotseat/backend/playtest"
	"hotseat/cmd/hotseat/internal/account"
	"hotseat/tui/client"
)

// codeHandoverFailed is the code of the error that --wait ends with when a hand-over failed.
const codeHandoverFailed = "HandoverFailed"

// handoverWatch tells one hand-over from others in a log: the first that somebody approved for a person after
// an event of the log.
type handoverWatch struct {
	session string
	after   int64
	by      string // id of who approved it
	person  playtest.Person

	request string          // of the hand-over, once its approval was seen
	taken   *playtest.Event // how it ended, if well
}

// awaitSeat follows the log until the hand-over is over. The outcome is its SEAT_TAKEN; one that failed is a
// refusal that says why.
func (r *remote) awaitSeat(cmd *cobra.Command, who *account.SignedIn, h handoverWatch) (*playtest.Event, error) {
	err := r.watch(cmd, who, h.session, h.after, func(u client.Update) (bool, error) {
		for _, e := range u.Events {
			if over, err := h.see(e); over {
				return true, err
			}
		}
		return false, nil
	})
	if err == nil && h.taken == nil { // the time that a command has is over
		err = fmt.Errorf("the hand-over to %s is not over after %s; `hotseat tail` shows how it goes on", shown(h.person.Name), patience)
	}
	return h.taken, err
}

// see takes the next event of the log.
func (h *handoverWatch) see(e playtest.Event) (over bool, err error) {
	switch {
	case e.Action == playtest.ActionSessionEnded:
		return true, &client.Refusal{Code: string(playtest.CodeSessionEnded), Message: "the session ended before the seat was taken", Status: http.StatusConflict}
	case e.Action == playtest.ActionTakeoverApprove && h.request == "" && e.Actor.ID == h.by && e.Requester != nil && e.Requester.ID == h.person.ID:
		h.request = e.RequestID
	case h.request == "" || e.RequestID != h.request:
	case e.Action == playtest.ActionSeatTaken && e.Holder != nil:
		h.taken = &e
		return true, nil
	case e.Action == playtest.ActionHandoverFailed, e.Action == playtest.ActionTakeoverCancel:
		return true, &client.Refusal{Code: codeHandoverFailed, Message: fmt.Sprintf("%s did not get the seat: %s", shown(h.person.Name), shown(e.Reason)), Status: http.StatusConflict}
	}
	return false, nil
}
