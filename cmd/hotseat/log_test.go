package main

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hotseat/backend/playtest"
	"hotseat/backend/store"
)

// hotseatLog runs `hotseat log` with the arguments.
func hotseatLog(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := logCommand()
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	var out strings.Builder
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// playtests is a folder with the logs of s-1 (three events) and s-2 (one).
func playtests(t *testing.T) string {
	t.Helper()
	data := t.TempDir()
	s, err := store.Open(filepath.Join(data, "log.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for session, messages := range map[string][]string{"s-1": {"one", "two", "th\u009b31mree"}, "s-2": {"four"}} {
		if err := s.SaveSession(t.Context(), store.Session{ID: session, CreatedAt: time.UnixMilli(1_790_000_000_000)}); err != nil {
			t.Fatal(err)
		}
		for i, message := range messages {
			e := playtest.Event{Session: session, Seq: int64(i) + 1, Action: playtest.ActionChat, Message: message}
			if err := s.Append(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
	}
	return data
}

func change(t *testing.T, data, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, "log.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

func TestIntactLogsAreALineEach(t *testing.T) {
	data := playtests(t)
	out, err := hotseatLog(t, "verify", "--data", data)
	want := regexp.MustCompile(`^s-1  3 events  intact  head [0-9a-f]{64}\ns-2  1 events  intact  head [0-9a-f]{64}\n$`)
	if err != nil || !want.MatchString(out) {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err = hotseatLog(t, "verify", "--data", data, "s-2"); err != nil || strings.Count(out, "\n") != 1 {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestAChangedLogIsNamedAndFails(t *testing.T) {
	data := playtests(t)
	change(t, data, "UPDATE events SET event = replace(event, 'two', 'TWO') WHERE seq = 2")
	out, err := hotseatLog(t, "verify", "--data", data)
	if err == nil || err.Error() != "1 of 2 logs are not as they were written" {
		t.Fatalf("err = %v", err)
	}
	if !strings.Contains(out, "s-1  CHANGED at 2: ") || !strings.Contains(out, "s-2  1 events  intact") {
		t.Fatal(out)
	}
	if out, err = hotseatLog(t, "verify", "--data", data, "s-2"); err != nil {
		t.Fatalf("the other log: %v\n%s", err, out)
	}
}

func TestEventsAreShownAndNotObeyed(t *testing.T) {
	out, err := hotseatLog(t, "show", "--data", playtests(t), "s-1")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err != nil || len(lines) != 3 {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(lines[1], `"message":"two"`) || !strings.Contains(lines[2], `"message":"th\u009b31mree"`) {
		t.Fatal(out)
	}
}

func TestWhatIsNotThereIsSaidAndNotMade(t *testing.T) {
	data := playtests(t)
	empty := t.TempDir()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no folder named":   {[]string{"verify"}, `required flag(s) "data" not set`},
		"no such folder":    {[]string{"verify", "--data", filepath.Join(empty, "x")}, "there is no folder"},
		"a file":            {[]string{"verify", "--data", filepath.Join(data, "log.db")}, "is a file"},
		"no log":            {[]string{"show", "--data", empty}, "there is no log.db"},
		"no such session":   {[]string{"verify", "--data", data, "s-9"}, "there is no session s-9"},
		"nor one to show":   {[]string{"show", "--data", data, "s-9"}, "there is no session s-9"},
		"no such something": {[]string{"mend"}, "unknown command"},
	} {
		t.Run(name, func(t *testing.T) {
			if out, err := hotseatLog(t, c.args...); err == nil || !strings.Contains(fmt.Sprint(err), c.want) {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
	if entries, err := os.ReadDir(empty); err != nil || len(entries) != 0 {
		t.Fatalf("it left %v, %v", entries, err)
	}
}
