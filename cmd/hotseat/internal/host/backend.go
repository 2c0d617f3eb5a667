package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"hotseat/backend/api"
	"hotseat/backend/auth"
	"hotseat/backend/aws"
	"hotseat/backend/events"
	"hotseat/backend/gate"
	"hotseat/backend/local"
	"hotseat/backend/playtest"
	"hotseat/backend/steward"
	"hotseat/backend/store"
	"hotseat/web"
)

const (
	// machineLife is the life of the backend's own token; it makes a new one when half is over.
	machineLife = time.Hour
	// maxReason bounds what the services tell about a stream session's end.
	maxReason = 8 << 10
)

// backend is the half of Hotseat that is ours on AWS too: steward and API on a log and a gate. It knows the
// services by their addresses alone.
type backend struct {
	api     http.Handler
	steward *steward.Steward

	access  local.Access
	store   *store.Store
	channel *events.Client
	token   events.Credentials
	log     *slog.Logger
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// newBackend makes a backend; run sets it to work, close ends it.
func newBackend(access local.Access, log *store.Store, g *gate.Gate, connectionTimeout time.Duration, logger *slog.Logger) *backend {
	b := &backend{access: access, store: log, token: machineToken(access), log: logger}
	calls := aws.New(aws.Config{
		Region: access.Region, Credentials: b.credentials(), StreamsEndpoint: access.StreamsURL,
		RealTimeEndpoint: access.RealTimeURL, WhipEndpoint: access.WhipURL + "/",
		StreamGroup: access.StreamGroup, ConnectionTimeout: connectionTimeout,
	})
	client := &http.Client{Timeout: 10 * time.Second}
	b.steward = steward.New(steward.Config{
		AWS: calls, Store: log, Publish: b.publisher(client), SidecarEnvironment: b.sidecarEnvironment,
		Explain: b.explainer(client),
		// The local service answers at once and has no quota: look often, hand over fast.
		Timing: steward.Timing{FirstPoll: 15 * time.Millisecond}, Now: time.Now, Log: logger.With("part", "steward"),
	})
	b.api = b.newAPI(g, calls)
	return b
}

// run sets the backend to work. When it returns, the sessions that were running are taken up, and
// requests may come.
func (b *backend) run(ctx context.Context) error {
	ctx, b.cancel = context.WithCancel(ctx)
	if err := b.listen(ctx); err != nil {
		return err
	}
	failed := make(chan error, 1)
	b.running.Go(func() {
		if err := b.steward.Run(ctx); err != nil {
			b.log.Error("the steward stopped", "error", err)
			failed <- err
		}
	})
	select {
	case <-b.steward.Ready():
		return nil
	case err := <-failed:
		return err
	}
}

// endAll ends every session, for a reason that its people read.
func (b *backend) endAll(ctx context.Context, reason string) error {
	return b.steward.EndAll(ctx, reason)
}

// close stops the work and ends no session: the next backend on the log takes them up.
func (b *backend) close() {
	if b.cancel != nil {
		b.cancel()
	}
	if b.channel != nil {
		b.channel.Close()
	}
	b.running.Wait()
}

func (b *backend) credentials() awssdk.CredentialsProvider {
	c := b.access.Credentials
	return awssdk.CredentialsProviderFunc(func(context.Context) (awssdk.Credentials, error) {
		return awssdk.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, Source: "hotseat"}, nil
	})
}

// machineToken keeps a token of the backend and makes a new one in time.
func machineToken(access local.Access) events.Credentials {
	var mu sync.Mutex
	var token string
	var expires time.Time
	return func(context.Context) (string, time.Time, error) {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		if expires.Sub(now) < machineLife/2 {
			fresh, err := access.MachineToken(auth.RoleBackend, "", machineLife, now)
			if err != nil {
				return "", time.Time{}, fmt.Errorf("making a token for the backend: %w", err)
			}
			token, expires = fresh, now.Add(machineLife)
		}
		return token, expires, nil
	}
}

// publisher publishes as the backend, over HTTP as from anywhere.
func (b *backend) publisher(client *http.Client) steward.Publisher {
	return func(ctx context.Context, channel string, event any) error {
		payload, err := json.Marshal(event)
		if err != nil {
			return fmt.Errorf("encoding an event: %w", err)
		}
		bearer, _, err := b.token(ctx)
		if err != nil {
			return err
		}
		err = events.PublishHTTP(ctx, client, b.access.EventsURL, bearer, channel, payload)
		var refused *events.RefusedError
		// The gate's own no; a 429 or 5xx of the channel is trouble, and tried again.
		if errors.As(err, &refused) && refused.Status < http.StatusInternalServerError && playtest.Code(refused.Type).Known() {
			return &playtest.Refusal{Code: playtest.Code(refused.Type), Message: refused.Message}
		}
		return err
	}
}

