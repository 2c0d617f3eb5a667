// Package host assembles a whole Hotseat on this machine: the local services, the log, the gate,
// the steward and the API, in one process on loopback.
//
// It knows how the parts fit and nothing of what they do. The console is not among them: it is a
// client over the network like any other.
package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"hotseat/backend/api"
	"hotseat/backend/auth"
	"hotseat/backend/aws"
	"hotseat/backend/events"
	"hotseat/backend/gate"
	"hotseat/backend/local"
	"hotseat/backend/local/cognito"
	"hotseat/backend/local/gameliftstreams"
	"hotseat/backend/playtest"
	"hotseat/backend/steward"
	"hotseat/backend/store"
	"hotseat/web"
)

// Config says what to assemble.
type Config struct {
	Listen       string // of the edge, host:port; port 0 is any free one
	DataDir      string // the log, the sign-ins, scratch; made with mode 0700 if missing
	BinDir       string // folder with hotseat-instance and hotseat-sidecar
	Applications []gameliftstreams.Application
	// ConnectionTimeout is how long a stream session waits for a client, 1 s to 1 h.
	ConnectionTimeout time.Duration
	Log               *slog.Logger
}

// Host is a running Hotseat.
type Host struct {
	URL       string // of the page and the API
	Users     []cognito.User
	UsersFile string

	cfg      Config
	services *local.Services
	steward  *steward.Steward
	store    *store.Store
	channel  *events.Client
	lock     *os.File
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

const (
	// machineLife is the life of the backend's own token; it makes a new one when half is over.
	machineLife = time.Hour
	// closeTime is how long ending everything may take: instances get 3 s to end by themselves.
	closeTime = 15 * time.Second
)

// Start assembles and starts everything. What it started it ends again when it fails.
func Start(cfg Config) (_ *Host, err error) {
	instance := filepath.Join(cfg.BinDir, "hotseat-instance")
	for _, program := range []string{instance, filepath.Join(cfg.BinDir, "hotseat-sidecar")} {
		if _, err := os.Stat(program); err != nil {
			return nil, fmt.Errorf("%s is not built; `task build` builds it", program)
		}
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	h := &Host{cfg: cfg, cancel: cancel, UsersFile: filepath.Join(cfg.DataDir, "sign-ins.json")}
	defer func() {
		if err != nil {
			_ = h.Close()
		}
	}()
	if h.lock, err = lockFolder(cfg.DataDir); err != nil {
		return nil, err
	}
	if h.Users, _, err = cognito.LoadOrCreateUsers(h.UsersFile); err != nil {
		return nil, err
	}
	if h.store, err = store.Open(filepath.Join(cfg.DataDir, "log.db")); err != nil {
		return nil, err
	}
	g := gate.New(h.store, time.Now)
	h.services, err = local.Start(local.Config{
		Listen: cfg.Listen, Applications: cfg.Applications, InstancePath: instance,
		ScratchDir: filepath.Join(cfg.DataDir, "instances"), Users: h.Users, Gate: g, Now: time.Now, Log: cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	h.URL = h.services.EdgeURL
	calls := aws.New(aws.Config{
		Region: local.Region, Credentials: h.credentials(), StreamsEndpoint: h.services.StreamsURL,
		RealTimeEndpoint: h.services.RealTimeURL, WhipEndpoint: h.services.WhipURL + "/",
		StreamGroup: local.StreamGroup, ConnectionTimeout: cfg.ConnectionTimeout,
	})
	token := machineToken(h.services)
	s := steward.New(steward.Config{
		AWS: calls, Store: h.store, Publish: h.publisher(token), SidecarEnvironment: h.sidecarEnvironment,
		Explain: h.services.Explain,
		// The local service answers at once and has no quota: look often, hand over fast.
		Timing: steward.Timing{FirstPoll: 15 * time.Millisecond}, Now: time.Now, Log: cfg.Log.With("part", "steward"),
	})
	h.services.Serve(h.api(g, s, calls))
	if err := h.listen(ctx, s, token); err != nil {
		return nil, err
	}
	h.steward = s
	h.running.Go(func() {
		if err := s.Run(ctx); err != nil {
			cfg.Log.Error("the steward stopped", "error", err)
		}
	})
	return h, nil
}

func (h *Host) credentials() awssdk.CredentialsProvider {
	c := h.services.Credentials
	return awssdk.CredentialsProviderFunc(func(context.Context) (awssdk.Credentials, error) {
		return awssdk.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, Source: "hotseat"}, nil
	})
}

// machineToken keeps a token of the backend and makes a new one in time.
func machineToken(services *local.Services) events.Credentials {
	var mu sync.Mutex
	var token string
	var expires time.Time
	return func(context.Context) (string, time.Time, error) {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		if expires.Sub(now) < machineLife/2 {
			fresh, err := services.MachineToken(auth.RoleBackend, "", machineLife, now)
			if err != nil {
				return "", time.Time{}, fmt.Errorf("making a token for the backend: %w", err)
			}
			token, expires = fresh, now.Add(machineLife)
		}
		return token, expires, nil
	}
}

// publisher publishes as the backend, over HTTP as from anywhere.
func (h *Host) publisher(token events.Credentials) steward.Publisher {
	client := &http.Client{Timeout: 10 * time.Second}
	return func(ctx context.Context, channel string, event any) error {
		payload, err := json.Marshal(event)
		if err != nil {
			return fmt.Errorf("encoding an event: %w", err)
		}
		bearer, _, err := token(ctx)
		if err != nil {
			return err
		}
		err = events.PublishHTTP(ctx, client, h.services.EventsURL, bearer, channel, payload)
		var refused *events.RefusedError
		// The gate's own no; a 429 or 5xx of the channel is trouble, and tried again.
		if errors.As(err, &refused) && refused.Status < http.StatusInternalServerError && playtest.Code(refused.Type).Known() {
			return &playtest.Refusal{Code: playtest.Code(refused.Type), Message: refused.Message}
		}
		return err
	}
}

// sidecarEnvironment tells a sidecar where to publish its heartbeat, with a token for its session
// alone.
func (h *Host) sidecarEnvironment(session string, life time.Duration) (map[string]string, error) {
	token, err := h.services.MachineToken(auth.RoleSidecar, session, life, time.Now())
	if err != nil {
		return nil, fmt.Errorf("making a token for the sidecar: %w", err)
	}
	return map[string]string{
		"HOTSEAT_SESSION":      session,
		"HOTSEAT_EVENTS_URL":   h.services.RealtimeURL,
		"HOTSEAT_EVENTS_HOST":  h.services.EdgeHost,
		"HOTSEAT_EVENTS_TOKEN": token,
	}, nil
}

func (h *Host) api(g *gate.Gate, s *steward.Steward, calls *aws.Clients) http.Handler {
	page, ok := web.FS()
	if !ok {
		h.cfg.Log.Warn("this build has no page in it; `task build` makes one")
	}
	return api.New(api.Config{
		Public: api.PublicConfig{
			Region: local.Region,
			Cognito: api.CognitoConfig{
				Endpoint: h.services.CognitoURL + "/", UserPoolID: h.services.PoolID, ClientID: h.services.ClientID,
			},
			Events: api.EventsConfig{
				HTTPURL: h.services.EventsURL, RealtimeURL: h.services.RealtimeURL, Host: h.services.EdgeHost,
			},
			Local: true,
		},
		Verifier: h.services.Verifier, Gate: g, Store: h.store, Steward: s, AWS: calls, Page: page,
		Connect: []string{"ws://" + h.services.EdgeHost}, Now: time.Now, Log: h.cfg.Log.With("part", "api"),
	})
}

// listen wakes the steward whenever a log grows, and after every gap in the connection.
func (h *Host) listen(ctx context.Context, s *steward.Steward, token events.Credentials) (err error) {
	h.channel, err = events.NewClient(events.Config{
		RealtimeURL: h.services.RealtimeURL, Host: h.services.EdgeHost, Token: token, Log: h.cfg.Log.With("part", "steward"),
		OnReconnect: func(ctx context.Context) {
			running, err := h.store.Sessions(ctx, true, store.MaxPage)
			if err != nil {
				h.cfg.Log.Error("looking for running sessions", "error", err)
			}
			for _, record := range running {
				s.Wake(record.ID)
			}
		},
	})
	if err != nil {
		return err
	}
	if _, err := h.channel.Subscribe("/"+gate.NamespacePlaytest+"/*", func(m events.Message) {
		var head struct {
			Session string `json:"session"`
		}
		if json.Unmarshal(m.Event, &head) == nil {
			s.Wake(head.Session)
		}
	}); err != nil {
		return err
	}
	h.running.Go(func() { _ = h.channel.Run(ctx) })
	return nil
}

// Close ends every session, waits until every process is gone, and closes everything.
func (h *Host) Close() error {
	var errs []error
	if h.steward != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		h.steward.EndAll(ctx, "Hotseat was stopped")
	}
	h.cancel()
	if h.channel != nil {
		h.channel.Close()
	}
	h.running.Wait()
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
