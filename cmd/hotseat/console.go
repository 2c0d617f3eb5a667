package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"hotseat/cmd/hotseat/internal/account"
	"hotseat/tui"
	"hotseat/tui/client"
	"hotseat/tui/prefs"
)

// consoleOptions are the flags of `hotseat console` that are not about the backend.
type consoleOptions struct {
	plain, readOnly, writeConfig bool
	theme                        string
}

func consoleCommand() *cobra.Command {
	r := &remote{}
	var o consoleOptions
	cmd := &cobra.Command{
		Use:   "console",
		Short: "Watch and moderate the playtests of a server in this terminal",
		Long: "Shows every playtest of the server, live: who holds the seat, who waits, chat, people, the sidecar, a\n" +
			"picture. Keys decide; ? in the console lists them. Several leads may work at once.\n\n" +
			"Without a terminal, or with --plain, it prints what happens as lines and reads commands from standard\n" +
			"input (help lists them). For single actions in scripts there are hotseat approve, deny, give and the\n" +
			"others; `hotseat help` lists them.\n\n" +
			"Theme, bell, picture and keys are set in console.toml in the configuration folder; --write-config\n" +
			"writes one with what holds without it.",
		Example: "  hotseat console --server https://playtests.example\n  hotseat console --session s-7h2k --read-only\n" +
			"  hotseat console --json | jq -r 'select(.action == \"TAKEOVER_REQUEST\") | .user'\n  hotseat console --write-config",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.writeConfig {
				return writeConfig(cmd)
			}
			return runConsole(cmd, r, o)
		},
	}
	r.place(cmd)
	f := cmd.Flags()
	f.StringVarP(&r.session, "session", "s", "", "open this `SESSION`, by id or the beginning of one")
	f.BoolVar(&o.readOnly, "read-only", false, "look on: nothing can be decided or said")
	f.BoolVar(&o.plain, "plain", false, "print events as lines and read commands from standard input")
	f.BoolVar(&r.json, "json", false, "the lines as JSON; implies --plain")
	f.StringVar(&o.theme, "theme", "", "`COLOURS`: auto, dark, light, colour-blind (default: as console.toml says)")
	f.BoolVar(&o.writeConfig, "write-config", false, "write console.toml with what holds without it, and end")
	_ = cmd.RegisterFlagCompletionFunc("session", r.completeSessions)
	_ = cmd.RegisterFlagCompletionFunc("theme", cobra.FixedCompletions(prefs.Themes, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func runConsole(cmd *cobra.Command, r *remote, o consoleOptions) error {
	ctx := cmd.Context()
	options, err := o.preferences(cmd)
	if err != nil {
		return err
	}
	if o.theme != "" {
		if options.Theme, err = tui.ThemeByName(o.theme); err != nil {
			return usageError{err}
		}
	}
	who, err := r.consoleSignIn(cmd)
	if err != nil {
		return err
	}
	if r.session != "" {
		d, err := client.NewDirect(ctx, who.Place, who.Token)
		if err != nil {
			return err
		}
		s, err := chooseSession(ctx, d, r.session, true)
		if err != nil {
			return err
		}
		options.InitialSession = s.ID
	}
	options.URL, options.Token, options.TLS = who.URL, who.Token, who.TLS
	options.ReadOnly, options.JSON = o.readOnly, r.json
	if o.plain || r.json || !term.IsTerminal(os.Stdin.Fd()) || !term.IsTerminal(os.Stdout.Fd()) {
		err = tui.Plain(ctx, options, cmd.InOrStdin(), cmd.OutOrStdout())
	} else {
		err = tui.Run(ctx, options)
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// consoleSignIn signs in; a person at the terminal can be asked also when events go out as JSON.
func (r *remote) consoleSignIn(cmd *cobra.Command) (*account.SignedIn, error) {
	o, err := r.options(cmd, true)
	if err != nil {
		return nil, err
	}
	return account.Connect(cmd.Context(), o)
}

// preferences reads console.toml. A mistake in it is said and does not keep the console from starting.
func (o consoleOptions) preferences(cmd *cobra.Command) (tui.Options, error) {
	path, err := prefs.Path()
	if err != nil {
		return tui.Options{Preferences: prefs.Default()}, nil // no home: nothing was set
	}
	preferences, problems, err := prefs.Load(path, tui.Actions()...)
	options := tui.Options{Preferences: preferences, Remember: func(form prefs.StartForm) error { return prefs.SaveStart(path, form) }}
	if err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "hotseat: %v\n", err)
		options.Banner = err.Error()
	}
	for _, p := range problems {
		fmt.Fprintf(cmd.ErrOrStderr(), "hotseat: %s, %s\n", path, shown(p.String()))
	}
	if len(problems) > 0 { // the screen covers what was printed
		options.Banner = fmt.Sprintf("%s, %s", path, problems[0])
		if len(problems) > 1 {
			options.Banner += fmt.Sprintf(" (and %d more)", len(problems)-1)
		}
	}
	return options, nil
}

// writeConfig writes the person's file, unless there is one.
func writeConfig(cmd *cobra.Command) error {
	path, err := prefs.Path()
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := prefs.Write(&text, tui.Actions()); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("making the configuration folder: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already and is left as it is; move it away to get a new one", path)
	}
	if err != nil {
		return fmt.Errorf("writing the preferences: %w", err)
	}
	_, err = f.Write(text.Bytes())
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing the preferences: %w", err)
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), path)
	return err
}
