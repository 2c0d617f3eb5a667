package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"hotseat/backend/playtest"
	"hotseat/cmd/hotseat/internal/account"
	"hotseat/cmd/hotseat/internal/standin"
)

func TestASignInIsKeptForItsOwnerAloneAndEndedByLogout(t *testing.T) {
	d := signedIn(t, playtest.RoleLead)
	files, err := filepath.Glob(filepath.Join(d.config, "hotseat", "sign-ins", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), d.backend.Lead().Password) {
		t.Error("the password is in the file")
	}
	for path, want := range map[string]os.FileMode{files[0]: 0o600, filepath.Dir(files[0]): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
		}
	}
	if r := d.hotseat("sessions"); r.err != nil { // the server is remembered, too
		t.Fatalf("signed in: %v", r.err)
	}
	if err := os.Chmod(files[0], 0o640); err != nil {
		t.Fatal(err)
	}
	if r := d.hotseat("sessions"); r.code() != exitNotSignedIn || !strings.Contains(r.errors, "others can read") {
		t.Errorf("a file that others can read: %v: %s", r.err, r.errors)
	}
	if err := os.Chmod(files[0], 0o600); err != nil {
		t.Fatal(err)
	}
	if r := d.hotseat("logout"); r.err != nil || !strings.Contains(r.out, "signed out lead@") {
		t.Errorf("logout: %v: %s", r.err, r.out)
	}
	if r := d.hotseat("sessions"); r.code() != exitNotSignedIn || !strings.Contains(r.err.Error(), "hotseat login --server "+d.backend.URL) {
		t.Errorf("after the logout: %v", r.err)
	}
	if err := os.WriteFile(files[0], data, 0o600); err != nil { // a copy that somebody made
		t.Fatal(err)
	}
	if r := d.hotseat("sessions"); r.code() != exitNotSignedIn || !strings.Contains(r.err.Error(), "has ended") {
		t.Errorf("with a copy of the session: %v", r.err)
	}
	if r := d.hotseat("logout"); r.err != nil {
		t.Errorf("logout of a session that has ended: %v", r.err)
	}
	if r := d.hotseat("logout"); r.err != nil || !strings.Contains(r.out, "no saved session") {
		t.Errorf("logout twice: %v: %s", r.err, r.out)
	}
}

