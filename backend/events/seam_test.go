package events

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// Two connections bring the same events, the old one up to some place and the new one from
// some place before it, in any interleaving: what comes out is every event once and in order.
func TestASeamJoinsTwoConnectionsWherever(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 40).Draw(t, "events")
		begin := rapid.IntRange(0, count).Draw(t, "new from")
		end := rapid.IntRange(begin, count).Draw(t, "old until")
		r := &router{deliveries: make(chan delivery, count)}
		sub := &Subscription{}
		before, next := &link{}, &link{silence: 90 * time.Second}
		r.use(before)
		r.open(next)
		feed := func(l *link, seq int) {
			if err := r.route(l, sub, json.RawMessage(fmt.Sprint(seq))); err != nil {
				t.Fatal(err)
			}
		}
		fromOld, fromNext := 0, begin
		for fromOld < end {
			if fromNext < count && rapid.Bool().Draw(t, "new first") {
				feed(next, fromNext)
				fromNext++
			} else {
				feed(before, fromOld)
				fromOld++
			}
		}
		if err := r.close(next, false); err != nil {
			t.Fatal(err)
		}
		for ; fromNext < count; fromNext++ {
			feed(next, fromNext)
			feed(before, fromNext) // whatever the old one still says
		}
		var got []string
		for len(r.deliveries) > 0 {
			got = append(got, string((<-r.deliveries).event))
		}
		var want []string
		for seq := range count {
			want = append(want, fmt.Sprint(seq))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v", got)
		}
	})
}

func TestAnEqualEventMuchLaterIsNoCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &router{deliveries: make(chan delivery, 10)}
		sub, other := &Subscription{}, &Subscription{}
		before, next := &link{}, &link{silence: 90 * time.Second}
		r.use(before)
		r.open(next)
		say := func(l *link, sub *Subscription, event string, delivered int) {
			t.Helper()
			if err := r.route(l, sub, json.RawMessage(event)); err != nil {
				t.Fatal(err)
			}
			if len(r.deliveries) != delivered {
				t.Errorf("%d deliveries, want %d", len(r.deliveries), delivered)
			}
		}
		say(before, sub, `"x"`, 1)
		say(before, other, `"x"`, 2)
		if err := r.close(next, false); err != nil {
			t.Fatal(err)
		}
		say(next, sub, `"y"`, 3)
		time.Sleep(twinsExpected + 1)
		say(next, sub, `"x"`, 4)
		time.Sleep(3 * time.Minute)
		say(next, other, `"x"`, 5) // nothing came on it at all, but no socket is silent for so long
	})
}

func TestASeamIsBounded(t *testing.T) {
	r := &router{deliveries: make(chan delivery, 2*maxTwins)}
	sub := &Subscription{}
	before, next := &link{}, &link{silence: 90 * time.Second}
	ended := make(chan error, 1)
	_, cancel := context.WithCancelCause(t.Context())
	next.cancel = func(cause error) { cancel(cause); ended <- cause }
	r.use(before)
	r.open(next)
	for seq := range maxTwins + 1 {
		if err := r.route(before, sub, json.RawMessage(fmt.Sprint(seq))); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-ended; err != errSeamFull || len(r.deliveries) != maxTwins+1 {
		t.Errorf("ended with %v, %d delivered", err, len(r.deliveries))
	}
}

func TestRenewalsAreEarlyAndSpread(t *testing.T) {
	client := &Client{cfg: Config{Now: time.Now}}
	var soonest, latest time.Duration
	for range 1000 {
		l := &link{client: client, opened: time.Now(), expires: time.Now().Add(15 * time.Minute)}
		wait := l.renewIn()
		if soonest == 0 || wait < soonest {
			soonest = wait
		}
		latest = max(latest, wait)
	}
	if early := 15*time.Minute - renewAhead - time.Second; soonest < early || latest > 15*time.Minute-renewAhead/2 {
		t.Errorf("between %v and %v", soonest, latest)
	}
	if latest-soonest < renewAhead/3 {
		t.Errorf("a thousand clients come within %v", latest-soonest)
	}
	old := &link{client: client, opened: time.Now().Add(-23 * time.Hour), expires: time.Now().Add(48 * time.Hour)}
	if wait := old.renewIn(); wait < 30*time.Minute || wait > 45*time.Minute {
		t.Errorf("a connection of 23 h is renewed in %v", wait)
	}
	for _, left := range []time.Duration{-time.Hour, 0, time.Second} {
		l := &link{client: client, opened: time.Now(), expires: time.Now().Add(left)}
		if wait := l.renewIn(); wait != renewAtLeast {
			t.Errorf("with %v left: %v", left, wait)
		}
	}
}
