package store

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"hotseat/backend/playtest"
)

// version1 makes a database as hotseat wrote it before lines were chained.
func version1(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log.db")
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`
		PRAGMA journal_mode = WAL;
		CREATE TABLE sessions (id TEXT PRIMARY KEY, created_at INTEGER NOT NULL, ended_at INTEGER NOT NULL DEFAULT 0, record TEXT NOT NULL) STRICT;
		CREATE TABLE events (session TEXT NOT NULL, seq INTEGER NOT NULL, event TEXT NOT NULL, PRIMARY KEY (session, seq)) STRICT, WITHOUT ROWID;
		INSERT INTO sessions VALUES ('s-1', 1790000000000, 0, '{"id":"s-1","title":"old"}');
		PRAGMA user_version = 1`); err != nil {
		t.Fatal(err)
	}
	for seq := 1; seq <= 5; seq++ { // the sessions' lines alternate, as they were appended
		for _, session := range []string{"s-2", "s-1"} {
			line := fmt.Sprintf(`{"seq":%d, "session":%q, "message":"älter"}`, seq, session) // not as we would encode it today
			if _, err := db.Exec("INSERT INTO events VALUES (?, ?, ?)", session, seq, line); err != nil {
				t.Fatal(err)
			}
		}
	}
	return path
}

func TestALogOfVersion1IsChainedAndGoesOn(t *testing.T) {
	s := open(t, version1(t))
	for _, session := range []string{"s-1", "s-2"} {
		if err := s.Append(t.Context(), playtest.Event{Session: session, Seq: 6, Message: "new"}); err != nil {
			t.Fatal(err)
		}
		report, err := s.Verify(t.Context(), session)
		if err != nil || !report.Intact() || report.Events != 6 {
			t.Fatalf("report = %+v, %v", report, err)
		}
		events, err := s.Read(t.Context(), session, 4, 10)
		if err != nil || len(events) != 2 || events[0].Message != "älter" || events[1].Message != "new" {
			t.Fatalf("events = %+v, %v", events, err)
		}
	}
	if session, err := s.Session(t.Context(), "s-1"); err != nil || session.Title != "old" {
		t.Fatalf("session = %+v, %v", session, err)
	}
}

func TestOfManyWhoOpenAnOldDatabaseOneMigrates(t *testing.T) {
	path := version1(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if report, err := s.Verify(t.Context(), "s-2"); err != nil || report.Events != 5 || !report.Intact() {
				t.Errorf("report = %+v, %v", report, err)
			}
		})
	}
	wg.Wait()
}

func TestAFailedMigrationLeavesTheOldDatabase(t *testing.T) {
	path := version1(t)
	tamper(t, path, "CREATE TABLE unchained (x)") // in the way of the migration
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Fatalf("err = %v", err)
	}
	tamper(t, path, "DROP TABLE unchained")
	if report, err := open(t, path).Verify(t.Context(), "s-1"); err != nil || report.Events != 5 {
		t.Fatalf("report = %+v, %v", report, err)
	}
}

func TestAnOlderHotseatCannotAppendWithoutAHash(t *testing.T) {
	_, path := chatter(t, "s-1", 1)
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("INSERT INTO events (session, seq, event) VALUES ('s-1', 2, '{}')"); err == nil {
		t.Fatal("a line without a hash was taken")
	}
}

func TestReadingOnlyMakesAndChangesNothing(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenReadOnly(filepath.Join(dir, "log.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("err = %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Fatalf("it left %v, %v", entries, err)
	}

	old := version1(t)
	if _, err := OpenReadOnly(old); err == nil || !strings.Contains(err.Error(), "version 1") {
		t.Fatalf("err = %v", err)
	}

	other := filepath.Join(dir, "other.db")
	if err := os.WriteFile(other, []byte(strings.Repeat("this is a diary\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReadOnly(other); err == nil {
		t.Fatal("a diary was opened as a log")
	}

	writer, path := chatter(t, "s-1", 2)
	s, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	next := playtest.Event{Session: "s-1", Seq: 3}
	if err := s.Append(t.Context(), next); err == nil {
		t.Fatal("a reader appended")
	}
	if err := writer.Append(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if seq, _, err := s.Head(t.Context(), "s-1"); err != nil || seq != 3 {
		t.Fatalf("a reader beside a writer sees %d, %v", seq, err)
	}
	writer.Close()
	if report, err := s.Verify(t.Context(), "s-1"); err != nil || report.Events != 3 || !report.Intact() {
		t.Fatalf("after the writer has gone: %+v, %v", report, err)
	}
}
