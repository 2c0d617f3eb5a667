package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"hotseat/cmd/hotseat/internal/account"
	"hotseat/tui/client"
)

// What a command that talks to a backend ends with. Scripts depend on these.
const (
	exitError       = 1 // something did not work
	exitUsage       = 2 // the arguments are wrong, or name nothing, or more than one
	exitRefused     = 3 // the rules or the backend said no
	exitNotSignedIn = 4 // nobody is signed in, or the sign-in was refused
)

// usageError is a mistake in what was typed.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// exitCode is what the process ends with after an error.
func exitCode(err error) int {
	var usage usageError
	var refused *client.Refusal
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, account.ErrNotSignedIn), errors.Is(err, client.ErrSignIn), errors.As(err, &refused) && refused.Status == 401:
		return exitNotSignedIn
	case refused != nil && refused.Status < 500:
		return exitRefused
	}
	return exitError
}

// errorCode names an error for a program that reads JSON.
func errorCode(err error) string {
	var refused *client.Refusal
	switch code := exitCode(err); {
	case errors.As(err, &refused):
		return refused.Code
	case code == exitUsage:
		return "usage"
	case code == exitNotSignedIn:
		return "not_signed_in"
	case errors.Is(err, client.ErrUnreachable):
		return "unreachable"
	case errors.Is(err, client.ErrNotHotseat):
		return "not_hotseat"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	}
	return "error"
}

// args makes a mistake in the arguments a usage error.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if err := check(cmd, given); err != nil {
			return usageError{errors.New(err.Error() + "; `" + cmd.CommandPath() + " --help` shows how it is used")}
		}
		return nil
	}
}

// exitCodesTopic is `hotseat help exit-codes`.
func exitCodesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the commands for scripts end with",
		Long: "0  done\n" +
			"1  something did not work: the server cannot be reached, a file cannot be written\n" +
			"2  the arguments are wrong, or name no session or person, or more than one\n" +
			"3  refused by the rules of the playtest or by the server; with --json standard output holds\n" +
			"   {\"error\":{\"code\":\"AlreadyDecided\",\"message\":\"…\"}}\n" +
			"4  nobody is signed in, or the sign-in was refused: `hotseat login`\n\n" +
			"With --json every error is such an object on standard output, and a sentence on standard error.",
	}
}
