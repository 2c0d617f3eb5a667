package main

import (
	"context"
	"log/slog"
	"strings"
	"sync"
)

// refusal is why a session does not want the sidecar, for its health to tell.
type refusal struct {
	mu       sync.Mutex // protects the rest
	outside  error      // nil: the channels let it in
	channels []string   // that it may not hear, and why
}

// set takes in whether the channels let the sidecar in (nil), and says whether that is news.
func (r *refusal) set(err error) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	news = (err == nil) != (r.outside == nil)
	r.outside = err
	if err != nil {
		r.channels = nil // another client asks for them
	}
	return news
}

// add takes in that a channel is refused.
func (r *refusal) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.channels = append(r.channels, err.Error())
}

// sentence is "" when all is well.
func (r *refusal) sentence() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.outside != nil:
		return "the session refuses the sidecar: " + r.outside.Error()
	case len(r.channels) > 0:
		return "the session does not let the sidecar hear everything: " + strings.Join(r.channels, "; ")
	}
	return ""
}

// hushed is a log that is silent while the channels refuse the sidecar: that was said, and a client
// that tries again would say it again.
type hushed struct {
	slog.Handler
	refusal *refusal
}

func (h hushed) Enabled(ctx context.Context, level slog.Level) bool {
	h.refusal.mu.Lock()
	quiet := h.refusal.outside != nil
	h.refusal.mu.Unlock()
	return !quiet && h.Handler.Enabled(ctx, level)
}

func (h hushed) WithAttrs(attrs []slog.Attr) slog.Handler {
	return hushed{h.Handler.WithAttrs(attrs), h.refusal}
}

func (h hushed) WithGroup(name string) slog.Handler {
	return hushed{h.Handler.WithGroup(name), h.refusal}
}
