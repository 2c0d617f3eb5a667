package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hotseat/cmd/hotseat/internal/account"
)

func manCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "man",
		Short: "Write the manual pages of all commands",
		Long: "Writes a page in section 1 for each command into a folder. `man -l` shows one of them;\n" +
			"in a man1 folder of MANPATH, `man hotseat-tail` finds it.",
		Example: "  hotseat man --dir ~/.local/share/man/man1\n  hotseat man --dir /tmp/man && man -l /tmp/man/hotseat-tail.1",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return usageError{errors.New("where to? name a folder with --dir")}
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("making the folder: %w", err)
			}
			n, err := writePages(cmd.Root(), dir)
			if err != nil {
				return fmt.Errorf("writing the pages: %w", err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d pages in %s\n", n, dir)
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "folder for the pages; made if missing")
	return cmd
}

// writePages writes the page of a command and those of its subcommands.
func writePages(cmd *cobra.Command, dir string) (pages int, err error) {
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	if err := os.WriteFile(filepath.Join(dir, name+".1"), md2man.Render([]byte(manPage(cmd))), 0o644); err != nil {
		return 0, err
	}
	pages = 1
	for _, sub := range cmd.Commands() {
		if !sub.IsAvailableCommand() {
			continue
		}
		n, err := writePages(sub, dir)
		if err != nil {
			return pages, err
		}
		pages += n
	}
	return pages, nil
}

// manPage is a page in the Markdown that md2man reads. Cobra's own pages have no place for exit
// status, environment and files, which are what a script's author looks up.
func manPage(cmd *cobra.Command) string {
	var b strings.Builder
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	section := func(title string) { fmt.Fprintf(&b, "\n# %s\n", title) }
	fmt.Fprintf(&b, "%% %s 1 \"\" \"Hotseat\" \"Hotseat\"\n", strings.ToUpper(name))
	section("NAME")
	fmt.Fprintf(&b, "%s - %s\n", name, cmd.Short)
	section("SYNOPSIS")
	fmt.Fprintf(&b, "**%s**\n", strings.ReplaceAll(cmd.UseLine(), "[flags]", "[options]"))
	if cmd.Long != "" {
		section("DESCRIPTION")
		b.WriteString(cmd.Long + "\n")
	}
	var subs []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			subs = append(subs, fmt.Sprintf("**%s**(1)\n: %s\n", strings.ReplaceAll(sub.CommandPath(), " ", "-"), sub.Short))
		}
	}
	if len(subs) > 0 {
		section("COMMANDS")
		b.WriteString(strings.Join(subs, "\n"))
	}
	if cmd.HasAvailableFlags() {
		section("OPTIONS")
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { b.WriteString(manFlag(f)) })
	}
	if cmd.Example != "" {
		section("EXAMPLES")
		for line := range strings.Lines(cmd.Example) {
			b.WriteString("    " + strings.TrimSpace(line) + "\n")
		}
	}
	if cmd.GroupID == remoteGroup {
		section("EXIT STATUS")
		b.WriteString("**0** done, **1** something did not work, **2** wrong arguments, **3** refused by the rules or the server, **4** not signed in.\n")
		section("ENVIRONMENT")
		fmt.Fprintf(&b, "**%s**\n: address of the backend\n\n**%s**, **%s**\n: whom to sign in, and the password\n", account.EnvServer, account.EnvEmail, account.EnvPassword)
		section("FILES")
		b.WriteString("*~/.config/hotseat/sign-ins*\n: saved sessions, readable by their owner alone\n")
	}
	if cmd.HasParent() {
		section("SEE ALSO")
		fmt.Fprintf(&b, "**%s**(1)\n", strings.ReplaceAll(cmd.Parent().CommandPath(), " ", "-"))
	}
	return b.String()
}

func manFlag(f *pflag.Flag) string {
	name := "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	kind, usage := pflag.UnquoteUsage(f)
	if kind != "" {
		name += "=" + strings.ToUpper(kind)
	}
	return fmt.Sprintf("**%s**\n: %s\n\n", name, usage)
}
