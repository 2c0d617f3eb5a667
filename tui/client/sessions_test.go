package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

func TestTheLobbyHearsFortySessionsOverOneConnectionWithoutOpeningAny(t *testing.T) {
	const count = 40
	b := newBackend(t)
	id := func(n int) string { return fmt.Sprintf("s-%02d", n) }
	for n := range count {
		b.start(id(n))
	}
	c, updates := b.watch(lead, nil)
	listed := 0
	until(t, updates, "all logs", func() func(client.Update) bool {
		started := map[string]bool{}
		return func(u client.Update) bool {
			if u.Sessions != nil {
				listed = len(u.Sessions)
			}
			for _, e := range u.Events {
				started[e.Session] = true
			}
			return len(started) == count && listed == count
		}
	}())

	waiting, healthy := map[string]bool{}, map[string]bool{}
	for n := range count {
		b.say(id(n), viewer, playtest.Event{Action: playtest.ActionTakeoverRequest})
		b.live(id(n), map[string]any{"action": "SIDECAR_HEALTH", "state": "live", "fps": 30})
	}
	until(t, updates, "a request and a heartbeat of each", func(u client.Update) bool {
		for _, e := range u.Events {
			if e.Action == playtest.ActionTakeoverRequest {
				waiting[e.Session] = true
			}
		}
		for session, live := range u.Live {
			if live.Health != nil && live.Health.FPS == 30 {
				healthy[session] = true
			}
		}
		return len(waiting) == count && len(healthy) == count
	})

	arrived := map[string]bool{}
	// Switching: each is opened, and said to be, also where that is too often for the channels.
	for n := range count {
		c.Open(id(n))
		until(t, updates, "the arrival in "+id(n), func(u client.Update) bool {
			for _, e := range u.Events {
				arrived[e.Session] = arrived[e.Session] || e.Action == playtest.ActionArrived && e.Actor.ID == lead.ID
			}
			return arrived[id(n)]
		})
	}
	if n := b.upgrade.Load(); n != 1 {
		t.Errorf("%d connections to the channels", n)
	}
}

func TestOnlyOneSessionIsHeardIfOnlyOneIsAskedFor(t *testing.T) {
	b := newBackend(t)
	b.start("s-1")
	b.start("s-2")
	for n := range 9 {
		b.say("s-1", viewer, playtest.Event{Action: playtest.ActionChat, Message: fmt.Sprint(n)})
	}
	for _, who := range []playtest.Person{lead, viewer} {
		_, updates := b.watch(who, func(c *client.Config) { c.Only, c.After, c.KeepRaw = "s-1", 4, true })
		next := int64(5)
		take := func(u client.Update) bool {
			if len(u.Raw) != len(u.Events) || len(u.Live) > 0 {
				t.Fatalf("%d raw of %d events, %d live", len(u.Raw), len(u.Events), len(u.Live))
			}
			for _, e := range u.Events {
				if e.Session != "s-1" || e.Seq != next {
					t.Fatalf("event %d of %s, want %d of s-1", e.Seq, e.Session, next)
				}
				next++
			}
			return next > 10
		}
		until(t, updates, "the log so far", take)
		b.say("s-2", viewer, playtest.Event{Action: playtest.ActionChat, Message: "elsewhere"})
		b.live("s-1", map[string]any{"action": "SIDECAR_HEALTH", "state": "live", "fps": 30})
		b.say("s-1", viewer, playtest.Event{Action: playtest.ActionChat, Message: "here"})
		end := b.say("s-1", steward, playtest.Event{Action: playtest.ActionSessionState, Status: who.Name}).Seq
		until(t, updates, "what came since", func(u client.Update) bool { take(u); return next > end })
	}
}

