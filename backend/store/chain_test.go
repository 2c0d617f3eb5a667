package store

import (
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"hotseat/backend/playtest"
)

// chatter appends n events to a new database and returns the store and its path.
func chatter(t *testing.T, session string, n int) (*Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log.db")
	s := open(t, path)
	for seq := int64(1); seq <= int64(n); seq++ {
		e := playtest.Event{Session: session, Seq: seq, Action: playtest.ActionChat, Message: fmt.Sprint("line ", seq)}
		if err := s.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	return s, path
}

// tamper does to the database what only somebody beside hotseat does.
func tamper(t *testing.T, path, statements string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statements, args...); err != nil {
		t.Fatal(err)
	}
}

func TestTheHashIsOfTheHashBeforeAndTheStoredBytes(t *testing.T) {
	s, _ := chatter(t, "s-1", 3)
	lines, err := s.Lines(t.Context(), "s-1", 0, 10)
	if err != nil || len(lines) != 3 {
		t.Fatalf("lines = %v, %v", lines, err)
	}
	before := make([]byte, sha256.Size)
	for _, line := range lines {
		want := sha256.Sum256(append(before, line.JSON...))
		if before = want[:]; string(line.Hash) != string(before) {
			t.Fatalf("line %d has hash %x, want %x", line.Seq, line.Hash, want)
		}
	}
	seq, head, err := s.Head(t.Context(), "s-1")
	if err != nil || seq != 3 || head.String() != fmt.Sprintf("%x", before) {
		t.Fatalf("head = %d %s, %v", seq, head, err)
	}
}

func TestAnUntouchedLogIsIntact(t *testing.T) {
	const events = MaxPage + 2 // so that a page ends within the chain
	s, path := chatter(t, "s-1", 2)
	// A transaction an event is slow; that appending chains is another test's business.
	tx, err := s.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, hash, err := head(t.Context(), tx, "s-1")
	if err != nil {
		t.Fatal(err)
	}
	for seq := int64(3); seq <= events; seq++ {
		line := fmt.Appendf(nil, `{"seq":%d,"session":"s-1"}`, seq)
		hash = hash.Next(line)
		if err := insertLine(t.Context(), tx, "s-1", seq, line, hash); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	report, err := s.Verify(t.Context(), "s-1")
	if err != nil || !report.Intact() || report.Events != events || report.Head != hash {
		t.Fatalf("report = %+v, %v", report, err)
	}

	tamper(t, path, "UPDATE events SET event = replace(event, '1001', '1002') WHERE seq = 1001")
	if report, err = s.Verify(t.Context(), "s-1"); err != nil || report.ChangedAt != 1001 {
		t.Fatalf("after a change on the second page: %+v, %v", report, err)
	}
}

func TestTheFirstTouchedLineIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		tampering string
		want      int64
	}{
		"changed":                   {"UPDATE events SET event = replace(event, 'line 4', 'LINE 4') WHERE seq = 4", 4},
		"the first changed":         {"UPDATE events SET event = replace(event, 'line', 'LINE') WHERE seq = 1", 1},
		"the last changed":          {"UPDATE events SET event = replace(event, 'line', 'LINE') WHERE seq = 9", 9},
		"a space more":              {"UPDATE events SET event = event || ' ' WHERE seq = 4", 4},
		"its hash changed":          {"UPDATE events SET hash = zeroblob(32) WHERE seq = 4", 4},
		"removed":                   {"DELETE FROM events WHERE seq = 4", 4},
		"the first removed":         {"DELETE FROM events WHERE seq = 1", 1},
		"removed, the rest closing": {"DELETE FROM events WHERE seq = 4; UPDATE events SET seq = seq - 100 WHERE seq > 4; UPDATE events SET seq = seq + 99 WHERE seq < 0", 4},
		"inserted": {`UPDATE events SET seq = seq + 100 WHERE seq > 4; UPDATE events SET seq = seq - 99 WHERE seq > 100;
			INSERT INTO events SELECT session, 5, event, hash FROM events WHERE seq = 4`, 5},
		"inserted before the first": {"INSERT INTO events SELECT session, -3, event, hash FROM events WHERE seq = 4", -3},
		"added at the end":          {"INSERT INTO events SELECT session, 10, event, hash FROM events WHERE seq = 9", 10},
		"two exchanged": {`UPDATE events SET seq = 100 WHERE seq = 4; UPDATE events SET seq = 4 WHERE seq = 5;
			UPDATE events SET seq = 5 WHERE seq = 100`, 4},
	} {
		t.Run(name, func(t *testing.T) {
			s, path := chatter(t, "s-1", 9)
			tamper(t, path, c.tampering)
			report, err := s.Verify(t.Context(), "s-1")
			if err != nil || report.Intact() || report.ChangedAt != c.want {
				t.Fatalf("report = %+v, %v; want a change at %d", report, err, c.want)
			}
		})
	}
}

func TestALogUnderAnotherNameIsNotItsLog(t *testing.T) {
	s, path := chatter(t, "s-1", 3)
	tamper(t, path, "UPDATE events SET session = 's-2'")
	report, err := s.Verify(t.Context(), "s-2")
	if err != nil || report.ChangedAt != 1 {
		t.Fatalf("report = %+v, %v", report, err)
	}
}

// What the chain alone cannot show, and how a head that was kept does.
func TestACutOffEndShowsAgainstAKeptHead(t *testing.T) {
	s, path := chatter(t, "s-1", 9)
	_, kept, err := s.Head(t.Context(), "s-1")
	if err != nil {
		t.Fatal(err)
	}
	tamper(t, path, "DELETE FROM events WHERE seq > 6")
	report, err := s.Verify(t.Context(), "s-1")
	if err != nil || !report.Intact() || report.Events != 6 || report.Head == kept {
		t.Fatalf("report = %+v, %v", report, err)
	}
}

func TestAnUnknownSessionIsNotIntact(t *testing.T) {
	s, _ := chatter(t, "s-1", 1)
	if _, err := s.Verify(t.Context(), "s-9"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("err = %v", err)
	}
	if err := s.SaveSession(t.Context(), Session{ID: "s-9"}); err != nil {
		t.Fatal(err)
	}
	if report, err := s.Verify(t.Context(), "s-9"); err != nil || !report.Intact() || report.Events != 0 {
		t.Fatalf("a session without events yet: %+v, %v", report, err)
	}
	if ids, err := s.Logs(t.Context()); err != nil || strings.Join(ids, " ") != "s-1 s-9" {
		t.Fatalf("logs = %v, %v", ids, err)
	}
}
