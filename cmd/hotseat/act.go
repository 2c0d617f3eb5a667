package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

// deed is one action on a running session, as a command.
type deed struct {
	name, args, short, example string
	long                       string
	who                        whom
	words                      cobra.PositionalArgs // for whom nobody
	reason                     bool                 // takes --reason
	seat                       bool                 // begins a hand-over: takes --wait
	do                         func(ctx context.Context, on target) (done string, err error)
}

// whom says whether an action is about a person.
type whom int

const (
	nobody   whom = iota
	waiting       // somebody who waits for the seat, or the first who does
	somebody      // somebody who was in the session
)

// target is what an action is about.
type target struct {
	*client.Direct
	session string
	person  playtest.Person  // of waiting (zero: the first) and somebody
	request playtest.Request // of waiting
	words   []string
	reason  string
	ago     time.Duration
	wait    bool
}

// deeds are all of them.
var deeds = []deed{
	{name: "approve", args: "[PERSON]", who: waiting, seat: true, short: "Give the seat to somebody who asked for it",
		long: "Approves the request of PERSON, or the first of the queue. The hand-over begins; with --wait the command\n" +
			"ends when the seat is taken, or with status 3 when the hand-over failed.",
		example: "  hotseat approve\n  hotseat approve viewer-3 --session s-7h2k\n  hotseat approve --wait --json | jq .tookMs",
		do: func(ctx context.Context, on target) (string, error) {
			return "approved " + nameOr(on.person, "the first of the queue"), on.Approve(ctx, on.session, on.request.ID)
		}},
	{name: "deny", args: "[PERSON]", who: waiting, reason: true, short: "Refuse a request for the seat",
		example: "  hotseat deny viewer-3 --reason 'wait for the next level'",
		do: func(ctx context.Context, on target) (string, error) {
			return "denied " + nameOr(on.person, "the first of the queue"), on.Deny(ctx, on.session, on.request.ID, on.reason)
		}},
	{name: "give", args: "PERSON", who: somebody, reason: true, seat: true, short: "Give the seat to somebody, ahead of the queue",
		long: "Gives the seat to PERSON, who need not have asked. With --wait the command ends when the seat is taken, or\n" +
			"with status 3 when the hand-over failed.",
		example: "  hotseat give viewer-3\n  hotseat give viewer-3 --wait && echo plays",
		do: func(ctx context.Context, on target) (string, error) {
			return "the seat is on its way to " + on.person.Name, on.Give(ctx, on.session, on.person.ID, on.reason)
		}},
	{name: "reclaim", reason: true, words: cobra.NoArgs, short: "Take the seat back, so that nobody holds it",
		example: "  hotseat reclaim --reason 'lunch'",
		do: func(ctx context.Context, on target) (string, error) {
			return "took the seat back", on.TakeBack(ctx, on.session, 0, on.reason)
		}},
	{name: "lock", reason: true, words: cobra.NoArgs, short: "Let nobody ask for the seat",
		example: "  hotseat lock --reason 'the boss fight first'",
		do: func(ctx context.Context, on target) (string, error) {
			return "requests are locked", on.Lock(ctx, on.session, true, on.reason)
		}},
	{name: "unlock", reason: true, words: cobra.NoArgs, short: "Let people ask for the seat again",
		example: "  hotseat unlock",
		do: func(ctx context.Context, on target) (string, error) {
			return "requests are open", on.Lock(ctx, on.session, false, on.reason)
		}},
	{name: "chat", args: "TEXT…", words: cobra.MinimumNArgs(1), short: "Say something in the chat",
		example: "  hotseat chat 'five minutes left'\n  hotseat chat -- --not-a-flag",
		do: func(ctx context.Context, on target) (string, error) {
			return "said", on.Chat(ctx, on.session, strings.Join(on.words, " "))
		}},
	{name: "mute", args: "PERSON", who: somebody, reason: true, short: "Keep somebody from being heard, in chat and by reactions",
		example: "  hotseat mute viewer-3 --reason spam",
		do: func(ctx context.Context, on target) (string, error) {
			return "muted " + on.person.Name, on.Mute(ctx, on.session, on.person.ID, true, on.reason)
		}},
	{name: "unmute", args: "PERSON", who: somebody, reason: true, short: "Let somebody be heard again",
		example: "  hotseat unmute viewer-3",
		do: func(ctx context.Context, on target) (string, error) {
			return "unmuted " + on.person.Name, on.Mute(ctx, on.session, on.person.ID, false, on.reason)
		}},
	{name: "remove", args: "PERSON", who: somebody, reason: true, short: "Put somebody out of the session, until they open it again",
		example: "  hotseat remove viewer-3",
		do: func(ctx context.Context, on target) (string, error) {
			return "removed " + on.person.Name, on.Remove(ctx, on.session, on.person.ID, on.reason)
		}},
	{name: "ban", args: "PERSON", who: somebody, reason: true, short: "Put somebody out of the session for good",
		example: "  hotseat ban viewer-3 --reason 'spoilers'",
		do: func(ctx context.Context, on target) (string, error) {
			return "banned " + on.person.Name, on.Ban(ctx, on.session, on.person.ID, true, on.reason)
		}},
	{name: "unban", args: "PERSON", who: somebody, reason: true, short: "Let a banned person come back",
		example: "  hotseat unban viewer-3",
		do: func(ctx context.Context, on target) (string, error) {
			return "unbanned " + on.person.Name, on.Ban(ctx, on.session, on.person.ID, false, on.reason)
		}},
	{name: "slow", args: "LENGTH|off", words: cobra.ExactArgs(1), short: "Make people wait between two chat lines",
		long:    fmt.Sprintf("Slow mode lets each person write one line every LENGTH, at most %d s; off ends it. QA leads are exempt.", playtest.MaxSlow),
		example: "  hotseat slow 10s\n  hotseat slow off",
		do:      slow},
	{name: "mark", args: "[WORD…]", words: cobra.ArbitraryArgs, short: "Mark a moment for the report",
		long:    "Marks the moment --ago before the present one: a person who sees something needs a few seconds to type.",
		example: "  hotseat mark crash on jump\n  hotseat mark --ago 20s 'fell through the floor'",
		do: func(ctx context.Context, on target) (string, error) {
			if on.ago < 0 {
				return "", usageError{errors.New("--ago counts backwards and has no minus sign: --ago 20s")}
			}
			at := time.Time{}
			if on.ago > 0 {
				at = time.Now().Add(-on.ago)
			}
			return "marked", on.Mark(ctx, on.session, strings.Join(on.words, " "), at)
		}},
}

