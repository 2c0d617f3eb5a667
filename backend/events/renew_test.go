package events_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hotseat/backend/auth"
	"hotseat/backend/events"
	"hotseat/backend/local/appsync"
)

const life = 5 * time.Minute // the shortest that Cognito gives an ID token

func TestASubscriptionOutlivesItsTokensWithoutLossDoublesOrDisorder(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("latencies ", seed), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				random := rand.New(rand.NewPCG(seed, 1))
				w.delay(seed, 700*time.Millisecond) // so the two connections of a seam are far apart
				l := w.listen(signIn(life, 100*time.Second))
				w.ready(l)
				began := time.Now()
				for time.Since(began) < 5*life {
					w.say()
					time.Sleep(time.Duration(random.Int64N(int64(300 * time.Millisecond))))
				}
				l.expectExactly()
				if w.size() < 5000 || w.connections() < 6 || w.connections() > 9 {
					t.Errorf("%d events over %d connections", w.size(), w.connections())
				}
				l.Close()
			})
		})
	}
}

func TestBurstsAtTheSeamStayWhole(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.delay(3, 700*time.Millisecond)
		l := w.listen(signIn(15*time.Second, 6*time.Second))
		w.ready(l)
		for range 1000 {
			for range 10 {
				w.say()
			}
			time.Sleep(100 * time.Millisecond)
		}
		l.expectExactly()
		if w.connections() < 8 {
			t.Errorf("only %d connections", w.connections())
		}
		l.Close()
	})
}

func TestPublishingGoesOnOverTheSeam(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.delay(4, 300*time.Millisecond)
		l := w.listen(signIn(life, 100*time.Second))
		w.ready(l)
		const publishers, each = 4, 1500
		done := make(chan error, publishers)
		for p := range publishers {
			go func() {
				var first error
				for i := range each {
					if err := l.Publish(t.Context(), channel, payload(p*each+i)); err != nil && first == nil {
						first = fmt.Errorf("publication %d: %w", i, err)
					}
					time.Sleep(500 * time.Millisecond)
				}
				done <- first
			}()
		}
		for range publishers {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		l.expectExactly()
		slices.Sort(w.log)
		if len(slices.Compact(w.log)) != publishers*each {
			t.Error("something was published twice, or not at all")
		}
		if w.connections() < 3 {
			t.Errorf("only %d connections", w.connections())
		}
		l.Close()
	})
}

func TestAConnectionIsReplacedBeforeItsDayIsOver(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		l := w.listen(func(context.Context) (string, time.Time, error) { return token(100 * 24 * time.Hour), time.Time{}, nil })
		w.ready(l)
		for range 3 * 24 * 60 {
			w.say()
			time.Sleep(time.Minute)
		}
		l.expectExactly()
		if w.connections() != 4 {
			t.Errorf("%d connections in three days", w.connections())
		}
		l.Close()
	})
}

func TestASubscriptionThatIsRefusedAtTheRenewalEndsAndOthersGoOn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var banned atomic.Bool
		w.decide = func(s appsync.Subscribe) error {
			if banned.Load() && s.Channel == "/playtest/s-2" {
				return &appsync.EventError{Type: "Banned", Message: "you were banned"}
			}
			return nil
		}
		l := w.listen(signIn(life, 100*time.Second))
		w.ready(l)
		other, err := l.Subscribe("/playtest/s-2", func(events.Message) {
			if banned.Load() {
				t.Error("heard after the ban was known")
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Wait(t.Context()); err != nil || other.Err() != nil {
			t.Fatal(err, other.Err())
		}
		banned.Store(true)
		for ended := false; !ended; {
			w.say()
			select {
			case <-other.Done():
				ended = true
			case <-time.After(time.Second):
			}
		}
		var refusal *events.RefusedError
		if !errors.As(other.Err(), &refusal) || refusal.Type != "Banned" || refusal.Operation != "subscribe" {
			t.Errorf("ended by %v", other.Err())
		}
		if err := other.Wait(t.Context()); !errors.As(err, &refusal) {
			t.Errorf("Wait returned %v", err)
		}
		for range 3 * 60 * 5 { // it is not asked for again: the server would say so in the log
			w.say()
			w.server.Broadcast("/playtest/s-2", number(1))
			time.Sleep(time.Second)
		}
		l.expectExactly()
		l.Close()
	})
}

func TestARefusalThatMayPassDelaysTheRenewalOnly(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var asked atomic.Int32
		w.decide = func(appsync.Subscribe) error {
			if n := asked.Add(1); n > 1 && n < 5 {
				return errors.New("the rules cannot be read now") // the service tells MessageProcessingError
			}
			return nil
		}
		l := w.listen(signIn(life, 100*time.Second))
		w.ready(l)
		for range 400 {
			w.say()
			time.Sleep(time.Second)
		}
		l.expectExactly()
		if asked.Load() < 5 {
			t.Errorf("asked %d times", asked.Load())
		}
		l.Close()
	})
}

