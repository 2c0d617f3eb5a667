package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"hotseat/cmd/hotseat/internal/conformance"
)

func conformanceCommand() *cobra.Command {
	var target conformance.Target
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "conformance WHIP-URL",
		Short: "Hold a WHIP and WHEP server against RFC 9725, clause by clause",
		Long: "Publishes a small test broadcast to the address, receives it from --whep, and says for each clause of RFC 9725 and\n" +
			"of the WHEP draft how the server does: pass, fail, not offered (an optional part), skipped (nothing could be seen).\n\n" +
			"It publishes with the token that it is given, and so replaces what that token publishes: give it a stage of its own.\n" +
			"It ends with 1 when a MUST is broken.",
		Example: "  hotseat conformance http://127.0.0.1:8889/test/whip --whep http://127.0.0.1:8889/test/whep",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			target.WHIP = given[0]
			out := cmd.OutOrStdout()
			results, err := conformance.Run(cmd.Context(), target)
			if asJSON {
				encoder := json.NewEncoder(out)
				encoder.SetIndent("", "  ")
				if writeErr := encoder.Encode(results); writeErr != nil {
					return errors.Join(err, writeErr)
				}
			} else {
				writeVerdicts(out, results)
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

// writeVerdicts prints a line for each clause and the sum.
func writeVerdicts(out io.Writer, results []conformance.Result) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CLAUSE\tLEVEL\tVERDICT\tRULE\tEVIDENCE")
	count := make(map[conformance.Verdict]int)
	for _, r := range results {
		count[r.Verdict]++
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.Clause, r.Level, r.Verdict, r.Rule, r.Evidence)
	}
	_ = table.Flush() // a reader that is gone
	fmt.Fprintf(out, "\n%d clauses: %d pass, %d fail (%d of a MUST), %d not offered, %d skipped\n", len(results), count[conformance.Pass],
		count[conformance.Fail], conformance.Violations(results, conformance.Must), count[conformance.NotOffered], count[conformance.Skipped])
}
