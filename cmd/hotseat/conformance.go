package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"hotseat/backend/local/stage"
	"hotseat/cmd/hotseat/internal/conformance"
)

func conformanceCommand() *cobra.Command {
	var target conformance.Target
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "conformance [WHIP-URL]",
		Short: "Hold a WHIP and WHEP server against RFC 9725, clause by clause",
		Long: "Publishes a small test broadcast to the address, receives it from --whep, and says for each clause of RFC 9725 and\n" +
			"of the WHEP draft how the server does: pass, fail, not offered (an optional part), skipped (nothing could be seen).\n" +
			"Without an address it starts Hotseat's own stage for the occasion, and examines that.\n\n" +
			"It publishes with the token that it is given, and so replaces what that token publishes: give it a stage of its own.\n" +
			"It ends with 1 when a MUST is broken.",
		Example: "  hotseat conformance\n  hotseat conformance http://127.0.0.1:8889/test/whip --whep http://127.0.0.1:8889/test/whep",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if len(given) == 1 {
				target.WHIP = given[0]
			} else {
				if target.WHEP != "" || target.Token != "" || target.WHEPToken != "" {
					return usageError{errors.New("--whep and the tokens belong to an address: name the server's WHIP address, too")}
				}
				own, stop, err := ownStage()
				if err != nil {
					return err
				}
				defer stop()
				target = own
			}
			out := cmd.OutOrStdout()
			if !asJSON {
				headed := false
				target.Progress = func(r conformance.Result) {
					if !headed {
						headed = true
						fmt.Fprintf(out, verdictLine, "CLAUSE", "LEVEL", "VERDICT", "RULE", "EVIDENCE")
					}
					fmt.Fprintf(out, verdictLine, r.Clause, r.Level, r.Verdict, r.Rule, r.Evidence)
				}
			}
			results, err := conformance.Run(cmd.Context(), target)
			if asJSON {
				encoder := json.NewEncoder(out)
				encoder.SetIndent("", "  ")
				err = errors.Join(err, encoder.Encode(results))
			} else if len(results) > 0 {
				writeSum(out, results)
			}
			if err != nil {
				return err
			}
			if n := conformance.Violations(results, conformance.Must); n > 0 {
				return fmt.Errorf("the server breaks %d clauses that bind it (MUST)", n)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&target.WHEP, "whep", "", "address to receive the broadcast from; without it, receiving is not examined")
	cmd.Flags().StringVar(&target.Token, "token", "", "bearer token to publish with")
	cmd.Flags().StringVar(&target.WHEPToken, "whep-token", "", "bearer token to receive with, if it is another")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

// verdictLine has room for the longest of each but the last.
const verdictLine = "%-16s %-6s  %-11s  %-76s  %s\n"

// writeSum counts the verdicts.
func writeSum(out io.Writer, results []conformance.Result) {
	count := make(map[conformance.Verdict]int)
	for _, r := range results {
		count[r.Verdict]++
	}
	fmt.Fprintf(out, "\n%d clauses: %d pass, %d fail (%d of a MUST), %d not offered, %d skipped\n", len(results), count[conformance.Pass],
		count[conformance.Fail], conformance.Violations(results, conformance.Must), count[conformance.NotOffered], count[conformance.Skipped])
}

// ownStage starts a stage on a free port of this machine, on which one token publishes and another subscribes.
func ownStage() (_ conformance.Target, stop func(), _ error) {
	const publisher, viewer = "publisher", "viewer"
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return conformance.Target{}, nil, fmt.Errorf("listening for the examination: %w", err)
	}
	base := "http://" + listener.Addr().String()
	server, err := stage.New(stage.Config{
		PublicURL: base, TCPAddress: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler),
		ICEServers: []stage.ICEServer{{URL: "stun:127.0.0.1:3478"}}, // nobody listens there; that it is handed out is what counts
		Verify: func(token string) (stage.Token, error) {
			if token != publisher && token != viewer {
				return stage.Token{}, errors.New("unknown token")
			}
			return stage.Token{
				ParticipantID: token, StageID: "examination", Publish: token == publisher, Subscribe: token == viewer,
				Expires: time.Now().Add(time.Hour),
			}, nil
		},
	})
	if err != nil {
		return conformance.Target{}, nil, errors.Join(err, listener.Close())
	}
	web := &http.Server{Handler: server.Handler(), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = web.Serve(listener) // ends with Close
	}()
	stop = func() {
		_ = web.Close()
		_ = server.Close()
		<-served
	}
	return conformance.Target{
		WHIP: base + "/", WHEP: base + "/examination/subscribe/" + publisher, Token: publisher, WHEPToken: viewer,
	}, stop, nil
}
