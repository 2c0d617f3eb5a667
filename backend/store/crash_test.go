package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"hotseat/backend/playtest"
)

const (
	// crashBudget is for each of the crash tests: there are as many rounds as fit.
	crashBudget = 3 * time.Second
	// leastKills prove something; where they do not fit into the budget, they take longer.
	leastKills = 5
)

// fullLog is what is in the log after checking that it is as a log must be: numbers without gaps,
// an intact chain.
func fullLog(t *testing.T, s *Store) []playtest.Event {
	t.Helper()
	report, err := s.Verify(t.Context(), crashSession)
	if err != nil || !report.Intact() {
		t.Fatalf("after a kill: %+v, %v", report, err)
	}
	var log []playtest.Event
	for {
		page, err := s.Read(t.Context(), crashSession, int64(len(log)), MaxPage)
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, page...)
		if len(page) < MaxPage {
			break
		}
	}
	if int64(len(log)) != report.Events {
		t.Fatalf("%d events are read, %d verified", len(log), report.Events)
	}
	return log
}

// goesOn appends one event to a log of the given length.
func goesOn(t *testing.T, s *Store, length int) {
	t.Helper()
	e := playtest.Event{Session: crashSession, Seq: int64(length) + 1, Action: playtest.ActionChat, User: "after"}
	if err := s.Append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

// killSoon kills the process at a random moment of its next appends, and waits for its end.
func killSoon(t *testing.T, a *appender) {
	time.AfterFunc(rand.N(30*time.Millisecond), func() { a.cmd.Process.Kill() })
	a.drain(t)
}

func TestAKilledProcessKeepsEveryAcknowledgedEvent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	rounds, acknowledged, unacknowledged := 0, 0, 0
	for began := time.Now(); time.Since(began) < crashBudget || rounds < leastKills; rounds++ {
		a := startAppender(t, path, fmt.Sprint("appender-", rounds))
		killSoon(t, a)

		s := open(t, path)
		log := fullLog(t, s)
		acknowledged += len(a.acked)
		unacknowledged += a.kept(t, log)
		goesOn(t, s, len(log))
		s.Close()
	}
	t.Logf("%d kills, %d events acknowledged and kept, %d more kept without", rounds, acknowledged, unacknowledged)
}

func TestProcessesKilledAmongOthersKeepEveryAcknowledgedEvent(t *testing.T) {
	const together = 3
	path := filepath.Join(t.TempDir(), "log.db")
	open(t, path).Close() // so that they compete for appends, not for making the database
	rounds, acknowledged, unacknowledged := 0, 0, 0
	for began := time.Now(); time.Since(began) < crashBudget || rounds*together < leastKills; rounds++ {
		appenders := make([]*appender, together)
		for i := range appenders {
			appenders[i] = startAppender(t, path, fmt.Sprintf("appender-%d-%d", rounds, i))
		}
		// One after another, so that the others append while one dies.
		for _, a := range appenders {
			killSoon(t, a)
		}

		s := open(t, path)
		log := fullLog(t, s)
		for _, a := range appenders {
			acknowledged += len(a.acked)
			unacknowledged += a.kept(t, log)
		}
		goesOn(t, s, len(log))
		s.Close()
	}
	t.Logf("%d kills, %d events acknowledged and kept, %d more kept without", rounds*together, acknowledged, unacknowledged)
}

// TestEveryCutOfAnAppendLeavesTheLogBeforeItOrAfterIt: a process can die between any two bytes that an
// append writes. Whatever part of them is there, the state after a restart is that of the last acknowledged
// event, or, only if all of them are, of the one after it; and the log goes on.
func TestEveryCutOfAnAppendLeavesTheLogBeforeItOrAfterIt(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "log.db"))
	appendOne := func(seq int64, message string) {
		t.Helper()
		who := playtest.Person{ID: fmt.Sprint("viewer-", seq), Name: "viewer", Role: playtest.RoleViewer}
		e := playtest.Event{Session: crashSession, Seq: seq, Timestamp: seq, Actor: who, Action: playtest.ActionChat, Message: message}
		if err := s.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	written := func(name string) []byte {
		t.Helper()
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	const acknowledged = 5
	for seq := range acknowledged {
		appendOne(int64(seq)+1, "acknowledged")
	}
	before := len(written("log.db-wal"))
	appendOne(acknowledged+1, strings.Repeat("a line longer than a page of the database, ", 120))
	database, wal := written("log.db"), written("log.db-wal")
	if len(wal)-before < 3*4096 {
		t.Fatalf("the append wrote %d bytes, too few to be cut in interesting places", len(wal)-before)
	}
	log := fullLog(t, s)

	cuts := []int{before, before + 1, len(wal) - 1, len(wal)}
	for cut := before + 23; cut < len(wal); cut += 97 { // 97: in headers and in pages, and never twice at the same place
		cuts = append(cuts, cut)
	}
	for _, cut := range cuts {
		path := filepath.Join(t.TempDir(), "log.db")
		for name, content := range map[string][]byte{path: database, path + "-wal": wal[:cut]} {
			if err := os.WriteFile(name, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		after := open(t, path)
		want := playtest.Fold(log[:acknowledged])
		if cut == len(wal) {
			want = playtest.Fold(log)
		}
		state, err := after.Fold(t.Context(), crashSession, playtest.State{})
		if err != nil || !reflect.DeepEqual(state, want) {
			t.Fatalf("cut at %d of %d to %d: %v, state %+v, want %+v", cut, before, len(wal), err, state, want)
		}
		goesOn(t, after, len(fullLog(t, after)))
		after.Close()
	}
	t.Logf("%d cuts of an append of %d bytes", len(cuts), len(wal)-before)
}

// A loss of power can leave the end of the write-ahead log unwritten, torn or overwritten, which
// no kill shows. What was synced before is in the part that is left here.
func TestATornWriteAheadLogLosesOnlyItsEnd(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "log.db"))
	for seq := range 40 {
		goesOn(t, s, seq)
	}
	database, err := os.ReadFile(filepath.Join(dir, "log.db"))
	if err != nil {
		t.Fatal(err)
	}
	wal, err := os.ReadFile(filepath.Join(dir, "log.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		torn := append([]byte(nil), wal[:rand.N(len(wal))]...)
		for i := max(0, len(torn)-512); i < len(torn); i++ { // the last sector is noise
			torn[i] = byte(rand.Uint32())
		}
		path := filepath.Join(t.TempDir(), "log.db")
		for name, content := range map[string][]byte{path: database, path + "-wal": torn} {
			if err := os.WriteFile(name, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		after := open(t, path)
		var log []playtest.Event
		if seq, _, err := after.Head(t.Context(), crashSession); err != nil {
			t.Fatal(err)
		} else if seq > 0 {
			log = fullLog(t, after)
		}
		goesOn(t, after, len(log))
		after.Close()
	}
}