func TestWithoutAServerOrASignInACommandSaysWhatToDo(t *testing.T) {
	b := standin.New(t)
	d := newDesktop(t, b)
	elsewhere := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(elsewhere, []byte(b.Lead().Password+"\nsecond line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	lead := []string{"sessions", "--server", b.URL, "--email", b.Lead().Email}
	for name, c := range map[string]struct {
		args     []string
		password string
		code     int
		message  string
	}{
		"no server":        {[]string{"sessions"}, "", 1, "name it with --server URL or HOTSEAT_SERVER"},
		"no scheme":        {[]string{"sessions", "--server", "127.0.0.1:80"}, "", 1, "must begin with https://"},
		"nobody there":     {[]string{"sessions", "--server", "http://127.0.0.1:1"}, "", 1, "cannot reach the backend at http://127.0.0.1:1: "},
		"another server":   {[]string{"sessions", "--server", other.URL}, "", 1, "this is not a Hotseat"},
		"not encrypted":    {[]string{"sessions", "--server", "http://192.0.2.1"}, "", 1, "is not encrypted"},
		"nobody":           {[]string{"sessions", "--server", b.URL}, "", 4, "not signed in to " + b.URL},
		"no password":      {lead, "", 4, "not signed in to " + b.URL},
		"wrong password":   {lead, "wrong", 4, "sign-in refused for lead@ivs.rocks: Incorrect username or password."},
		"good password":    {lead, b.Lead().Password, 0, ""},
		"password in file": {append(lead, "--password-file", elsewhere), "", 0, ""},
		"no such file":     {append(lead, "--password-file", elsewhere+"x"), "", 1, "reading the password"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("XDG_CONFIG_HOME", t.TempDir())
			t.Setenv(account.EnvPassword, c.password)
			r := d.hotseat(c.args...)
			if r.code() != c.code || c.code != 0 && !strings.Contains(r.err.Error(), c.message) {
				t.Errorf("ended with %d: %v", r.code(), r.err)
			}
			if c.password != "" && strings.Contains(r.out+r.errors, c.password) {
				t.Errorf("the password was printed: %s%s", r.out, r.errors)
			}
		})
	}
	t.Setenv(account.EnvServer, b.URL)
	r := d.run(t.Context(), strings.NewReader(b.Lead().Password+"\n"), "sessions", "--email", b.Lead().Email, "--password-file", "-")
	if r.err != nil {
		t.Errorf("the password on standard input, the server in the environment: %v", r.err)
	}
}

func TestARemoteBackendIsReachedOverHTTPSWithItsAuthority(t *testing.T) {
	b := standin.NewTLS(t)
	d := newDesktop(t, b)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.Server().Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := d.hotseat("sessions", "--server", b.URL); r.code() != exitError || !strings.Contains(r.err.Error(), "its certificate is not trusted") || !strings.Contains(r.err.Error(), "--ca FILE") {
		t.Errorf("an unknown authority: %v", r.err)
	}
	if r := d.hotseat("sessions", "--server", b.URL, "--ca", os.DevNull); r.err == nil || !strings.Contains(r.err.Error(), "holds no certificate") {
		t.Errorf("a file without certificates: %v", r.err)
	}
	d.login(playtest.RoleLead, "--ca", ca)
	session := b.Session("Hotseat Runner")
	if r := d.hotseat("chat", "over TLS", "--ca", ca); r.err != nil {
		t.Fatalf("chat: %v", r.err)
	}
	in := strings.NewReader("chat from the console\nquit\n")
	if r := d.run(t.Context(), in, "console", "--plain", "--ca", ca); r.err != nil {
		t.Errorf("console: %v: %s", r.err, r.out)
	}
	go func() { // while it follows, or before: it ends all the same
		b.Publish(session, playtest.Person{ID: "backend", Name: "backend", Role: playtest.RoleBackend}, map[string]any{"action": playtest.ActionSessionEnded, "reason": "the end"})
	}()
	r := d.hotseat("tail", "--ca", ca, session)
	if r.err != nil || !strings.Contains(r.out, "over TLS") || !strings.Contains(r.out, "(the end)") {
		t.Errorf("tail: %v: %s%s", r.err, r.out, r.errors)
	}
}

func TestTailFollowsFromWhereItIsToldUntilTheEnd(t *testing.T) {
	d := signedIn(t, playtest.RoleLead)
	id := d.backend.Session("Hotseat Runner")
	for _, who := range []playtest.Person{ann, anna, bob} {
		d.says(id, who, playtest.ActionArrived)
	}
	reader, writer := io.Pipe()
	root := &cobra.Command{Use: "hotseat", SilenceUsage: true, SilenceErrors: true}
	addRemote(root)
	root.SetOut(writer)
	root.SetArgs([]string{"tail", "--json", "--after", "3"})
	done := make(chan error, 1)
	go func() { done <- root.ExecuteContext(t.Context()); _ = writer.Close() }()
	lines := json.NewDecoder(reader)
	for want := int64(4); want <= 8; want++ {
		var e playtest.Event
		if err := lines.Decode(&e); err != nil || e.Seq != want || e.Session != id {
			t.Fatalf("event %d of %q, want %d: %v", e.Seq, e.Session, want, err)
		}
		switch want { // each is said when the one before it was heard
		case 5:
			d.says(id, ann, playtest.ActionTakeoverRequest)
		case 6:
			d.says(id, ann, playtest.ActionTakeoverCancel)
		case 7:
			if r := d.hotseat("end"); r.err != nil {
				t.Fatal(r.err)
			}
		case 8:
			if e.Action != playtest.ActionSessionEnded {
				t.Errorf("the last is %s", e.Action)
			}
		}
	}
	if err := <-done; err != nil {
		t.Errorf("tail ended with %v", err)
	}
	if r := d.hotseat("tail", id, "--after", "6"); r.err != nil || strings.Count(r.out, "\n") != 2 {
		t.Errorf("of an ended session: %v: %q", r.err, r.out)
	}
	if r := d.hotseat("tail", id, "--after", "99"); r.err != nil || r.out != "" {
		t.Errorf("after the end: %v: %q", r.err, r.out)
	}
}

func TestAReportIsWrittenInTheFormatThatItsFileSays(t *testing.T) {
	d := signedIn(t, playtest.RoleLead)
	id := d.backend.Session("Hotseat Runner")
	dir := t.TempDir()
	for file, begins := range map[string]string{"a.md": "# ", "a.json": "{", "a.CSV": ""} {
		path := filepath.Join(dir, file)
		if r := d.hotseat("report", id[:6], "-o", path); r.err != nil {
			t.Fatalf("%s: %v", file, r.err)
		}
		data, err := os.ReadFile(path)
		if err != nil || len(data) == 0 || !strings.HasPrefix(string(data), begins) {
			t.Errorf("%s: %v: %.40q", file, err, data)
		}
	}
	if r := d.hotseat("report", "--json"); r.err != nil || !json.Valid([]byte(r.out)) {
		t.Errorf("as JSON: %v: %s", r.err, r.out)
	}
	if r := d.hotseat("report"); r.err != nil || !strings.Contains(r.out, "Hotseat Runner") {
		t.Errorf("for people: %v: %s", r.err, r.out)
	}
}

func TestConsoleAsLinesIsDrivenByAPipe(t *testing.T) {
	d := signedIn(t, playtest.RoleLead)
	id := d.backend.Session("Hotseat Runner")
	d.says(id, ann, playtest.ActionTakeoverRequest)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	in, enter := io.Pipe()
	out, writer := io.Pipe()
	root := &cobra.Command{Use: "hotseat", SilenceUsage: true, SilenceErrors: true}
	addRemote(root)
	root.SetIn(in)
	root.SetOut(writer)
	root.SetErr(io.Discard)
	root.SetArgs([]string{"console", "--plain", "-s", id[:6]})
	done := make(chan error, 1)
	go func() { done <- root.ExecuteContext(ctx); _ = writer.Close() }()
	var heard strings.Builder
	buffer := make([]byte, 4096)
	expect := func(text string) {
		t.Helper()
		for !strings.Contains(heard.String(), text) {
			n, err := out.Read(buffer)
			heard.Write(buffer[:n])
			if err != nil {
				t.Fatalf("the end before %q: %s", text, &heard)
			}
		}
	}
	expect("ann asks for the seat")
	_, _ = io.WriteString(enter, "deny ann not now\n")
	expect("denies ann: not now")
	_, _ = io.WriteString(enter, "quit\n")
	_, _ = io.Copy(&heard, out)
	if err := <-done; err != nil {
		t.Errorf("console ended with %v", err)
	}
}

func TestSessionsAndPeopleAreCompleted(t *testing.T) {
	d := signedIn(t, playtest.RoleLead)
	id := d.backend.Session("Hotseat Runner")
	for _, who := range []playtest.Person{ann, bob} {
		d.says(id, who, playtest.ActionArrived)
	}
	d.says(id, ann, playtest.ActionTakeoverRequest)
	for args, want := range map[string]string{
		"approve ":           "ann\tviewer\n",
		"mute ":              "ann\tviewer\nbob\tplayer\n",
		"mute ann ":          "",
		"tail ":              id + "\tHotseat Runner, runs\n",
		"lock --session ":    id + "\tHotseat Runner, runs\n",
		"start ":             "a-demo\tHotseat Runner\n",
		"start --encoder ":   "gpu\ncpu\n",
		"console --session ": id + "\tHotseat Runner, runs\n",
		"chat ":              "",
	} {
		r := d.hotseat(append([]string{"__complete"}, strings.Split(args, " ")...)...)
		got, _, _ := strings.Cut(r.out, ":")
		if r.err != nil || got != want {
			t.Errorf("%q: %v: %q, want %q", args, r.err, got, want)
		}
	}
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	if r := d.hotseat("__complete", "approve", ""); r.err != nil || strings.HasPrefix(r.out, "ann") {
		t.Errorf("without a sign-in: %v: %q", r.err, r.out)
	}
}

func TestEveryCommandHasAPageWithAnExample(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	d := newDesktop(t, nil)
	if r := d.hotseat("man", "--dir", dir); r.err != nil {
		t.Fatal(r.err)
	}
	root := &cobra.Command{Use: "hotseat"}
	addRemote(root)
	for _, cmd := range root.Commands() {
		if !cmd.IsAvailableCommand() {
			continue
		}
		if cmd.Short == "" || cmd.Example == "" {
			t.Errorf("%s has no sentence or no example", cmd.Name())
		}
		page, err := os.ReadFile(filepath.Join(dir, "hotseat-"+cmd.Name()+".1"))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, part := range []string{".TH", "NAME", "SYNOPSIS", "OPTIONS", "EXAMPLES", "SEE ALSO"} {
			if !strings.Contains(string(page), part) {
				t.Errorf("the page of %s has no %s", cmd.Name(), part)
			}
		}
		if cmd.GroupID == remoteGroup && !strings.Contains(string(page), "EXIT STATUS") {
			t.Errorf("the page of %s does not say what it ends with", cmd.Name())
		}
	}
}

func TestTheConsolesSettingsAreWrittenOnce(t *testing.T) {
	d := newDesktop(t, nil)
	r := d.hotseat("console", "--write-config")
	path := strings.TrimSpace(r.out)
	if data, err := os.ReadFile(path); r.err != nil || err != nil || !strings.Contains(string(data), "theme") {
		t.Fatalf("%v, %v: %q", r.err, err, path)
	}
	if r := d.hotseat("console", "--write-config"); r.err == nil || !strings.Contains(r.err.Error(), "is there already") {
		t.Errorf("the second time: %v", r.err)
	}
}
