package store

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hotseat/backend/playtest"
)

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestTheLogSurvivesReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	s := open(t, path)
	for seq := int64(1); seq <= 3; seq++ {
		if err := s.Append(t.Context(), playtest.Event{Session: "s-1", Seq: seq, Action: playtest.ActionChat, Message: "hi"}); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	events, err := open(t, path).Read(t.Context(), "s-1", 1, 10)
	if err != nil || len(events) != 2 || events[0].Seq != 2 || events[1].Message != "hi" {
		t.Fatalf("events = %+v, %v", events, err)
	}
}

func TestOfManyWritersOfOneNumberExactlyOneSucceeds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	const writers = 8
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range writers {
		s := open(t, path) // as separate backends have it
		wg.Go(func() {
			err := s.Append(t.Context(), playtest.Event{Session: "s-1", Seq: 1})
			if err == nil {
				mu.Lock()
				won++
				mu.Unlock()
			} else if !errors.Is(err, ErrConflict) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Fatalf("%d writers appended event 1", won)
	}
}

func TestAGapIsRefused(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "log.db"))
	if err := s.Append(t.Context(), playtest.Event{Session: "s-1", Seq: 2}); !errors.Is(err, ErrConflict) {
		t.Fatalf("err = %v", err)
	}
}

func TestANewerDatabaseIsNotTouched(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	open(t, path).Close()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Fatalf("err = %v", err)
	}
}

func TestEndedSessionsAreNotRunning(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "log.db"))
	now := time.UnixMilli(1_790_000_000_000)
	for id, ended := range map[string]time.Time{"s-1": {}, "s-2": now} {
		if err := s.SaveSession(t.Context(), Session{ID: id, CreatedAt: now, EndedAt: ended}); err != nil {
			t.Fatal(err)
		}
	}
	running, err := s.Sessions(t.Context(), true, 10)
	if err != nil || len(running) != 1 || running[0].ID != "s-1" {
		t.Fatalf("running = %+v, %v", running, err)
	}
	all, err := s.Sessions(t.Context(), false, 10)
	if err != nil || len(all) != 2 {
		t.Fatalf("all = %+v, %v", all, err)
	}
	if _, err := s.Session(t.Context(), "s-3"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("err = %v", err)
	}
}

func TestChangesOfASessionDoNotOverwriteEachOther(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "log.db"))
	if err := s.SaveSession(t.Context(), Session{ID: "s-1", Title: "a game"}); err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	ended := time.UnixMilli(1_790_000_000_000).UTC()
	for range 20 {
		both.Go(func() { _, _ = s.UpdateSession(t.Context(), "s-1", func(r *Session) { r.BroadcasterID += "x" }) })
		both.Go(func() { _, _ = s.UpdateSession(t.Context(), "s-1", func(r *Session) { r.EndedAt = ended }) })
	}
	both.Wait()
	got, err := s.Session(t.Context(), "s-1")
	if err != nil || got.BroadcasterID != strings.Repeat("x", 20) || !got.EndedAt.Equal(ended) || got.Title != "a game" {
		t.Errorf("record = %+v, %v", got, err)
	}
	if running, err := s.Sessions(t.Context(), true, 10); err != nil || len(running) != 0 {
		t.Errorf("running = %+v, %v", running, err)
	}
	if _, err := s.UpdateSession(t.Context(), "s-9", func(*Session) {}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a session that is not there: %v", err)
	}
}
