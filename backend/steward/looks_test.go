package steward

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"

	"hotseat/backend/aws"
	"hotseat/backend/playtest"
	"hotseat/backend/store"
)

// published is what GameLift Streams allows an account in a second, for GetStreamSession and for
// CreateStreamSessionConnection alike (Developer Guide, "API rate limits").
const published = 20

// clockwork is a service in which nobody lets go and nobody arrives: all that is asked is noted with its time.
type clockwork struct {
	mu       sync.Mutex // protects all
	looks    []time.Time
	connects []time.Time
	status   string
	err      error
}

func (c *clockwork) Stream(_ context.Context, arn string) (aws.StreamStatus, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks = append(c.looks, time.Now())
	return aws.StreamStatus{ARN: arn, Status: c.status}, c.err
}

func (c *clockwork) Connect(context.Context, string, string, string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connects = append(c.connects, time.Now())
	return "", &smithy.GenericAPIError{Code: "ConflictException"}
}

// worst is the most calls within a second.
func worst(calls []time.Time) (most int) {
	first := 0
	for last := range calls {
		for calls[last].Sub(calls[first]) >= time.Second {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

// handingOver is one connection of a steward with the default timing, as its loop makes it.
func handingOver(s *Steward) *connection {
	l := newLoop(s, store.Session{ID: "s-1", StreamSessionARN: "arn"})
	return &connection{l: l, arn: "arn", person: playtest.Person{ID: "viewer", Name: "viewer"}, request: "r-1"}
}

func onClockwork(service *clockwork) *Steward {
	s := New(Config{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	s.calls.aws = service
	return s
}

// TestTwentyHandOversAtOnceStayWithinTheServicesRate: with the timing for AWS, the worst case of every step.
func TestTwentyHandOversAtOnceStayWithinTheServicesRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &clockwork{status: "CONNECTED"}
		s := onClockwork(service)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				c := handingOver(s)
				if err := c.await(t.Context(), s.cfg.Timing.Release, aws.StreamStatus.AcceptsConnection); !errors.Is(err, errTimeout) {
					t.Errorf("err = %v", err)
				}
				if _, err := c.connect(t.Context(), "offer"); err == nil {
					t.Error("it connected")
				}
			})
		}
		all.Wait()
		if n := worst(service.looks); n > published {
			t.Errorf("%d looks in a second", n)
		}
		if n := worst(service.connects); n > published {
			t.Errorf("%d connections in a second", n)
		}
		if len(service.looks) < 40 || len(service.connects) < 40 {
			t.Errorf("only %d looks and %d connections: each needs two at least", len(service.looks), len(service.connects))
		}
	})
}

// TestTwentyIdleSessionsLeaveHalfTheRateToHandOvers, and they are looked at all the same.
func TestTwentyIdleSessionsLeaveHalfTheRateToHandOvers(t *testing.T) {
	s := onClockwork(&clockwork{})
	const sessions = 20
	pause := s.calls.idle(sessions)
	if perSecond := sessions / pause.Seconds(); perSecond > defaultCalls/2 {
		t.Errorf("%g idle looks a second", perSecond)
	}
	if grace := (playtest.Policy{}).Grace(); pause > grace/2 {
		t.Errorf("a look every %s cannot tell that a holder has been gone for the grace", pause)
	}
	if one := s.calls.idle(1); one != s.cfg.Timing.IdlePoll {
		t.Errorf("one session is looked at every %s", one)
	}
}

func TestAThrottledSessionIsLookedAtLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &clockwork{err: &smithy.GenericAPIError{Code: "ThrottlingException"}}
		s := onClockwork(service)
		if err := handingOver(s).await(t.Context(), s.cfg.Timing.Connect, aws.StreamStatus.Connected); err == nil {
			t.Error("it was seen")
		}
		for i := 2; i < len(service.looks)-1; i++ { // the last one is when time is up
			if before, after := service.looks[i-1].Sub(service.looks[i-2]), service.looks[i].Sub(service.looks[i-1]); after < before {
				t.Errorf("look %d came after %s, the one before after %s", i, after, before)
			}
		}
		if n := len(service.looks); n > 6 {
			t.Errorf("%d looks in %s", n, s.cfg.Timing.Connect)
		}
	})
}