func slow(ctx context.Context, on target) (string, error) {
	if on.words[0] == "off" {
		return "slow mode is off", on.SlowMode(ctx, on.session, 0)
	}
	every, err := time.ParseDuration(on.words[0])
	if err != nil || every < 0 || every%time.Second != 0 {
		return "", usageError{fmt.Errorf("%q is no length in whole seconds; write 10s, 2m or off", shown(on.words[0]))}
	}
	return "one chat line every " + every.String(), on.SlowMode(ctx, on.session, every)
}

func deedCommands() []*cobra.Command {
	var all []*cobra.Command
	for _, d := range deeds {
		all = append(all, d.command())
	}
	return all
}

// deedAnswer is what --json says of an action that was done.
type deedAnswer struct {
	OK      bool             `json:"ok"`
	Session string           `json:"session"`
	Done    string           `json:"done"`
	Person  *playtest.Person `json:"person,omitempty"`
	Epoch   int64            `json:"epoch,omitempty"`  // of the seat, with --wait
	TookMs  int64            `json:"tookMs,omitempty"` // from the approval to the seat taken, with --wait
}

func (d deed) command() *cobra.Command {
	r := &remote{}
	on := target{}
	cmd := &cobra.Command{
		Use: strings.TrimSpace(d.name + " " + d.args), Short: d.short, Long: d.long, Example: d.example,
		Args: args(d.words),
	}
	switch d.who {
	case waiting:
		cmd.Args, cmd.ValidArgsFunction = args(cobra.MaximumNArgs(1)), r.completePeople(true)
	case somebody:
		cmd.Args, cmd.ValidArgsFunction = args(cobra.ExactArgs(1)), r.completePeople(false)
	default:
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.RunE = r.run(func(cmd *cobra.Command, words []string) (any, string, error) {
		defer bounded(cmd)()
		on := on
		on.words = words
		done, outcome, err := d.on(cmd, r, &on)
		if err != nil {
			return nil, "", err
		}
		answer := deedAnswer{OK: true, Session: on.session, Done: d.name}
		if outcome != nil {
			on.person, answer.Epoch, answer.TookMs = *outcome.Holder, outcome.Epoch, outcome.TookMs
			done = fmt.Sprintf("%s has the seat after %d ms", on.person.Name, outcome.TookMs)
		}
		if on.person.ID != "" {
			answer.Person = &on.person
		}
		return answer, shown(done), nil
	})
	r.flags(cmd, true)
	if d.reason {
		cmd.Flags().StringVarP(&on.reason, "reason", "r", "", fmt.Sprintf("`TEXT`: why, at most %d characters; everybody can read it", playtest.MaxReason))
	}
	if d.seat {
		cmd.Flags().BoolVarP(&on.wait, "wait", "w", false, "end when the seat is taken; status 3 if the hand-over fails")
	}
	if d.name == "mark" {
		cmd.Flags().DurationVar(&on.ago, "ago", 0, "how far back the moment is, such as 20s")
	}
	return cmd
}

// on finds session and person and acts. With --wait the outcome is the event of the seat taken.
func (d deed) on(cmd *cobra.Command, r *remote, on *target) (done string, outcome *playtest.Event, err error) {
	ctx := cmd.Context()
	who, err := r.connect(cmd)
	if err != nil {
		return "", nil, err
	}
	desk, err := client.NewDirect(ctx, who.Place, who.Token)
	if err != nil {
		return "", nil, err
	}
	session, err := chooseSession(ctx, desk, r.session, false)
	if err != nil {
		return "", nil, err
	}
	on.Direct, on.session = desk, session.ID
	var state playtest.State
	if d.who != nobody && len(on.words) > 0 || on.wait {
		if state, err = stateOf(ctx, desk, session.ID); err != nil {
			return "", nil, err
		}
		if err = d.find(state, on); err != nil {
			return "", nil, err
		}
	}
	if done, err = d.do(ctx, *on); err != nil || !on.wait {
		return done, nil, err
	}
	outcome, err = r.awaitSeat(cmd, who, handoverWatch{session: session.ID, after: state.Seq, by: desk.Me().ID, person: on.person})
	return done, outcome, err
}

// find looks up whom the words mean; without words, with whom a hand-over that is waited for will be.
func (d deed) find(state playtest.State, on *target) (err error) {
	switch {
	case d.who == somebody:
		on.person, err = personIn(everybody(state), on.words[0], "has been in this session")
		return err
	case len(on.words) > 0:
		on.request, err = requestOf(state, on.words[0])
	case len(state.Queue) > 0:
		on.request = state.Queue[0]
	}
	on.person = on.request.Person
	return err
}

// requestOf is the request of somebody who waits.
func requestOf(state playtest.State, name string) (playtest.Request, error) {
	var people []playtest.Person
	for _, r := range state.Queue {
		people = append(people, r.Person)
	}
	p, err := personIn(people, name, "waits for the seat")
	if err != nil {
		return playtest.Request{}, err
	}
	r, _ := state.RequestOf(p.ID)
	return r, nil
}

func nameOr(p playtest.Person, other string) string {
	if p.Name == "" {
		return other
	}
	return p.Name
}
