package e2e

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"hotseat/backend/api"
	"hotseat/cmd/hotseat-probe/report"
	"hotseat/cmd/hotseat/internal/check"
	"hotseat/sidecar/timecode"
)

// watcher receives and decodes the broadcast without a browser: every frame counts, however busy
// the machine's pages are.
type watcher struct {
	*check.Watcher
	t *testing.T
}

func watch(t *testing.T, address, password string) *watcher {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	person, err := check.SignIn(ctx, address, "lead@ivs.rocks", password)
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Sessions []api.Session }
	if err := person.Call(ctx, http.MethodGet, "/api/sessions", nil, &list); err != nil || len(list.Sessions) == 0 {
		t.Fatalf("sessions = %+v, %v", list, err)
	}
	w, err := person.Watch(ctx, list.Sessions[0].ID, filepath.Join(filepath.Dir(hotseat(t)), "hotseat-probe"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	out := &watcher{w, t}
	out.until("the game in the watcher's picture", func(timecode.State) bool { return true })
	return out
}

func (w *watcher) until(what string, is func(timecode.State) bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if _, err := w.See(ctx, func(p report.Picture, _ int) bool { return p.State != nil && is(*p.State) }); err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
}
