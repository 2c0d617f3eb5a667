package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"hotseat/tui/client"
)

func sessionsCommand() *cobra.Command {
	r := &remote{}
	var all bool
	cmd := &cobra.Command{
		Use:   "sessions",
		Short: "List the playtests that run",
		Example: "  hotseat sessions\n  hotseat sessions --all\n" +
			"  hotseat sessions --json | jq -r '.sessions[] | select(.waiting > 0) | .id'",
		Args: args(cobra.NoArgs),
	}
	cmd.RunE = r.run(func(cmd *cobra.Command, _ []string) (any, string, error) {
		defer bounded(cmd)()
		d, err := r.desk(cmd)
		if err != nil {
			return nil, "", err
		}
		list, err := d.Sessions(cmd.Context())
		if err != nil {
			return nil, "", err
		}
		if !all {
			list = slices.DeleteFunc(list, client.Session.Ended)
		}
		return map[string]any{"sessions": list}, sessionTable(list, time.Now()), nil
	})
	r.flags(cmd, false)
	cmd.Flags().BoolVarP(&all, "all", "a", false, "also those that have ended")
	return cmd
}

// sessionTable is a line for each session, with a heading; "" for none.
func sessionTable(list []client.Session, now time.Time) string {
	if len(list) == 0 {
		return "no playtest runs; `hotseat start` starts one"
	}
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	places := map[string]bool{}
	for _, s := range list {
		places[s.Location] = true
	}
	location := func(of string) string { // a column if there is more than one
		if len(places) < 2 {
			return ""
		}
		return of + "\t"
	}
	fmt.Fprintln(table, "SESSION\tSTATE\tHOLDER\tWAITING\tLEFT\t"+location("LOCATION")+"GAME")
	for _, s := range list {
		holder, left := "-", "-"
		if s.Seat.Holder != nil {
			holder = s.Seat.Holder.Name
		}
		if !s.Ended() {
			left = max(0, s.EndsAt.Sub(now)).Truncate(time.Minute).String()
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s%s\n", shown(s.ID), shown(s.Status), shown(holder), s.Waiting, strings.TrimSuffix(left, "0s"), location(shown(s.Location)), shown(s.Title))
	}
	_ = table.Flush()
	return strings.TrimSuffix(out.String(), "\n")
}

func startCommand() *cobra.Command {
	r := &remote{}
	var start client.Start
	var size, policy string
	var length time.Duration
	cmd := &cobra.Command{
		Use:   "start [GAME]",
		Short: "Start a playtest and print its id",
		Long: "Starts a playtest of GAME, which is an application's id or name; it can be left out where there is one.\n\n" +
			"--policy says how the seat is given, as NAME=VALUE with commas between; what is left out is as usual.\n" +
			"Times are seconds, or 90s, 5m:\n" + policyHelp(),
		Example: "  hotseat start\n  hotseat start a-demo --length 2h --size 1280x720 --encoder gpu\n" +
			"  hotseat start --policy approvers=lead,turn=5m,cooldown=60\n  id=$(hotseat start a-demo --location eu-central-1)",
		Args: args(cobra.MaximumNArgs(1)),
	}
	cmd.RunE = r.run(func(cmd *cobra.Command, games []string) (any, string, error) {
		defer bounded(cmd)()
		if size != "" {
			var err error
			if start.Width, start.Height, err = parseSize(size); err != nil {
				return nil, "", err
			}
		}
		if length < 0 || length%time.Second != 0 {
			return nil, "", usageError{fmt.Errorf("--length %s is no length in whole seconds; write 90m or 2h", length)}
		}
		start.SessionLengthSeconds = int(length / time.Second)
		if policy != "" {
			p, err := parsePolicy(policy)
			if err != nil {
				return nil, "", err
			}
			start.Policy = &p
		}
		d, err := r.desk(cmd)
		if err != nil {
			return nil, "", err
		}
		offered, err := d.Catalogue(cmd.Context())
		if err != nil {
			return nil, "", err
		}
		if start.Location != "" && !slices.Contains(offered.Locations, start.Location) {
			return nil, "", usageError{fmt.Errorf("--location %q is none of the server's; there are: %s", shown(start.Location), shown(strings.Join(offered.Locations, ", ")))}
		}
		if start.Application, err = pickGame(offered.Applications, strings.Join(games, "")); err != nil {
			return nil, "", err
		}
		s, err := d.StartSession(cmd.Context(), start)
		return s, shown(s.ID), err
	})
	r.flags(cmd, false)
	cmd.ValidArgsFunction = func(cmd *cobra.Command, given []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		d, ctx, done := r.quiet(cmd)
		defer done()
		var out []cobra.Completion
		if d != nil && len(given) == 0 {
			offered, _ := d.Catalogue(ctx)
			for _, g := range offered.Applications {
				out = append(out, cobra.CompletionWithDesc(shown(g.ID), shown(g.Description)))
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
	f := cmd.Flags()
	f.DurationVar(&length, "length", 0, "end by itself after this long, 1m to 24h (default: the server's)")
	f.StringVar(&start.Location, "location", "", "`REGION` to run in, of those that the server has (default: its first)")
	f.StringVar(&policy, "policy", "", "`RULES` for the seat, such as approvers=lead,turn=300 (default: the server's)")
	f.StringVar(&size, "size", "", "picture in pixels, such as 1280x720 (default: the server's)")
	f.IntVar(&start.Framerate, "framerate", 0, "frames a second, 10 to 60 (default: the server's)")
	f.IntVar(&start.VideoBitrateKbps, "bitrate", 0, "of the broadcast in kbit/s, 200 to 8500 (default: the server's)")
	f.StringVar(&start.Encoder, "encoder", "", "gpu (falls back to cpu) or cpu (default: the server's)")
	_ = cmd.RegisterFlagCompletionFunc("encoder", cobra.FixedCompletions([]cobra.Completion{"gpu", "cpu"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("policy", completePolicy)
	_ = cmd.RegisterFlagCompletionFunc("location", func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		d, ctx, done := r.quiet(cmd)
		defer done()
		if d == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		offered, _ := d.Catalogue(ctx)
		for i := range offered.Locations {
			offered.Locations[i] = shown(offered.Locations[i])
		}
		return offered.Locations, cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

// pickGame finds the application that an id or a name, or no name at all, means.
func pickGame(list []client.Application, name string) (string, error) {
	var found []client.Application
	for _, a := range list {
		if a.ID == name {
			return a.ID, nil
		}
		if name == "" || strings.EqualFold(a.Description, name) {
			found = append(found, a)
		}
	}
	if len(found) == 1 {
		return found[0].ID, nil
	}
	var names []string
	for _, a := range list {
		names = append(names, fmt.Sprintf("%s (%s)", shown(a.ID), shown(a.Description)))
	}
	switch {
	case len(list) == 0:
		return "", errors.New("the server has no game to start")
	case len(found) == 0:
		return "", usageError{fmt.Errorf("there is no game %q; there are: %s", shown(name), strings.Join(names, ", "))}
	}
	return "", usageError{fmt.Errorf("which game? there are: %s", strings.Join(names, ", "))}
}

// parseSize reads 1280x720.
func parseSize(text string) (w, h int, err error) {
	var rest string
	if n, _ := fmt.Sscanf(text, "%dx%d%s", &w, &h, &rest); n != 2 || w <= 0 || h <= 0 {
		return 0, 0, usageError{fmt.Errorf("--size %q is no picture; write 1280x720", shown(text))}
	}
	return w, h, nil
}

func endCommand() *cobra.Command {
	r := &remote{}
	cmd := &cobra.Command{
		Use:     "end [SESSION]",
		Short:   "End a playtest for everybody",
		Long:    "Ends SESSION, or the one that runs if there is just one. It does not ask.",
		Example: "  hotseat end\n  hotseat end s-7h2k",
		Args:    args(cobra.MaximumNArgs(1)), ValidArgsFunction: r.completeOneSession,
	}
	cmd.RunE = r.run(func(cmd *cobra.Command, names []string) (any, string, error) {
		defer bounded(cmd)()
		d, err := r.desk(cmd)
		if err != nil {
			return nil, "", err
		}
		s, err := chooseSession(cmd.Context(), d, r.oneSession(names), false)
		if err != nil {
			return nil, "", err
		}
		if err := d.EndSession(cmd.Context(), s.ID); err != nil {
			return nil, "", err
		}
		return deedAnswer{OK: true, Session: s.ID, Done: "end"}, "ending " + shown(s.ID), nil
	})
	r.flags(cmd, true)
	return cmd
}

// oneSession is the session that was named, as an argument or with --session.
func (r *remote) oneSession(names []string) string {
	if len(names) > 0 {
		return names[0]
	}
	return r.session
}
