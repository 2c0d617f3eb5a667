// Package host assembles a whole Hotseat on this machine: the local services, the log, the gate,
// the steward and the API, on loopback.
//
// Start puts everything into one process, which ends as one. Serve keeps the services in this process
// and the backend (gate, steward, API) in a worker of its own, as the cloud does: a backend that is
// killed, or replaced by a newer one, ends no session and closes no stream.
//
// It knows how the parts fit and nothing of what they do. The console is not among them: it is a
// client over the network like any other.
package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"hotseat/backend/gate"
	"hotseat/backend/local"
	"hotseat/backend/local/cognito"
	"hotseat/backend/local/gameliftstreams"
	"hotseat/backend/store"
)

// Config says what to assemble.
type Config struct {
	Listen       string      // of the edge, host:port; port 0 is any free one
	PublicURL    string      // of the edge for clients elsewhere; "": as it is listened on
	Media        local.Media // how the broadcast reaches viewers on other machines
	Metrics      string      // host:port of the stages' figures; "": none
	DataDir      string      // the log, the sign-ins, scratch; made with mode 0700 if missing
	BinDir       string      // folder with hotseat-instance and hotseat-sidecar
	Applications []gameliftstreams.Application
	// ConnectionTimeout is how long a stream session waits for a client, 1 s to 1 h.
	ConnectionTimeout time.Duration
	Log               *slog.Logger
}

// Host is a running Hotseat in one process.
type Host struct {
	URL       string // of the page and the API
	Users     []cognito.User
	UsersFile string

	services *local.Services
	backend  *backend
	store    *store.Store
	lock     *os.File
}

// closeTime is how long ending everything may take: instances get 3 s to end by themselves.
const closeTime = 15 * time.Second

// stopped is why sessions end when Hotseat does.
const stopped = "Hotseat was stopped"

// Start assembles and starts everything. What it started it ends again when it fails.
func Start(cfg Config) (_ *Host, err error) {
	h := &Host{}
	defer func() {
		if err != nil {
			_ = h.Close()
		}
	}()
	if h.lock, err = prepare(cfg); err != nil {
		return nil, err
	}
	if h.Users, h.UsersFile, err = users(cfg.DataDir); err != nil {
		return nil, err
	}
	if h.store, err = openLog(cfg.DataDir); err != nil {
		return nil, err
	}
	g := gate.New(h.store, time.Now)
	if h.services, err = startServices(cfg, h.Users, g); err != nil {
		return nil, err
	}
	h.URL = h.services.Access.PublicURL
	b := newBackend(h.services.Access, h.store, g, cfg.ConnectionTimeout, cfg.Log)
	h.services.Serve(b.api)
	h.backend = b
	if err := b.run(context.Background()); err != nil {
		return nil, err
	}
	return h, nil
}

// Close ends every session, waits until every process is gone, and closes everything.
func (h *Host) Close() error {
	var errs []error
	if h.backend != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		errs = append(errs, h.backend.endAll(ctx, stopped))
		h.backend.close()
	}
	if h.services != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		errs = append(errs, h.services.Close(ctx))
	}
	if h.store != nil {
		errs = append(errs, h.store.Close())
	}
	if h.lock != nil {
		errs = append(errs, h.lock.Close())
	}
	return errors.Join(errs...)
}

// prepare looks for the programs, makes the data folder and locks it.
func prepare(cfg Config) (lock *os.File, err error) {
	for _, program := range []string{instanceProgram(cfg), filepath.Join(cfg.BinDir, "hotseat-sidecar")} {
		if _, err := os.Stat(program); err != nil {
			return nil, fmt.Errorf("%s is not built; `task build` builds it", program)
		}
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	return lockFolder(cfg.DataDir)
}

func users(dataDir string) (list []cognito.User, file string, err error) {
	file = filepath.Join(dataDir, "sign-ins.json")
	list, _, err = cognito.LoadOrCreateUsers(file)
	return list, file, err
}

func openLog(dataDir string) (*store.Store, error) {
	return store.Open(filepath.Join(dataDir, "log.db"))
}

func startServices(cfg Config, users []cognito.User, g local.Gate) (*local.Services, error) {
	return local.Start(local.Config{
		Listen: cfg.Listen, PublicURL: cfg.PublicURL, Media: cfg.Media, Metrics: cfg.Metrics, Applications: cfg.Applications, InstancePath: instanceProgram(cfg),
		ScratchDir: filepath.Join(cfg.DataDir, "instances"), Users: users, Gate: g, Now: time.Now, Log: cfg.Log,
	})
}

func instanceProgram(cfg Config) string { return filepath.Join(cfg.BinDir, "hotseat-instance") }