// explainer asks the services why a stream session ended; no answer is an empty one.
func (b *backend) explainer(client *http.Client) func(string) string {
	return func(session string) string {
		request, err := http.NewRequest(http.MethodGet, b.access.ReasonsURL+"?session="+url.QueryEscape(session), nil)
		if err != nil {
			return ""
		}
		bearer, _, err := b.token(request.Context())
		if err != nil {
			return ""
		}
		request.Header.Set("Authorization", bearer)
		response, err := client.Do(request)
		if err != nil {
			b.log.Warn("asking why a session ended", "error", err)
			return ""
		}
		defer response.Body.Close()
		text, err := io.ReadAll(io.LimitReader(response.Body, maxReason))
		if err != nil || response.StatusCode != http.StatusOK {
			return ""
		}
		return string(text)
	}
}

// sidecarEnvironment tells a sidecar where to publish its heartbeat, with a token for its session
// alone.
func (b *backend) sidecarEnvironment(session string, life time.Duration) (map[string]string, error) {
	token, err := b.access.MachineToken(auth.RoleSidecar, session, life, time.Now())
	if err != nil {
		return nil, fmt.Errorf("making a token for the sidecar: %w", err)
	}
	return map[string]string{
		"HOTSEAT_SESSION":      session,
		"HOTSEAT_EVENTS_URL":   b.access.RealtimeURL,
		"HOTSEAT_EVENTS_HOST":  b.access.EdgeHost,
		"HOTSEAT_EVENTS_TOKEN": token,
		"HOTSEAT_API_URL":      b.access.EdgeURL,
	}, nil
}

func (b *backend) newAPI(g *gate.Gate, calls *aws.Clients) http.Handler {
	page, ok := web.FS()
	if !ok {
		b.log.Warn("this build has no page in it; `task build` makes one")
	}
	a := b.access
	return api.New(api.Config{
		Public: b.tell(a.Public, a.PublicHost()), Inside: b.tell(func(address string) string { return address }, a.EdgeHost),
		Verifier: a.Verifier(time.Now), Gate: g, Store: b.store, Steward: b.steward, AWS: calls, Page: page,
		Outside: a.Public, Connect: []string{a.Public("ws://" + a.EdgeHost)}, Now: time.Now, Log: b.log.With("part", "api"),
	})
}

// tell is what clients are told of the services: outside makes of an address the one that they reach.
func (b *backend) tell(outside func(string) string, host string) api.PublicConfig {
	a := b.access
	return api.PublicConfig{
		Region:  a.Region,
		Cognito: api.CognitoConfig{Endpoint: outside(a.CognitoURL) + "/", UserPoolID: a.PoolID, ClientID: a.ClientID},
		Events:  api.EventsConfig{HTTPURL: outside(a.EventsURL), RealtimeURL: outside(a.RealtimeURL), Host: host},
		Local:   true,
	}
}

// listen wakes the steward whenever a log grows, and after every gap in the connection.
func (b *backend) listen(ctx context.Context) (err error) {
	b.channel, err = events.NewClient(events.Config{
		RealtimeURL: b.access.RealtimeURL, Host: b.access.EdgeHost, Token: b.token, Log: b.log.With("part", "steward"),
		OnReconnect: func(ctx context.Context) {
			running, err := b.store.Sessions(ctx, true, store.MaxPage)
			if err != nil {
				b.log.Error("looking for running sessions", "error", err)
			}
			for _, record := range running {
				b.steward.Wake(record.ID)
			}
		},
	})
	if err != nil {
		return err
	}
	if _, err := b.channel.Subscribe("/"+gate.NamespacePlaytest+"/*", func(m events.Message) {
		var head struct {
			Session string `json:"session"`
		}
		if json.Unmarshal(m.Event, &head) == nil {
			b.steward.Wake(head.Session)
		}
	}); err != nil {
		return err
	}
	b.running.Go(func() {
		if err := b.channel.Run(ctx); err != nil && ctx.Err() == nil {
			b.log.Error("the steward hears nothing any more", "error", err)
		}
	})
	return nil
}
