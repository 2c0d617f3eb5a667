// Command hotseat is what people type: `hotseat demo` for a whole playtest on this machine, `hotseat serve`
// for one that others come to, `hotseat console` to moderate, and a word for every action, for scripts.
// `hotseat help` lists them.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	// SIGHUP too: a closed terminal ends the demo and everything that it started.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl+C does not wait for an orderly end
	root := &cobra.Command{
		Use:   "hotseat",
		Short: "Interactive game playtests: one plays, others watch, talk and take turns",
		Long: "Hotseat runs interactive game playtests. A game runs on a remote machine, one person plays it\n" +
			"in a browser, others watch live, talk and take turns in the seat; a QA lead moderates from a terminal.",
		SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(demoCommand(), serveCommand(), workerCommand(), doctorCommand(), logCommand(), conformanceCommand())
	addRemote(root)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "hotseat:", err)
		os.Exit(exitCode(err))
	}
}
