package e2e

import (
	"context"
	"net/http"
	"testing"
	"time"

	"hotseat/backend/api"
	"hotseat/backend/playtest"
	"hotseat/cmd/hotseat/internal/check"
)

// wirePerson is somebody without a page: on the channels of the one session of a demo.
type wirePerson struct {
	*check.Person
	t       testing.TB
	session string
}

func joinOverTheWire(t testing.TB, address, email, password string) *wirePerson {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	person, err := check.SignIn(ctx, address, email, password)
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Sessions []api.Session }
	if err := person.Call(ctx, http.MethodGet, "/api/sessions", nil, &list); err != nil || len(list.Sessions) != 1 {
		t.Fatalf("sessions = %+v, %v, want one", list, err)
	}
	p := &wirePerson{person, t, list.Sessions[0].ID}
	if err := p.Join(ctx, p.session); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Leave)
	return p
}

// ask publishes on the session's log.
func (p *wirePerson) ask(e playtest.Event) error {
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	return p.Publish(ctx, "/playtest/"+p.session, e)
}

// log is the session's log so far; the tests' sessions fit one page of it.
func (p *wirePerson) log() []playtest.Event {
	p.t.Helper()
	var page struct {
		Events []playtest.Event
		More   bool
	}
	if err := p.Call(p.t.Context(), http.MethodGet, "/api/sessions/"+p.session+"/log?limit=1000", nil, &page); err != nil || page.More {
		p.t.Fatalf("reading the log: more %v, %v", page.More, err)
	}
	return page.Events
}

// logged waits for an event.
func (p *wirePerson) logged(what string, is func(playtest.Event) bool) playtest.Event {
	p.t.Helper()
	var found playtest.Event
	until(p.t, what+" in the log", 20*time.Second, func() bool {
		for _, e := range p.log() {
			if is(e) {
				found = e
				return true
			}
		}
		return false
	})
	return found
}
