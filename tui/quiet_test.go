package tui

import (
	"context"
	"fmt"
	"strings"
	"time"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

// quiet is a backend that hears nothing and refuses nothing.
type quiet struct {
	updates chan client.Update
	calls   []string
	answer  error
	log     []playtest.Event

	locations []string // where games can run
}

func newQuiet() *quiet { return &quiet{updates: make(chan client.Update)} }

func (q *quiet) call(words ...string) error {
	line := ""
	for i, w := range words {
		if i > 0 {
			line += " "
		}
		line += w
	}
	q.calls = append(q.calls, line)
	return q.answer
}

func (q *quiet) Updates() <-chan client.Update { return q.updates }
func (q *quiet) Open(s string)                 { _ = q.call("open", s) }
func (q *quiet) Approve(_ context.Context, s, r string) error {
	return q.call("approve", s, r)
}
func (q *quiet) Deny(_ context.Context, s, r, why string) error { return q.call("deny", s, r, why) }
func (q *quiet) TakeBack(_ context.Context, s string, _ int64, why string) error {
	return q.call("take back", s, why)
}
func (q *quiet) Mark(_ context.Context, s, w string, at time.Time) error {
	return q.call("mark", s, w, at.UTC().Format("15:04:05"))
}
func (q *quiet) Chat(_ context.Context, s, t string) error { return q.call("chat", s, t) }
func (q *quiet) Catalogue(context.Context) (client.Catalogue, error) {
	return client.Catalogue{
		Applications: []client.Application{{ID: "a-demo", Description: "Hotseat Runner"}, {ID: "a-maze", Description: "Maze"}}, Locations: q.locations,
	}, q.call("applications")
}
func (q *quiet) StartSession(_ context.Context, s client.Start) (client.Session, error) {
	return client.Session{ID: "s-new", Title: "Hotseat Runner", Status: "ACTIVATING"}, q.call(strings.Fields("start " + s.Application + " " + s.Location)...)
}
func (q *quiet) Give(_ context.Context, s, who, why string) error { return q.call("give", s, who, why) }
func (q *quiet) Lock(_ context.Context, s string, locked bool, why string) error {
	return q.call("lock", s, fmt.Sprint(locked), why)
}
func (q *quiet) Mute(_ context.Context, s, who string, muted bool, why string) error {
	return q.call("mute", s, who, fmt.Sprint(muted), why)
}
func (q *quiet) Remove(_ context.Context, s, who, why string) error {
	return q.call("remove", s, who, why)
}
func (q *quiet) Ban(_ context.Context, s, who string, banned bool, why string) error {
	return q.call("ban", s, who, fmt.Sprint(banned), why)
}
func (q *quiet) SlowMode(_ context.Context, s string, every time.Duration) error {
	return q.call("slow", s, every.String())
}
func (q *quiet) Log(_ context.Context, s string) ([]playtest.Event, error) {
	return q.log, q.call("log", s)
}
func (q *quiet) EndSession(_ context.Context, s string) error { return q.call("end", s) }
