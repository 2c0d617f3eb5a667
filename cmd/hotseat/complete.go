package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"hotseat/backend/playtest"
	"hotseat/cmd/hotseat/internal/account"
	"hotseat/tui/client"
)

// completionTime bounds a completion: a shell that hangs on Tab is worse than one that offers nothing.
const completionTime = 2 * time.Second

// quiet signs in for a completion, without asking or telling anything; nil if that cannot be done.
func (r *remote) quiet(cmd *cobra.Command) (*client.Direct, context.Context, context.CancelFunc) {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	o, err := r.options(cmd, false)
	if err == nil && r.passwordFile != "-" {
		o.Warn = func(string, ...any) {}
		var who *account.SignedIn
		if who, err = account.Connect(ctx, o); err == nil {
			var d *client.Direct
			if d, err = client.NewDirect(ctx, who.Place, who.Token); err == nil {
				return d, ctx, cancel
			}
		}
	}
	cancel()
	return nil, nil, func() {}
}

func (r *remote) completeSessions(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	d, ctx, done := r.quiet(cmd)
	defer done()
	if d == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	list, _ := d.Sessions(ctx)
	var out []cobra.Completion
	for _, s := range list {
		state := "ended"
		if !s.Ended() {
			state = "runs"
		}
		out = append(out, cobra.CompletionWithDesc(shown(s.ID), shown(s.Title)+", "+state))
	}
	return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeOneSession is completeSessions for a command whose only argument is a session.
func (r *remote) completeOneSession(cmd *cobra.Command, given []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(given) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return r.completeSessions(cmd, given, prefix)
}

// completePeople offers the people of the session, or those who wait in it.
func (r *remote) completePeople(queueOnly bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		d, ctx, done := r.quiet(cmd)
		defer done()
		if d == nil || len(given) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		session, err := chooseSession(ctx, d, r.session, false)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		state, err := stateOf(ctx, d, session.ID)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		people := everybody(state)
		if queueOnly {
			people = nil
			for _, r := range state.Queue {
				people = append(people, r.Person)
			}
		}
		var out []cobra.Completion
		for _, p := range people {
			if queueOnly || p.Role != playtest.RoleLead {
				out = append(out, cobra.CompletionWithDesc(shown(p.Name), string(p.Role)))
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}
