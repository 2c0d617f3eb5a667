package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hotseat/backend/auth"
	"hotseat/backend/events"
	"hotseat/backend/local"
	"hotseat/backend/local/gameliftstreams"
	"hotseat/backend/playtest"
	"hotseat/cmd/hotseat/internal/demo"
	"hotseat/cmd/hotseat/internal/doctor"
	"hotseat/cmd/hotseat/internal/host"
	"hotseat/cmd/hotseat/internal/sshconsole"
)

type serveOptions struct {
	apps      []string
	listen    string
	public    string
	metrics   string
	data      string
	ssh       string
	sshPeople string
	media     mediaOptions
}

func serveCommand() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the services and the backend, without a console, until stopped",
		Long: "Starts the local services and the backend and waits. Consoles, scripts and browsers come over the\n" +
			"network. What happens is logged to standard error.\n\n" +
			"The backend works in a process of its own, which is started again whenever it ends: kill it, or\n" +
			"put a newer program in its place and end it, and no session ends and no stream stops.",
		Example: "  hotseat serve\n  hotseat serve --app games/one --app games/two --listen 127.0.0.1:8470 --data ~/playtests\n" +
			"  hotseat serve --ssh 127.0.0.1:2222 --ssh-people people.keys",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runServe(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.apps, "app", nil, "folder of a game, with a launch script; may be given several times (default: the bundled game)")
	f.StringVar(&o.listen, "listen", "127.0.0.1:8470", "host:port of the page and the API")
	f.StringVar(&o.public, "public-url", "", "`URL` of the page and the API for people elsewhere, behind a proxy: https://playtests.example (default: as --listen)")
	f.StringVar(&o.media.address, "media", "", "`ADDRESS:PORT` for the broadcast to viewers elsewhere, by UDP and TCP, such as 192.0.2.7:8480; each further 400 viewers take the next UDP port (default: this machine only)")
	f.StringVar(&o.media.publicIP, "media-ip", "", "`IP` under which viewers reach --media, behind a NAT that keeps the port")
	f.StringVar(&o.media.iceServers, "ice-servers", "", "`FILE` with the STUN and TURN servers to hand to viewers: a JSON list as RTCPeerConnection takes it")
	f.StringVar(&o.metrics, "metrics", "", "host:port for /metrics (Prometheus) and /stages (JSON), such as 127.0.0.1:9090 (default: none)")
	f.StringVar(&o.data, "data", "", "folder for the log and the sign-ins (default: hotseat in the user's data folder)")
	f.StringVar(&o.ssh, "ssh", "", "host:port for consoles over SSH (default: none)")
	f.StringVar(&o.sshPeople, "ssh-people", "", `file of who may come by SSH: lines of name="...",role="qa-lead" and a public key (default: ssh-people in the data folder)`)
	return cmd
}

func runServe(ctx context.Context, o serveOptions) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	media, err := o.media.media()
	if err != nil {
		return err
	}
	if err := doctor.Check(ctx); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program's folder: %w", err)
	}
	if o.data == "" {
		if o.data, err = dataFolder(); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(o.data, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	var console *sshconsole.Server
	if o.ssh != "" {
		if console, err = listenSSH(o, logger); err != nil {
			return err
		}
		defer func() { _ = console.Close() }()
	}
	if len(o.apps) == 0 {
		o.apps = []string{""} // the bundled game
	}
	var applications []gameliftstreams.Application
	for _, dir := range o.apps {
		app, err := demo.Application(dir, o.data)
		if err != nil {
			return err
		}
		applications = append(applications, app)
	}
	running, err := host.Serve(ctx, host.Config{
		Listen: o.listen, PublicURL: o.public, Media: media, Metrics: o.metrics, DataDir: o.data, BinDir: filepath.Dir(self), Applications: applications,
		ConnectionTimeout: demo.ConnectionTimeout, Log: logger,
	}, func() *exec.Cmd {
		worker := exec.Command(self, "worker")
		worker.Stderr = os.Stderr
		return worker
	})
	if err != nil {
		return o.media.explain(err)
	}
	defer func() {
		fmt.Fprintln(os.Stderr, "hotseat: ending every session and everything that was started")
		err = errors.Join(err, running.Close())
	}()
	fmt.Printf("page and API  %s\nsign-ins      %s\n", running.URL, running.UsersFile)
	if console == nil {
		<-ctx.Done()
		return nil
	}
	fmt.Printf("console       %s\n", console.Command())
	return console.Serve(ctx, running.Services.Access.EdgeURL, personTokens(running.Services.Access))
}

// listenSSH takes the port of consoles over SSH, before anything is started that would be for nothing.
func listenSSH(o serveOptions, logger *slog.Logger) (*sshconsole.Server, error) {
	if o.sshPeople == "" {
		o.sshPeople = filepath.Join(o.data, "ssh-people")
	}
	return sshconsole.Listen(sshconsole.Config{
		Addr: o.ssh, HostKeyFile: filepath.Join(o.data, "ssh-host-key"), PeopleFile: o.sshPeople, Log: logger.With("part", "ssh"),
	})
}

// check refuses addresses that nobody could be sent to.
func (o serveOptions) check() error {
	host, _, err := net.SplitHostPort(o.listen)
	if err != nil {
		return fmt.Errorf("--listen %s is no host:port, such as 127.0.0.1:8470", o.listen)
	}
	if ip := net.ParseIP(host); o.public == "" && (host == "" || ip.IsUnspecified()) {
		return fmt.Errorf("--listen %s is every address of this machine: say with --public-url under which one people come", o.listen)
	}
	if o.public == "" {
		return nil
	}
	u, err := url.Parse(o.public)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return fmt.Errorf("--public-url %s is not of the form https://host or https://host:port", o.public)
	}
	return nil
}

// personTokens makes credentials for people who came by SSH: a token for an hour, made anew before it ends.
func personTokens(access local.Access) func(playtest.Person) events.Credentials {
	return func(p playtest.Person) events.Credentials {
		return func(context.Context) (string, time.Time, error) {
			now := time.Now()
			token, err := access.PersonToken(p, auth.MaxPersonLife, now)
			return token, now.Add(auth.MaxPersonLife), err
		}
	}
}

// dataFolder is where logs of playtests are kept: XDG_DATA_HOME, or what stands in for it.
func dataFolder() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) { // XDG Base Directory Specification 0.8
		return filepath.Join(dir, "hotseat"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("no home folder is known to keep the log in; name a folder with --data")
	}
	return filepath.Join(home, ".local", "share", "hotseat"), nil
}

// workerCommand is the backend's process of `hotseat serve`; people have no use for it.
func workerCommand() *cobra.Command {
	return &cobra.Command{
		Use: "worker", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			logger := slog.New(slog.NewTextHandler(os.Stderr, nil)).With("pid", os.Getpid())
			return host.Work(cmd.Context(), os.Stdin, os.Stdout, logger)
		},
	}
}
