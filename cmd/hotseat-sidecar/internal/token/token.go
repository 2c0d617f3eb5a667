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
	// held: a fresh token that was used for so long was a good one, and the questions begin anew.
	held = 2 * askMost
	// maxInVain is how many fresh tokens in a row a stage may refuse before the fault is taken to lie
	// elsewhere: a clock that is wrong, another stage, a capability that is missing.
	maxInVain = 5
	// askRarely is the pause from then on: each question makes a participant of the stage, and
	// somebody may repair it meanwhile.
	askRarely = 5 * time.Minute
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

	// The questions to the backend, over all refusals: a fresh token that is refused at once is no
	// reason to hurry.
	asked  time.Time     // the last; zero: none yet
	pause  time.Duration // before the next
	gave   string        // the last that was given by the backend; "": refused, or none
	gaveAt time.Time
	inVain int // given by the backend and refused, in a row
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
	if s.Ask == nil && s.File == "" {
		return "", whip.ErrNoFreshToken
	}
	s.judge(refused)
	offered := s.Ask != nil
	s.Log.Warn("waiting for a fresh stage token", "file", s.File, "backend", offered)
	tick := time.NewTicker(fileEvery)
	defer tick.Stop()
	for {
		if s.File != "" {
			if fresh, err := s.read(); err == nil && fresh != refused {
				return s.found(fresh), nil
			}
		}
		if offered && (s.asked.IsZero() || time.Since(s.asked) >= s.pause) {
			fresh, err := s.ask(ctx)
			switch {
			case err == nil && fresh != refused && fresh != "":
				s.gave, s.gaveAt = fresh, time.Now()
				return s.found(fresh), nil
			case errors.Is(err, ErrNotOffered):
				if s.File == "" {
					return "", whip.ErrNoFreshToken
				}
				offered = false
			case err != nil && ctx.Err() == nil:
				s.Log.Warn("the backend gave no fresh stage token, asking again", "reason", err)
			}
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-tick.C:
		}
	}
}

// judge takes in that a token is refused, which may be the last that the backend gave.
func (s *Source) judge(refused string) {
	if s.gave == "" || refused != s.gave {
		return
	}
	s.gave = ""
	if time.Since(s.gaveAt) >= held {
		s.asked, s.pause, s.inVain = time.Time{}, 0, 0
		return
	}
	s.inVain++
	if s.inVain == maxInVain {
		s.Log.Error("the stage refuses every fresh token, so the fault is not the token's age: look at this machine's clock, "+
			"at the address of the stage, and at what the backend allows a broadcast", "refused", s.inVain, "asking every", askRarely)
	}
	if s.inVain >= maxInVain {
		s.pause = askRarely
	}
}

// ask asks the backend once and sets the pause before the next question.
func (s *Source) ask(ctx context.Context) (string, error) {
	most := askMost
	if s.inVain >= maxInVain {
		most = askRarely
	}
	if s.asked.IsZero() {
		s.pause = askFirst
	} else {
		s.pause = min(2*s.pause, most)
	}
	s.pause += rand.N(s.pause / 4)
	s.asked = time.Now()
	return s.Ask(ctx)
}

func (s *Source) found(fresh string) string {
	s.Log.Info("there is a fresh stage token")
	s.Token = fresh
	return fresh
}
