package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"go.uber.org/goleak"

	"hotseat/backend/local/stage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// examine runs the whole examination and prints its table.
func examine(t *testing.T, target Target) []Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	results, err := Run(ctx, target)
	var out bytes.Buffer
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, r := range results {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.Clause, r.Level, r.Verdict, r.Rule, r.Evidence)
	}
	_ = table.Flush()
	t.Logf("\n%s", out.String())
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// ourStage serves a stage on which "game" publishes and "viewer" subscribes. wrap may stand between.
func ourStage(t *testing.T, wrap func(http.Handler) http.Handler) Target {
	t.Helper()
	mux := http.NewServeMux()
	front := httptest.NewServer(mux)
	server, err := stage.New(stage.Config{
		PublicURL: front.URL + "/whip", Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Verify: func(token string) (stage.Token, error) {
			if token != "game" && token != "viewer" {
				return stage.Token{}, errors.New("unknown")
			}
			return stage.Token{
				ParticipantID: token, StageID: "st", Publish: token == "game", Subscribe: token == "viewer", Expires: time.Now().Add(time.Hour),
			}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		front.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	mux.Handle("/whip/", wrap(http.StripPrefix("/whip", server.Handler())))
	base := front.URL + "/whip"
	return Target{WHIP: base + "/", WHEP: base + "/st/subscribe/game", Token: "game", WHEPToken: "viewer"}
}

func TestOurStagePassesEveryClause(t *testing.T) {
	results := examine(t, ourStage(t, func(h http.Handler) http.Handler { return h }))
	for _, r := range results {
		if r.Verdict == Fail {
			t.Errorf("%s (%s) %s: %s", r.Clause, r.Level, r.Rule, r.Evidence)
		}
	}
}

func freeAddress(t *testing.T, network string) string {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().String()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start runs another's server until the test ends, and waits until it answers.
func start(t *testing.T, cmd *exec.Cmd, address string) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		hurry := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		defer hurry.Stop()
		_ = cmd.Wait()
	})
	if !poll(t.Context(), 10*time.Second, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}) {
		t.Fatalf("%s does not listen", cmd.Path)
	}
}

// What others' servers do is theirs to decide: these tests show that the examination comes to its end with them,
// and that media is seen.
func mediaSeen(t *testing.T, results []Result) {
	t.Helper()
	for _, r := range results {
		if strings.Contains(r.Rule, "media that WHIP sends") && r.Verdict == Pass {
			return
		}
	}
	t.Error("no media was seen")
}

func TestMediaMTXIsExamined(t *testing.T) {
	program := os.Getenv("HOTSEAT_MEDIAMTX")
	if program == "" {
		t.Skip("HOTSEAT_MEDIAMTX names no mediamtx program")
	}
	address, media := freeAddress(t, "tcp"), freeAddress(t, "udp")
	config := filepath.Join(t.TempDir(), "mediamtx.yml")
	text := fmt.Sprintf("logLevel: error\nrtsp: no\nrtmp: no\nhls: no\nsrt: no\nmoq: no\nwebrtc: yes\nwebrtcAddress: %s\nwebrtcLocalUDPAddress: %s\n"+
		"webrtcIPsFromInterfaces: no\nwebrtcAdditionalHosts: [127.0.0.1]\npaths:\n  all_others:\n", address, media)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, exec.Command(program, config), address)
	mediaSeen(t, examine(t, Target{WHIP: "http://" + address + "/game/whip", WHEP: "http://" + address + "/game/whep"}))
}

func TestBroadcastBoxIsExamined(t *testing.T) {
	program := os.Getenv("HOTSEAT_BROADCAST_BOX")
	if program == "" {
		t.Skip("HOTSEAT_BROADCAST_BOX names no broadcast-box program")
	}
	dir, address := t.TempDir(), freeAddress(t, "tcp")
	if err := os.WriteFile(filepath.Join(dir, ".env.production"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HTTP_ADDRESS="+address, "INCLUDE_LOOPBACK_CANDIDATE=1", "INTERFACE_FILTER=lo", "DISABLE_FRONTEND=1", "APP_ENV=production")
	start(t, cmd, address)
	mediaSeen(t, examine(t, Target{WHIP: "http://" + address + "/api/whip", WHEP: "http://" + address + "/api/whep", Token: "game"}))
}
