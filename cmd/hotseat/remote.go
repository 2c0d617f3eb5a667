package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"hotseat/cmd/hotseat/internal/account"
	"hotseat/tui/client"
)

// remote is what all commands that talk to a backend have in common: the flags that say which one
// and who is asking, and how they answer.
type remote struct {
	server, email, passwordFile, ca string
	insecureHTTP                    bool
	json                            bool
	session                         string
}

// remoteGroup is their heading in the help.
const remoteGroup = "remote"

// addRemote adds every command that talks to a backend over the network.
func addRemote(root *cobra.Command) {
	root.AddGroup(&cobra.Group{ID: remoteGroup, Title: "Playtests on a server, by hand and from scripts:"})
	commands := []*cobra.Command{consoleCommand(), loginCommand(), logoutCommand(), sessionsCommand(), startCommand(), endCommand()}
	commands = append(commands, deedCommands()...)
	commands = append(commands, tailCommand(), reportCommand())
	for _, cmd := range commands {
		cmd.GroupID = remoteGroup
		cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
			return usageError{fmt.Errorf("%w; `%s --help` lists the flags", err, cmd.CommandPath())}
		})
	}
	root.AddCommand(commands...)
	root.AddCommand(manCommand(), exitCodesTopic())
}

// place adds the flags that say which backend, and who.
func (r *remote) place(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&r.server, "server", "", "`URL` of the backend (default: "+account.EnvServer+", else the one used last)")
	f.StringVar(&r.email, "email", "", "sign in as `EMAIL` (default: "+account.EnvEmail+", else the saved session's)")
	f.StringVar(&r.passwordFile, "password-file", "", "`FILE` with the password on its first line, - for standard input; or "+account.EnvPassword)
	f.StringVar(&r.ca, "ca", "", "`FILE` with certificates (PEM) to trust besides the system's")
	f.BoolVar(&r.insecureHTTP, "insecure-http", false, "accept a server on another machine without encryption")
}

// flags adds place, --json and, for commands about one session, --session.
func (r *remote) flags(cmd *cobra.Command, aboutSession bool) {
	r.place(cmd)
	cmd.Flags().BoolVar(&r.json, "json", false, "answer in JSON")
	if aboutSession {
		cmd.Flags().StringVarP(&r.session, "session", "s", "", "`SESSION`, by id or the beginning of one (default: the one that runs)")
		_ = cmd.RegisterFlagCompletionFunc("session", r.completeSessions)
	}
}

// options are the flags as package account takes them; prompt: a person may be asked.
func (r *remote) options(cmd *cobra.Command, prompt bool) (account.Options, error) {
	store, err := account.OpenStore("")
	if err != nil {
		return account.Options{}, err
	}
	o := account.Options{
		Server: r.server, Email: r.email, PasswordFile: r.passwordFile, CAFile: r.ca, InsecureHTTP: r.insecureHTTP,
		Store: store, Getenv: os.Getenv, Stdin: cmd.InOrStdin(), Now: time.Now,
		Warn: func(format string, args ...any) {
			fmt.Fprintf(cmd.ErrOrStderr(), "hotseat: "+format+"\n", args...)
		},
	}
	if prompt {
		o.Prompt = account.Terminal(os.Stdin, cmd.ErrOrStderr())
	}
	return o, nil
}

// connect signs in.
func (r *remote) connect(cmd *cobra.Command) (*account.SignedIn, error) {
	o, err := r.options(cmd, !r.json)
	if err != nil {
		return nil, err
	}
	return account.Connect(cmd.Context(), o)
}

// desk signs in and is ready for single actions.
func (r *remote) desk(cmd *cobra.Command) (*client.Direct, error) {
	who, err := r.connect(cmd)
	if err != nil {
		return nil, err
	}
	return client.NewDirect(cmd.Context(), who.Place, who.Token)
}

// run makes a RunE of a function that answers with a value for --json and a text for people; an
// error goes to standard output too when JSON is wanted.
func (r *remote) run(do func(cmd *cobra.Command, args []string) (answer any, text string, err error)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		answer, text, err := do(cmd, args)
		switch {
		case err != nil && r.json:
			_ = printJSON(cmd, map[string]any{"error": map[string]string{"code": errorCode(err), "message": err.Error()}})
			return err
		case err != nil:
			return err
		case r.json && answer != nil:
			return printJSON(cmd, answer)
		case !r.json && text != "":
			_, err = fmt.Fprintln(cmd.OutOrStdout(), text)
		}
		return err
	}
}

func printJSON(cmd *cobra.Command, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), printable(data))
	return err
}

// shown makes what strangers typed safe for a terminal: whatever is not printed, such as control
// characters and those that turn the direction of text, is written as its code.
func shown(text string) string {
	var out strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			out.WriteRune(r)
			continue
		}
		fmt.Fprintf(&out, "‹U+%04X›", r)
	}
	return out.String()
}

// patience bounds a command that acts once; it is longer than any single request's time-out.
const patience = time.Minute

// bounded gives a command's context that end.
func bounded(cmd *cobra.Command) context.CancelFunc {
	ctx, cancel := context.WithTimeout(cmd.Context(), patience)
	cmd.SetContext(ctx)
	return cancel
}
