package check

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"hotseat/backend/api"
	"hotseat/backend/events"
	"hotseat/backend/playtest"
)

// Person is somebody who signed in: the walk's hands and ears.
type Person struct {
	Name   string
	server string
	config api.PublicConfig
	token  string
	http   *http.Client

	channel *events.Client
	cancel  context.CancelFunc
	done    chan struct{}

	mu      sync.Mutex // protects heard and changed
	heard   []json.RawMessage
	changed chan struct{}
}

// SignIn signs somebody in the way a page does.
func SignIn(ctx context.Context, server, email, password string) (*Person, error) {
	p := &Person{server: server, http: &http.Client{Timeout: 40 * time.Second}, changed: make(chan struct{})}
	if err := p.Call(ctx, http.MethodGet, "/api/config", nil, &p.config); err != nil {
		return nil, err
	}
	client := cognitoidentityprovider.New(cognitoidentityprovider.Options{
		Region: p.config.Region, BaseEndpoint: aws.String(p.config.Cognito.Endpoint), Credentials: aws.AnonymousCredentials{},
	})
	out, err := client.InitiateAuth(ctx, &cognitoidentityprovider.InitiateAuthInput{
		AuthFlow: cognito.AuthFlowTypeUserPasswordAuth, ClientId: aws.String(p.config.Cognito.ClientID),
		AuthParameters: map[string]string{"USERNAME": email, "PASSWORD": password},
	})
	if err != nil {
		return nil, fmt.Errorf("signing %s in: %w", email, err)
	}
	p.token = aws.ToString(out.AuthenticationResult.IdToken)
	var me playtest.Person
	if err := p.Call(ctx, http.MethodGet, "/api/me", nil, &me); err != nil {
		return nil, err
	}
	p.Name = me.Name
	return p, nil
}

// maxAnswer bounds what is read of an answer: a page of the log has at most 1,000 events.
const maxAnswer = 8 << 20

// Call makes a request of the backend's API. A status of 400 and above is an error with the
// backend's sentence; 204 leaves out untouched.
func (p *Person) Call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(encoded)
	}
	r, err := http.NewRequestWithContext(ctx, method, p.server+path, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	r.Header.Set("Content-Type", "application/json")
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	response, err := p.http.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode >= 400 {
		var refusal struct{ Error api.Error }
		if json.Unmarshal(answer, &refusal) != nil || refusal.Error.Message == "" {
			return fmt.Errorf("%s %s: %s", method, path, response.Status)
		}
		refusal.Error.Status = response.StatusCode
		return fmt.Errorf("%s %s: %w", method, path, &refusal.Error)
	}
	if out == nil || len(answer) == 0 {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: reading the answer: %w", method, path, err)
	}
	return nil
}

// Join opens the channels of a session.
func (p *Person) Join(ctx context.Context, session string) (err error) {
	p.channel, err = events.NewClient(events.Config{
		RealtimeURL: p.config.Events.RealtimeURL, Host: p.config.Events.Host, Log: slog.New(slog.DiscardHandler),
		Token: func(context.Context) (string, time.Time, error) { return p.token, time.Time{}, nil },
	})
	if err != nil {
		return err
	}
	var subscriptions []*events.Subscription
	for _, namespace := range []string{"/playtest/", "/live/"} {
		s, err := p.channel.Subscribe(namespace+session, func(m events.Message) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.heard = append(p.heard, m.Event)
			close(p.changed)
			p.changed = make(chan struct{})
		})
		if err != nil {
			return err
		}
		subscriptions = append(subscriptions, s)
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancel, p.done = cancel, make(chan struct{})
	go func() {
		defer close(p.done)
		_ = p.channel.Run(running)
	}()
	for _, s := range subscriptions {
		if err := s.Wait(ctx); err != nil {
			return fmt.Errorf("joining the session's channels: %w", err)
		}
	}
	return nil
}

// Publish sends one event on the session's log.
func (p *Person) Publish(ctx context.Context, channel string, event any) error {
	payload, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("encoding an event: %w", err)
	}
	return p.channel.Publish(ctx, channel, payload)
}

// message is what a person hears: the log's and the live fields that the walk looks at.
type message struct {
	playtest.Event
	State string  `json:"state"`
	FPS   float64 `json:"fps"`
	Error string  `json:"error"`
}

// Hear waits until something was heard, before or from now on, that the test says is it.
func (p *Person) Hear(ctx context.Context, is func(message) bool) (message, error) {
	seen := 0
	for {
		p.mu.Lock()
		news, changed := p.heard[seen:], p.changed
		seen = len(p.heard)
		p.mu.Unlock()
		for _, raw := range news {
			var m message
			if json.Unmarshal(raw, &m) == nil && is(m) {
				return m, nil
			}
		}
		select {
		case <-ctx.Done():
			return message{}, ctx.Err()
		case <-changed:
		}
	}
}

// Leave closes the channels.
func (p *Person) Leave() {
	if p.cancel != nil {
		p.cancel()
		<-p.done
	}
}
