package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"hotseat/backend/store"
)

func logCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Read the log of past and running playtests, and check that nobody changed it",
		Long: "Every line of a log carries a hash of itself and of all lines before it. The hash of the newest\n" +
			"one, the head, stands for the whole log: note it elsewhere, and a later `hotseat log verify` that\n" +
			"prints as many events and the same head has seen the same log.",
		Args: cobra.NoArgs, // together with RunE: an unknown subcommand is an error
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var data string
	cmd.AddCommand(
		&cobra.Command{
			Use:     "verify [SESSION…]",
			Short:   "Print a line per session; exit 1 unless every log is intact",
			Example: "  hotseat log verify --data playtests\n  hotseat log verify --data playtests s-7h2k9x4q1m",
			RunE: func(cmd *cobra.Command, sessions []string) error {
				return withLog(cmd.Context(), data, sessions, func(ctx context.Context, s *store.Store, sessions []string) error {
					return verifyLogs(ctx, s, sessions, cmd.OutOrStdout())
				})
			},
		},
		&cobra.Command{
			Use:     "show [SESSION…]",
			Short:   "Print the events as JSON lines",
			Example: "  hotseat log show --data playtests s-7h2k9x4q1m | jq -r 'select(.message) | .user + \": \" + .message'",
			RunE: func(cmd *cobra.Command, sessions []string) error {
				return withLog(cmd.Context(), data, sessions, func(ctx context.Context, s *store.Store, sessions []string) error {
					return showLogs(ctx, s, sessions, cmd.OutOrStdout())
				})
			},
		},
	)
	for _, sub := range cmd.Commands() {
		sub.Flags().StringVar(&data, "data", "", "folder that was given to hotseat demo --data")
		cobra.CheckErr(sub.MarkFlagRequired("data"))
	}
	return cmd
}

// withLog opens the folder's log without touching it. No sessions are all sessions.
func withLog(ctx context.Context, data string, sessions []string, do func(context.Context, *store.Store, []string) error) error {
	if info, err := os.Stat(data); err != nil {
		return fmt.Errorf("there is no folder %s; give the one that was given to hotseat demo --data", data)
	} else if !info.IsDir() {
		return fmt.Errorf("%s is a file; give the folder that was given to hotseat demo --data", data)
	}
	s, err := store.OpenReadOnly(filepath.Join(data, "log.db"))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no log.db in %s; give the folder that was given to hotseat demo --data", data)
	}
	if err != nil {
		return err
	}
	defer s.Close()
	if len(sessions) == 0 {
		if sessions, err = s.Logs(ctx); err != nil {
			return err
		}
	}
	return do(ctx, s, sessions)
}

func verifyLogs(ctx context.Context, s *store.Store, sessions []string, out io.Writer) error {
	changed := 0
	for _, session := range sessions {
		report, err := s.Verify(ctx, session)
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("there is no session %s in this log", session)
		}
		if err != nil {
			return err
		}
		name := printable([]byte(session))
		if report.Intact() {
			fmt.Fprintf(out, "%s  %d events  intact  head %s\n", name, report.Events, report.Head)
			continue
		}
		changed++
		fmt.Fprintf(out, "%s  CHANGED at %d: line %[2]d %s; %d events before it are intact\n", name, report.ChangedAt, report.Reason, report.Events)
	}
	if changed > 0 {
		return fmt.Errorf("%d of %d logs are not as they were written", changed, len(sessions))
	}
	return nil
}

func showLogs(ctx context.Context, s *store.Store, sessions []string, out io.Writer) error {
	for _, session := range sessions {
		if _, err := s.Session(ctx, session); errors.Is(err, store.ErrNotFound) {
			// A log may have lost its record; without a line either there is no such session.
			if seq, _, err := s.Head(ctx, session); err == nil && seq == 0 {
				return fmt.Errorf("there is no session %s in this log", session)
			}
		}
		for after, more := int64(0), true; more; {
			lines, err := s.Lines(ctx, session, after, store.MaxPage)
			if err != nil {
				return err
			}
			for _, line := range lines {
				var compact bytes.Buffer // as stored, unless somebody put spaces or line breaks in
				if err := json.Compact(&compact, line.JSON); err != nil {
					return fmt.Errorf("line %d of %s is no event; hotseat log verify says where the log was changed", line.Seq, session)
				}
				if _, err := fmt.Fprintln(out, printable(compact.Bytes())); err != nil {
					return err
				}
				after = line.Seq
			}
			more = len(lines) == store.MaxPage
		}
	}
	return nil
}

// printable writes control characters as JSON escapes, so that what strangers typed, or somebody
// put into the database, is shown and not obeyed by a terminal.
func printable(text []byte) string {
	var out bytes.Buffer
	for _, r := range string(text) {
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			fmt.Fprintf(&out, `\u%04x`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}
