package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"hotseat/backend/api"
	"hotseat/backend/local/cognito"
	"hotseat/backend/playtest"
	"hotseat/cmd/hotseat/internal/check"
	"hotseat/cmd/hotseat/internal/demo"
	"hotseat/tui"
)

func demoCommand() *cobra.Command {
	var o demo.Options
	var walk bool
	var theme string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a whole playtest on this machine, with the console on it",
		Long: "Starts the local services, a game, its broadcast and the console, and shows where to watch and\n" +
			"play in a browser. Leaving the console ends everything it started. Without a terminal it prints\n" +
			"events as lines.",
		Example: "  hotseat demo\n  hotseat demo --app docs/examples/freedoom\n  hotseat demo --check\n  hotseat demo --for 30s | tee events.txt",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.For < 0 {
				return fmt.Errorf("--for %s is in the past; give a length of time such as 30s", o.For)
			}
			if walk && (o.For != 0 || o.Plain || o.JSON) {
				return errors.New("--check ends by itself and prints its own lines; leave out --for, --plain and --json")
			}
			if walk {
				return runCheck(cmd.Context(), o)
			}
			if !term.IsTerminal(os.Stdout.Fd()) || !term.IsTerminal(os.Stdin.Fd()) {
				o.Plain = true
			}
			colours, err := tui.ThemeByName(theme)
			if err != nil {
				return err
			}
			return runDemo(cmd.Context(), o, colours)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.App, "app", "", "folder of your own game, with a launch script (default: the bundled game)")
	f.StringVar(&o.Listen, "listen", "", "host:port of the page (default: any free port of 127.0.0.1)")
	f.StringVar(&o.Data, "data", "", "folder for the log and the sign-ins, kept afterwards (default: a new one, removed at the end)")
	f.DurationVar(&o.For, "for", 0, "end by itself after this long, such as 30s")
	f.IntVar(&o.Width, "width", 1280, "width of the picture in pixels")
	f.IntVar(&o.Height, "height", 720, "height of the picture in pixels")
	f.IntVar(&o.Framerate, "framerate", 30, "frames a second, 10 to 60")
	f.BoolVar(&o.Plain, "plain", false, "print events as lines and read commands from standard input")
	f.BoolVar(&o.JSON, "json", false, "with --plain: events as JSON lines")
	f.StringVar(&theme, "theme", "auto", "colours of the console: auto, dark, light, colour-blind")
	f.BoolVar(&walk, "check", false, "walk the whole path without anybody, print a line per step, exit 0 if all held")
	return cmd
}

func runCheck(ctx context.Context, o demo.Options) (err error) {
	running, err := demo.Up(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, running.Close()) }()
	err = check.Walk(ctx, check.Options{
		Server: running.URL, Users: running.Users, Application: running.Application, GameState: o.App == "", Out: os.Stdout,
		Width: o.Width, Height: o.Height, Framerate: o.Framerate,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "\nThe last lines of the log:\n"+demo.LastLines(running.LogFile, 20))
	}
	return err
}

func runDemo(ctx context.Context, o demo.Options, theme tui.Theme) (err error) {
	if o.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.For)
		defer cancel()
	}
	say := func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	say("hotseat: starting the services and a game; leaving the console ends them")
	running, err := demo.Up(ctx, o)
	if err != nil {
		return ended(ctx, err)
	}
	defer func() {
		say("hotseat: ending everything that was started")
		err = errors.Join(err, running.Close())
	}()
	lead := leadOf(running.Users)
	session, err := startSession(ctx, running, o, lead)
	if err != nil {
		return ended(ctx, err)
	}
	options := tui.Options{
		URL: running.URL, PageURL: running.URL, Email: lead.Email, Password: lead.Password,
		Banner: "Everything runs on this machine. Open the page and sign in:", Access: access(running.Users),
		InitialSession: session, JSON: o.JSON, Theme: theme,
	}
	if o.Plain {
		return ended(ctx, tui.Plain(ctx, options, os.Stdin, os.Stdout))
	}
	return ended(ctx, tui.Run(ctx, options))
}

// ended: the time given with --for, or a signal, is a good end.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return nil
	}
	return err
}

func startSession(ctx context.Context, running *demo.Running, o demo.Options, lead cognito.User) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	person, err := check.SignIn(ctx, running.URL, lead.Email, lead.Password)
	if err != nil {
		return "", err
	}
	var session api.Session
	err = person.Call(ctx, http.MethodPost, "/api/sessions", map[string]any{
		"application": running.Application, "width": o.Width, "height": o.Height, "framerate": o.Framerate, "encoder": encoder(),
	}, &session)
	return session.ID, err
}

// encoder asks for the GPU's only where an NVIDIA driver is loaded: elsewhere the fallback to x264
// would be on the console all the time as something that went wrong.
func encoder() string {
	if _, err := os.Stat("/dev/nvidiactl"); err == nil {
		return "gpu"
	}
	return "cpu"
}

func leadOf(users []cognito.User) cognito.User {
	for _, u := range users {
		if u.Group == string(playtest.RoleLead) {
			return u
		}
	}
	return cognito.User{}
}

func access(users []cognito.User) []tui.Access {
	var out []tui.Access
	for _, u := range users {
		out = append(out, tui.Access{Role: strings.ReplaceAll(u.Group, "qa-lead", "QA lead"), Email: u.Email, Password: u.Password})
	}
	return out
}