// What came while the subscription was refused was heard on no connection, and the reconnect hook ran before it was heard again.
func TestASubscriptionThatARenewalBringsBackIsAGapThatIsTold(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var asked atomic.Int32
		w.decide = func(appsync.Subscribe) error {
			if asked.Add(1) == 2 { // after the cut
				return errors.New("the rules cannot be read now")
			}
			return nil
		}
		l := w.listen(signIn(life, 100*time.Second))
		w.ready(l)
		w.say()
		w.cut()
		for range 400 {
			w.say()
			time.Sleep(time.Second)
		}
		l.expectFollowed()
		if asked.Load() < 3 {
			t.Errorf("asked %d times", asked.Load())
		}
		l.Close()
	})
}

func TestATokenThatIsRefusedAgainAndAgainEndsTheClient(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var banned atomic.Bool
		w.verify = func(string) error {
			if banned.Load() {
				return auth.ErrInvalid
			}
			return nil
		}
		l := w.listen(signIn(life, 100*time.Second))
		w.ready(l)
		banned.Store(true)
		var refusal *events.RefusedError
		l.expectRefused(func(err error) bool {
			return errors.As(err, &refusal) && refusal.Type == events.ErrorTypeUnauthorizedException
		})
		if w.connections() != 4 {
			t.Errorf("%d attempts to renew", w.connections()-1)
		}
		time.Sleep(24 * time.Hour)
		if w.connections() != 4 {
			t.Error("tried again after giving up")
		}
	})
}

func TestAClientThatMayNotComeInStopsTrying(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.verify = func(string) error { return auth.ErrInvalid }
		l := w.listen(signIn(life, 100*time.Second))
		l.expectRefused(func(err error) bool { return errors.As(err, new(*events.RefusedError)) })
		if w.connections() != 3 {
			t.Errorf("%d attempts", w.connections())
		}
	})
}

func TestSignedOutEndsTheClientAtOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var out atomic.Bool
		tokens := signIn(life, 100*time.Second)
		l := w.listen(func(ctx context.Context) (string, time.Time, error) {
			if out.Load() {
				return "", time.Time{}, fmt.Errorf("%w: the refresh token was revoked", events.ErrSignedOut)
			}
			return tokens(ctx)
		})
		w.ready(l)
		out.Store(true)
		l.expectRefused(func(err error) bool { return errors.Is(err, events.ErrSignedOut) })
		if w.connections() != 1 {
			t.Errorf("%d connections", w.connections())
		}
	})
}

func TestASignInServiceThatIsAwayDelaysTheRenewalOnly(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var away atomic.Bool
		tokens := signIn(life, 100*time.Second)
		l := w.listen(func(ctx context.Context) (string, time.Time, error) {
			if away.Load() {
				return "", time.Time{}, errors.New("the sign-in service is away")
			}
			return tokens(ctx)
		})
		w.ready(l)
		for i := range 20 * 60 {
			w.say()
			away.Store(i > 60 && i < 15*60) // its token is long over, and the socket still stands
			time.Sleep(time.Second)
		}
		l.expectExactly()
		if w.connections() < 2 {
			t.Error("did not move when it could")
		}
		l.Close()
	})
}

func TestCredentialsThatAreLateAreWaitedFor(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		l := w.listen(signIn(life, 10*time.Second)) // later than the client would like
		w.ready(l)
		for range 4 * 5 * 60 {
			w.say()
			time.Sleep(time.Second)
		}
		l.expectExactly()
		if w.connections() < 4 || w.connections() > 6 {
			t.Errorf("%d connections", w.connections())
		}
		l.Close()
	})
}

func TestANewConnectionThatCannotBeMadeLeavesTheOldOne(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		l := w.listen(signIn(life, 100*time.Second))
		w.ready(l)
		w.refuseDials(true)
		for range 10 * 60 {
			w.say()
			time.Sleep(time.Second)
		}
		w.refuseDials(false)
		for range 60 {
			w.say()
			time.Sleep(time.Second)
		}
		l.expectExactly()
		l.Close()
	})
}

func TestAHundredClientsDoNotRenewAtOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		const clients = 100
		var list []*listener
		for range clients {
			list = append(list, w.listen(signIn(15*time.Minute, 2*time.Minute)))
		}
		for _, l := range list {
			w.ready(l)
		}
		busiest, before := 0, w.connections()
		for range 16 * 60 {
			time.Sleep(time.Second)
			now := w.connections()
			busiest, before = max(busiest, now-before), now
		}
		if w.connections() != 2*clients {
			t.Errorf("%d connections", w.connections())
		}
		if busiest > clients/5 { // two or three are usual
			t.Errorf("%d of %d clients in one second", busiest, clients)
		}
		for _, l := range list {
			l.Close()
		}
	})
}

func TestTheLogOfAClientHoldsNoToken(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.verify = func(string) error { return auth.ErrInvalid }
		l := w.listen(signIn(life, 100*time.Second))
		if err := <-l.ended; err == nil || strings.Contains(err.Error(), "until ") {
			t.Errorf("ended with %v", err)
		}
	})
}