func TestActionsCarryWhatTheProtocolAsksFor(t *testing.T) {
	b := newBackend(t)
	b.start("s-1")
	c, updates := b.watch(lead, nil)
	until(t, updates, "a connection", func(u client.Update) bool { return u.Connection != nil && u.Connection.Phase == client.Live })
	b.say("s-1", viewer, playtest.Event{Action: playtest.ActionArrived})
	ctx := t.Context()
	for _, step := range []struct {
		what string
		do   func() error
		ok   func(s playtest.State) bool
	}{
		{"lock", func() error { return c.Lock(ctx, "s-1", true, "later") }, func(s playtest.State) bool { return s.Locked }},
		{"lock again", func() error { return c.Lock(ctx, "s-1", true, "later") }, func(s playtest.State) bool { return s.Locked }},
		{"unlock", func() error { return c.Lock(ctx, "s-1", false, "") }, func(s playtest.State) bool { return !s.Locked }},
		{"slow", func() error { return c.SlowMode(ctx, "s-1", 10*time.Second) }, func(s playtest.State) bool { return s.SlowSeconds == 10 }},
		{"not slow", func() error { return c.SlowMode(ctx, "s-1", 0) }, func(s playtest.State) bool { return s.SlowSeconds == 0 }},
		{"mute", func() error { return c.Mute(ctx, "s-1", viewer.ID, true, "spam") }, func(s playtest.State) bool { return s.People[viewer.ID].Muted }},
		{"unmute", func() error { return c.Mute(ctx, "s-1", viewer.ID, false, "") }, func(s playtest.State) bool { return !s.People[viewer.ID].Muted }},
		{"give", func() error { return c.Give(ctx, "s-1", viewer.ID, "") }, func(s playtest.State) bool { return s.Handover != nil && s.Handover.Request.Person == viewer }},
		{"mark", func() error { return c.Mark(ctx, "s-1", "here", time.Time{}) }, func(s playtest.State) bool { return true }},
		{"remove", func() error { return c.Remove(ctx, "s-1", viewer.ID, "") }, func(s playtest.State) bool { return s.People[viewer.ID].Removed }},
		{"ban", func() error { return c.Ban(ctx, "s-1", viewer.ID, true, "") }, func(s playtest.State) bool { return s.People[viewer.ID].Banned }},
		{"unban", func() error { return c.Ban(ctx, "s-1", viewer.ID, false, "") }, func(s playtest.State) bool { return !s.People[viewer.ID].Banned }},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		log, err := c.Log(ctx, "s-1")
		if err != nil {
			t.Fatal(err)
		}
		if state := playtest.Fold(log); !step.ok(state) {
			t.Errorf("after %s the state is %+v", step.what, state)
		}
	}
	var refused *client.Refusal
	if err := c.Mute(ctx, "s-1", "u-nobody", true, ""); !errors.As(err, &refused) || refused.Code != string(playtest.CodeNoSuchPerson) {
		t.Errorf("muting nobody: %v", err)
	}
	if err := c.SlowMode(ctx, "s-1", 1500*time.Millisecond); err == nil {
		t.Error("half a second is a slow mode")
	}
}

func TestTheWholeLogIsReadPageByPage(t *testing.T) {
	b := newBackend(t)
	b.start("s-1")
	for n := range 1234 {
		b.say("s-1", viewer, playtest.Event{Action: playtest.ActionChat, Message: fmt.Sprint(n)})
	}
	c, updates := b.watch(lead, nil)
	until(t, updates, "a connection", func(u client.Update) bool { return u.Connection != nil && u.Connection.Phase == client.Live })
	log, err := c.Log(t.Context(), "s-1")
	if err != nil || len(log) != 1235 || log[1234].Seq != 1235 {
		t.Errorf("%d events, %v", len(log), err)
	}
}

func TestWhatIsNoHotseatIsSaid(t *testing.T) {
	b := newBackend(t)
	for name, c := range map[string]struct {
		url  string
		want error
	}{
		"nobody listens": {"http://127.0.0.1:1", client.ErrUnreachable},
		"another server": {b.url + "/elsewhere", client.ErrNotHotseat},
		"a good one":     {b.url + "/", nil},
	} {
		place, err := client.Discover(t.Context(), noKeepAlive(), c.url)
		if !errors.Is(err, c.want) || c.want == nil && (err != nil || place.URL != b.url) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, url := range []string{"", "127.0.0.1:8470", "ftp://x", "http://", "https://user:password@x"} {
		if _, err := client.Discover(t.Context(), noKeepAlive(), url); err == nil {
			t.Errorf("%q is an address", url)
		}
	}
}

func TestOnlyLoopbackMayGoWithoutEncryption(t *testing.T) {
	for address, insecure := range map[string]bool{
		"http://127.0.0.1:8470": false, "http://127.9.9.9": false, "http://localhost:1": false, "http://[::1]:1": false, "https://playtests.example": false, "wss://x": false,
		"http://playtests.example": true, "ws://10.0.0.1": true, "http://localhost.example": true, "http://127.0.0.1.example": true, "http://0.0.0.0": true, "%": true,
	} {
		if client.Insecure(address) != insecure {
			t.Errorf("%s: insecure is %v", address, !insecure)
		}
	}
}

func noKeepAlive() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}
