package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"hotseat/cmd/hotseat/internal/account"
	"hotseat/tui/client"
)

func loginCommand() *cobra.Command {
	r := &remote{}
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Sign in to a backend and keep the session for the next commands",
		Long: "Asks for the password without showing it, or takes it from " + account.EnvPassword + " or --password-file, and keeps\n" +
			"a session (a refresh token, never the password) in the configuration folder, which only you can\n" +
			"read. `hotseat logout` ends it.",
		Example: "  hotseat login --server https://playtests.example --email lead@ivs.rocks\n" +
			"  hotseat login --server http://127.0.0.1:8470 --password-file lead.password --email lead@ivs.rocks",
		Args: args(cobra.NoArgs),
	}
	cmd.RunE = r.run(func(cmd *cobra.Command, _ []string) (any, string, error) {
		defer bounded(cmd)()
		o, err := r.options(cmd, !r.json)
		if err != nil {
			return nil, "", err
		}
		o.NoSaved = true
		who, err := account.Connect(cmd.Context(), o)
		if err != nil {
			return nil, "", err
		}
		d, err := client.NewDirect(cmd.Context(), who.Place, who.Token)
		if err != nil {
			return nil, "", err
		}
		if err := who.Keep(); err != nil {
			return nil, "", err
		}
		return map[string]any{"ok": true, "server": who.URL, "me": d.Me()},
			fmt.Sprintf("signed in to %s as %s (%s)", shown(who.URL), shown(d.Me().Name), d.Me().Role), nil
	})
	r.flags(cmd, false)
	return cmd
}

func logoutCommand() *cobra.Command {
	r := &remote{}
	cmd := &cobra.Command{
		Use:     "logout",
		Short:   "End the saved session of a backend",
		Long:    "Removes the saved session from this machine and ends it at the server, so that a copy of it is worth nothing.",
		Example: "  hotseat logout\n  hotseat logout --server https://playtests.example",
		Args:    args(cobra.NoArgs),
	}
	cmd.RunE = r.run(func(cmd *cobra.Command, _ []string) (any, string, error) {
		defer bounded(cmd)()
		o, err := r.options(cmd, false)
		if err != nil {
			return nil, "", err
		}
		email, err := account.Forget(cmd.Context(), o)
		if errors.Is(err, account.ErrNone) {
			return map[string]any{"ok": true, "wasSignedIn": false}, err.Error(), nil
		}
		if err != nil {
			return nil, "", err
		}
		return map[string]any{"ok": true, "wasSignedIn": true}, "signed out " + shown(email), nil
	})
	r.flags(cmd, false)
	return cmd
}
