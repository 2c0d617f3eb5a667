package e2e

import (
	"context"
	"errors"
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

// log is the session's log so far.
func (p *wirePerson) log() []playtest.Event {
	p.t.Helper()
	events, err := p.readLog()
	if err != nil {
		p.t.Fatalf("reading the log: %v", err)
	}
	return events
}

// readLog reads the log; the tests' sessions fit one page of it.
func (p *wirePerson) readLog() ([]playtest.Event, error) {
	var page struct {
		Events []playtest.Event
		More   bool
	}
	err := p.Call(p.t.Context(), http.MethodGet, "/api/sessions/"+p.session+"/log?limit=1000", nil, &page)
	if err == nil && page.More {
		err = errors.New("it has more than one page")
	}
	return page.Events, err
}

// logged waits for an event.
func (p *wirePerson) logged(what string, is func(playtest.Event) bool) playtest.Event {
	p.t.Helper()
	var found playtest.Event
	until(p.t, what+" in the log", patience, func() bool {
		events, _ := p.readLog() // a backend that is being started again answers at the next look
		for _, e := range events {
			if is(e) {
				found = e
				return true
			}
		}
		return false
	})
	return found
}
