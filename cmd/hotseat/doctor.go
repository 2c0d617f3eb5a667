package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"hotseat/cmd/hotseat/internal/doctor"
)

func doctorCommand() *cobra.Command {
	var install, build, test bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine lacks, and the command that mends it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			purposes := doctor.Run
			if build {
				purposes |= doctor.Build
			}
			if test {
				purposes |= doctor.Build | doctor.Test
			}
			findings := doctor.Examine(cmd.Context(), purposes)
			if !install {
				return show(cmd.OutOrStdout(), findings)
			}
			missing := doctor.Missing(findings, true)
			if len(missing) == 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "nothing to install: %d requirements are met\n", len(findings))
				return nil
			}
			if err := doctor.Install(cmd.Context(), missing, cmd.OutOrStdout()); err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), doctor.Examine(cmd.Context(), purposes))
		},
	}
	cmd.Flags().BoolVar(&install, "install", false, "install what is missing with apt-get")
	cmd.Flags().BoolVar(&build, "build", false, "also what is needed to build Hotseat")
	cmd.Flags().BoolVar(&test, "test", false, "also what is needed to run all tests")
	return cmd
}

// show prints a line for each requirement. It fails when something that a playtest cannot do
// without is missing.
func show(out io.Writer, findings []doctor.Finding) error {
	for _, f := range findings {
		switch {
		case f.Err == nil:
			fmt.Fprintf(out, "  ok       %s\n", f.Name)
		case f.Optional:
			fmt.Fprintf(out, "  missing  %s: %v\n           without it, %s (package %s)\n", f.Name, f.Err, f.Without, f.Package)
		default:
			fmt.Fprintf(out, "  MISSING  %s: %v\n           without it, %s (package %s)\n", f.Name, f.Err, f.Without, f.Package)
		}
	}
	all := doctor.Missing(findings, true)
	if len(all) == 0 {
		fmt.Fprintln(out, "\nThis machine has everything.")
		return nil
	}
	fmt.Fprintf(out, "\nMend it with:\n  %s\nor let Hotseat do it:\n  hotseat doctor --install\n", doctor.InstallCommand(all))
	if required := doctor.Missing(findings, false); len(required) > 0 {
		return fmt.Errorf("%d things are missing that a playtest needs", len(required))
	}
	return nil
}
