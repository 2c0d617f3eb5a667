package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hotseat/tui/report"
)

// reportFormats are what a report can be written as.
var reportFormats = []string{"md", "json", "csv"}

func reportCommand() *cobra.Command {
	r := &remote{}
	var format, file string
	cmd := &cobra.Command{
		Use:   "report [SESSION]",
		Short: "Write what became of a playtest: timeline, turns, marks and what was said at them",
		Long: "Writes the report of SESSION, of the one that runs, or of the newest that has ended: md for people, json\n" +
			"with everything, csv with the timeline. Without --format the ending of the file says which.",
		Example: "  hotseat report\n  hotseat report s-7h2k -o playtest.md\n  hotseat report --format csv | column -s, -t\n" +
			"  hotseat report --json | jq '.stays'",
		Args: args(cobra.MaximumNArgs(1)), ValidArgsFunction: r.completeOneSession,
	}
	cmd.RunE = r.run(func(cmd *cobra.Command, names []string) (any, string, error) {
		defer bounded(cmd)()
		as, err := reportFormat(format, file, r.json)
		if err != nil {
			return nil, "", err
		}
		d, err := r.desk(cmd)
		if err != nil {
			return nil, "", err
		}
		s, err := chooseSession(cmd.Context(), d, r.oneSession(names), true)
		if err != nil {
			return nil, "", err
		}
		events, err := d.Log(cmd.Context(), s.ID)
		if err != nil {
			return nil, "", err
		}
		data, err := renderReport(report.Build(events), as)
		if err != nil {
			return nil, "", err
		}
		if file == "" || file == "-" {
			_, err = cmd.OutOrStdout().Write(data)
			return nil, "", err
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return nil, "", fmt.Errorf("writing the report: %w", err)
		}
		return nil, "", nil
	})
	r.flags(cmd, true)
	f := cmd.Flags()
	f.StringVar(&format, "format", "", "md, json or csv (default: as the file is called, else md)")
	f.StringVarP(&file, "output", "o", "", "`FILE` to write (default: standard output)")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(reportFormats, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// reportFormat is the format that was named, or that the file's name says.
func reportFormat(format, file string, json bool) (string, error) {
	ending := strings.ToLower(strings.TrimPrefix(filepath.Ext(file), "."))
	switch {
	case format == "" && json:
		return "json", nil
	case format == "" && slices.Contains(reportFormats, ending):
		return ending, nil
	case format == "":
		return "md", nil
	case slices.Contains(reportFormats, format):
		return format, nil
	}
	return "", usageError{fmt.Errorf("--format is md, json or csv, not %q", shown(format))}
}

func renderReport(r report.Report, format string) ([]byte, error) {
	switch format {
	case "json":
		return r.JSON()
	case "csv":
		return r.CSV()
	}
	return r.Markdown(), nil
}
