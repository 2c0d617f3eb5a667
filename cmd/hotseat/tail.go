package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hotseat/backend/playtest"
	"hotseat/cmd/hotseat/internal/account"
	"hotseat/tui/client"
)

func tailCommand() *cobra.Command {
	r := &remote{}
	var after int64
	var noFollow bool
	cmd := &cobra.Command{
		Use:   "tail [SESSION]",
		Short: "Print the log of a playtest and follow it until it ends",
		Long: "Prints every event of the log once, in order, and then each one as it happens, until the playtest\n" +
			"ends. When the connection drops it comes back and goes on where it was. Lines for people are:\n" +
			"number, time, action, who, what; with --json each line is the event as docs/protocol.md has it.",
		Example: "  hotseat tail\n  hotseat tail s-7h2k --after 120\n" +
			"  hotseat tail --json | jq -r 'select(.action == \"SESSION_MARK\") | .message'\n  hotseat tail --no-follow --json > log.jsonl",
		Args: args(cobra.MaximumNArgs(1)), ValidArgsFunction: r.completeOneSession,
	}
	cmd.RunE = r.run(func(cmd *cobra.Command, names []string) (any, string, error) {
		if after < 0 {
			return nil, "", usageError{errors.New("--after is the number of an event, from 0 on")}
		}
		who, err := r.connect(cmd)
		if err != nil {
			return nil, "", err
		}
		d, err := client.NewDirect(cmd.Context(), who.Place, who.Token)
		if err != nil {
			return nil, "", err
		}
		s, err := chooseSession(cmd.Context(), d, r.oneSession(names), true)
		if err != nil {
			return nil, "", err
		}
		upTo := int64(0)
		if noFollow || s.Ended() {
			if upTo = s.LastSeq; upTo <= after {
				return nil, "", nil
			}
		}
		return nil, "", r.follow(cmd, who, s.ID, after, upTo)
	})
	r.flags(cmd, true)
	cmd.Flags().Int64Var(&after, "after", 0, "begin after the event of this number")
	cmd.Flags().BoolVar(&noFollow, "no-follow", false, "end with the newest event that there is")
	return cmd
}

// follow prints the events after a number, up to another one, or for ever if that is 0.
func (r *remote) follow(cmd *cobra.Command, who *account.SignedIn, session string, after, upTo int64) error {
	return r.watch(cmd, who, session, after, func(u client.Update) (bool, error) { return r.printEvents(cmd, u, upTo) })
}

// watch hands over what happens in one session after an event of its log, until see is finished or fails, or
// the command's context ends. Trouble with the connection is said on standard error.
func (r *remote) watch(cmd *cobra.Command, who *account.SignedIn, session string, after int64, see func(client.Update) (finished bool, err error)) error {
	net, err := client.New(client.Config{URL: who.URL, Token: who.Token, TLS: who.TLS, KeepRaw: true, Only: session, After: after})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- net.Run(ctx) }()
	var failed error
	finished := false
	for u := range net.Updates() {
		if finished || failed != nil {
			continue // the client is ending; it may be waiting to hand something over
		}
		if c := u.Connection; c != nil && c.Err != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "hotseat: %s: %s\n", c.Phase, shown(c.Err.Error()))
			var refused *client.Refusal
			if c.Phase == client.Live && errors.As(c.Err, &refused) {
				failed = refused // the channel is not for this person
				cancel()
				continue
			}
		}
		finished, failed = see(u)
		if finished || failed != nil {
			cancel()
		}
	}
	return errors.Join(failed, <-ended)
}

func (r *remote) printEvents(cmd *cobra.Command, u client.Update, upTo int64) (finished bool, err error) {
	for i, e := range u.Events {
		line := eventLine(e)
		if r.json {
			line = printable(compactJSON(u.Raw[i]))
		}
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), line); err != nil {
			return false, fmt.Errorf("writing the log: %w", err)
		}
		if e.Action == playtest.ActionSessionEnded || upTo > 0 && e.Seq >= upTo {
			return true, nil
		}
	}
	return false, nil
}

// compactJSON puts an event on one line; what is no JSON does not come from a log.
func compactJSON(raw []byte) []byte {
	var v json.RawMessage
	if json.Unmarshal(raw, &v) != nil {
		return []byte("{}")
	}
	out, err := json.Marshal(v) // compacts
	if err != nil {
		return []byte("{}")
	}
	return out
}

// eventLine is one event for people and for grep.
func eventLine(e playtest.Event) string {
	var what []string
	add := func(format string, value string) {
		if value != "" {
			what = append(what, fmt.Sprintf(format, shown(value)))
		}
	}
	name := func(p *playtest.Person) string {
		if p == nil {
			return ""
		}
		return p.Name
	}
	if e.Requester != nil && e.Requester.ID != e.Actor.ID {
		add("%s", name(e.Requester))
	}
	add("%s", name(e.Person))
	add("holder %s", name(e.Holder))
	add("previous %s", name(e.Previous))
	add("%s", e.Title)
	add("%s", e.Status)
	add("%s", e.StatusReason)
	add("%s", e.Message)
	add("(%s)", e.Reason)
	if e.Action == playtest.ActionSlowMode {
		add("%s", fmt.Sprintf("%d s", e.Seconds))
	}
	if e.TookMs > 0 {
		add("in %s ms", fmt.Sprint(e.TookMs))
	}
	return strings.TrimRight(fmt.Sprintf("%d  %s  %s  %s  %s", e.Seq, e.Time().Format(time.TimeOnly), shown(string(e.Action)), shown(e.Actor.Name), strings.Join(what, " ")), " ")
}
