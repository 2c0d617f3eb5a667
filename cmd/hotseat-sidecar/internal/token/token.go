// Package token gives the broadcast its stage token, and a fresh one when the stage refuses it: a
// session may outlive its token, and a token is looked at each time somebody joins.
//
// A fresh token comes from a file that somebody on this machine writes, or from the backend,
// which is asked by HTTPS with the token that the session gave the sidecar. Neither needs
// anything that AWS does not have. Tokens never travel on the session's channels: everybody in
// the session hears those.
package token

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"hotseat/sidecar/config"
	"hotseat/sidecar/whip"
)

const (
	// fileEvery is how often a file is looked at while its token is refused.
	fileEvery = time.Second
	// askFirst and askMost bound the pauses between two questions to the backend.
	askFirst, askMost = 2 * time.Second, time.Minute
)

// ErrNotOffered is what Source.Ask returns when the backend hands no tokens out.
var ErrNotOffered = errors.New("the backend hands out no tokens for the broadcast")

// Source gives tokens. It belongs to one goroutine.
type Source struct {
	Token string // the first; replaced by fresher ones
	File  string // read for each connection; "": none
	// Ask asks the backend for a fresh token; nil: there is no backend.
	Ask func(context.Context) (string, error)
	Log *slog.Logger
}

// Get is the Tokens of a whip.Config.
func (s *Source) Get(ctx context.Context, refused string) (string, error) {
	if s.File != "" {
		if fresh, err := s.read(); err != nil {
			s.Log.Warn("the file of the stage token cannot be used", "path", s.File, "reason", err)
		} else {
			s.Token = fresh
		}
	}
	if refused == "" || s.Token != refused {
		if s.Token == "" {
			return "", whip.ErrNoFreshToken
		}
		return s.Token, nil
	}
	return s.wait(ctx, refused)
}

func (s *Source) read() (string, error) {
	raw, err := os.ReadFile(s.File)
	if err != nil {
		return "", err
	}
	return config.ParseSecret(raw)
}

// wait looks for another token than the refused one until there is one.
func (s *Source) wait(ctx context.Context, refused string) (string, error) {
	ask, asked, pause := s.Ask, time.Time{}, askFirst
	if ask == nil && s.File == "" {
		return "", whip.ErrNoFreshToken
	}
	s.Log.Warn("waiting for a fresh stage token", "file", s.File, "backend", ask != nil)
	tick := time.NewTicker(fileEvery)
	defer tick.Stop()
	for {
		if s.File != "" {
			if fresh, err := s.read(); err == nil && fresh != refused {
				return s.found(fresh), nil
			}
		}
		if ask != nil && time.Since(asked) >= pause {
			if !asked.IsZero() {
				pause = min(2*pause, askMost)
			}
			asked = time.Now()
			fresh, err := ask(ctx)
			switch {
			case err == nil && fresh != refused && fresh != "":
				return s.found(fresh), nil
			case errors.Is(err, ErrNotOffered):
				if s.File == "" {
					return "", whip.ErrNoFreshToken
				}
				ask = nil
			case err != nil && ctx.Err() == nil:
				s.Log.Warn("the backend gave no fresh stage token, asking again", "reason", err)
			}
			pause += time.Duration(rand.Int64N(int64(pause / 4)))
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-tick.C:
		}
	}
}

func (s *Source) found(fresh string) string {
	s.Log.Info("there is a fresh stage token")
	s.Token = fresh
	return fresh
}
