package appsync

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"hotseat/backend/events"
)

// Server serves one event API. Make it with New, serve Handler, end it with Close.
type Server struct {
	cfg        Config
	limits     Limits
	log        *slog.Logger
	namespaces map[string]Namespace
	upgrader   websocket.Upgrader
	inbound    *rate.Limiter // events of all publishers
	hub        hub
	lanes      lanes

	ctx    context.Context // ends with Close; hooks and connections live in it
	cancel context.CancelFunc

	mu          sync.Mutex // protects what follows
	closed      bool
	connections int
	running     sync.WaitGroup // connections and HTTP requests; Add only under mu while not closed
}

// New checks the configuration. It starts nothing.
func New(cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.CheckOrigin == nil {
		cfg.CheckOrigin = func(*http.Request) bool { return true }
	}
	namespaces := make(map[string]Namespace, len(cfg.Namespaces))
	for _, namespace := range cfg.Namespaces {
		if !namespacePattern.MatchString(namespace.Name) {
			return nil, fmt.Errorf("event channels: %q is not a namespace: use letters, digits and inner dashes", namespace.Name)
		}
		if _, ok := namespaces[namespace.Name]; ok {
			return nil, fmt.Errorf("event channels: namespace %q is there twice", namespace.Name)
		}
		namespaces[namespace.Name] = namespace
	}
	limits := cfg.Limits.withDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	return &Server{
		cfg: cfg, limits: limits, log: cfg.Log, namespaces: namespaces,
		upgrader: websocket.Upgrader{
			HandshakeTimeout: 10 * time.Second,
			Subprotocols:     []string{events.Subprotocol},
			// Frames from clients are small and seldom; those to clients come in bursts, for
			// which idle connections need no buffer of their own.
			ReadBufferSize:  1024,
			WriteBufferSize: 4096,
			WriteBufferPool: &sync.Pool{},
			CheckOrigin:     cfg.CheckOrigin,
		},
		inbound: rate.NewLimiter(rate.Limit(limits.EventRate), max(int(limits.EventRate), limits.EventsPerPublish)),
		ctx:     ctx, cancel: cancel,
	}, nil
}

// Handler serves POST /event and GET /event/realtime.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/event", s.serveHTTPPublish)
	mux.HandleFunc("/event/realtime", s.serveRealtime)
	return mux
}

// Close ends all connections, refuses new ones and new publish requests, and returns when
// no hook runs and no goroutine of the server is left.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.running.Wait()
}

// admit counts a connection in, unless the server is closed or full.
func (s *Server) admit() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.connections >= s.limits.Connections {
		return false
	}
	s.connections++
	s.running.Add(1)
	return true
}

// begin counts an HTTP request in, unless the server is closed. The caller ends it with
// running.Done.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Add(1)
	return true
}

func (s *Server) dismiss() {
	s.mu.Lock()
	s.connections--
	s.mu.Unlock()
	s.running.Done()
}

// Broadcast sends a JSON value to the subscribers of a channel, in turn with publications,
// and asks no hook. It is for tests in this process: everything else publishes.
func (s *Server) Broadcast(channel string, payload json.RawMessage) error {
	target, err := events.ParseChannel(channel)
	if err != nil || target.Wildcard {
		return fmt.Errorf("broadcast to %q: %w", channel, events.ErrBadChannel)
	}
	if !json.Valid(payload) {
		return fmt.Errorf("broadcast to %s: the event is not JSON", channel)
	}
	leave, err := s.lanes.enter(s.ctx, target.Path)
	if err != nil {
		return fmt.Errorf("broadcast to %s: %w", channel, err)
	}
	defer leave()
	s.hub.broadcast(target.Path, dataFrameBody(payload))
	return nil
}
