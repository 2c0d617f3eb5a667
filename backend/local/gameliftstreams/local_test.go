//go:build linux

package gameliftstreams_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	gls "github.com/aws/aws-sdk-go-v2/service/gameliftstreams"
	"github.com/aws/aws-sdk-go-v2/service/gameliftstreams/types"
	"github.com/jezek/xgb"
	"go.uber.org/goleak"

	"hotseat/backend/local/gameliftstreams"
)

// These tests run real sessions: the official client, the real hotseat-instance
// with Xvfb, PulseAudio and GStreamer, a game that is a shell script, and a page
// played by pion. They fail, and do not skip, where a part is missing.

const patience = 20 * time.Second

// instanceDir is where instancePath built, if a test asked for it.
var instanceDir string

// instancePath builds hotseat-instance once for all tests.
var instancePath = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "hs-instance")
	if err != nil {
		return "", err
	}
	instanceDir = dir
	path := filepath.Join(dir, "hotseat-instance")
	output, err := exec.Command("go", "build", "-o", path, "hotseat/cmd/hotseat-instance").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build hotseat-instance (it needs gcc, pkg-config and the GStreamer headers): %w\n%s", err, output)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	xgb.Logger.SetOutput(io.Discard) // it prints when a display ends
	code := m.Run()
	if instanceDir != "" {
		os.RemoveAll(instanceDir)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// place is a service with one application, and a client for it.
type place struct {
	t       *testing.T
	service *gameliftstreams.Service
	client  *gls.Client
	app     gameliftstreams.Application
	scratch string
}

// newPlace serves an application whose launch script is the text.
func newPlace(t *testing.T, script string) *place {
	t.Helper()
	path, err := instancePath()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "demo")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "run.sh"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	app, err := gameliftstreams.LoadApplication(dir)
	if err != nil {
		t.Fatal(err)
	}
	scratch, err := os.MkdirTemp("", "hs") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	service, err := gameliftstreams.New(gameliftstreams.Config{
		Applications: []gameliftstreams.Application{app}, InstancePath: path, ScratchDir: scratch,
		ProtocolURL: "http://127.0.0.1:8470/proto.js",
		Log:         slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(service.Handler())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := service.Close(ctx); err != nil {
			t.Error(err)
		}
		server.Close()
		if left, _ := os.ReadDir(scratch); len(left) != 0 {
			t.Errorf("left in the scratch folder: %v", left)
		}
		os.RemoveAll(scratch)
	})
	client := gls.New(gls.Options{
		Region: "us-west-2", BaseEndpoint: aws.String(server.URL), HTTPClient: server.Client(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
		RetryMaxAttempts: 1,
	})
	return &place{t: t, service: service, client: client, app: app, scratch: scratch}
}

func (p *place) start(signalRequest string) string {
	p.t.Helper()
	output, err := p.client.StartStreamSession(p.t.Context(), &gls.StartStreamSessionInput{
		Identifier: aws.String(gameliftstreams.StreamGroupID), ApplicationIdentifier: aws.String(p.app.ID),
		Protocol: types.ProtocolWebrtc, SignalRequest: aws.String(signalRequest),
		ConnectionTimeoutSeconds:       aws.Int32(60),
		AdditionalEnvironmentVariables: map[string]string{"VIDEO_WIDTH": "640", "VIDEO_HEIGHT": "360", "IVS_STAGE_TOKEN": "secret"},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if output.Status != types.StreamSessionStatusActivating {
		p.t.Errorf("a new session is %s", output.Status)
	}
	return *output.Arn
}

func (p *place) get(arn string) *gls.GetStreamSessionOutput {
	p.t.Helper()
	output, err := p.client.GetStreamSession(context.Background(), &gls.GetStreamSessionInput{
		Identifier: aws.String(gameliftstreams.StreamGroupID), StreamSessionIdentifier: aws.String(arn),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return output
}

func (p *place) connect(arn, offer string) (string, error) {
	output, err := p.client.CreateStreamSessionConnection(p.t.Context(), &gls.CreateStreamSessionConnectionInput{
		Identifier: aws.String(gameliftstreams.StreamGroupID), StreamSessionIdentifier: aws.String(arn),
		SignalRequest: aws.String(offer),
	})
	if err != nil {
		return "", err
	}
	return *output.SignalResponse, nil
}

// reaches waits for a status, and for a reason with it.
func (p *place) reaches(arn string, want types.StreamSessionStatus, reason string) *gls.GetStreamSessionOutput {
	p.t.Helper()
	var got *gls.GetStreamSessionOutput
	eventually(p.t, fmt.Sprintf("status %s %s", want, reason), func() bool {
		got = p.get(arn)
		return got.Status == want && string(got.StatusReason) == reason
	})
	return got
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	limit := time.After(patience)
	for !done() {
		select {
		case <-poll.C:
		case <-limit:
			t.Fatalf("never happened: %s", what)
		}
	}
}

// idleGame notes where its display is and then does nothing.
const idleGame = `#!/bin/sh
printf '%s\n' "$DISPLAY" "$XAUTHORITY" "$HOTSEAT_DATA_CHANNEL_PORT" "$HOTSEAT_BRIDGE_ADDR" "$PATH" "$HOME" "$IVS_STAGE_TOKEN" > where.new
mv where.new where
exec sleep 1000
`

// whereabouts is what the game noted.
func (p *place) whereabouts() []string {
	p.t.Helper()
	var lines []string
	eventually(p.t, "the game started", func() bool {
		text, err := os.ReadFile(filepath.Join(p.app.Dir, "where"))
		lines = strings.Split(strings.TrimSpace(string(text)), "\n")
		return err == nil
	})
	return lines
}

func TestHandOverBetweenTwoPages(t *testing.T) {
	p := newPlace(t, idleGame)
	first, second := openPage(t), openPage(t)
	began := time.Now()
	arn := p.start(first.offer)
	active := p.reaches(arn, types.StreamSessionStatusActive, "")
	t.Logf("start to ACTIVE: %v", time.Since(began))
	first.accept(*active.SignalResponse)
	p.reaches(arn, types.StreamSessionStatusConnected, "")
	soon(t, "the first page sees the game", first.picture)
	t.Logf("start to picture: %v", time.Since(began))

	where := p.whereabouts()
	const keyW = 25
	game, isDown := watchKeys(t, where[0], where[1])
	sent := 0
	eventually(t, "the key is down on the display", func() bool { // as pages do, it says again what it holds
		sent++
		first.send(fmt.Sprintf(`{"n":%d,"held":["KeyW"],"buttons":[],"events":[[1,"kd","KeyW"]]}`, sent))
		return isDown(keyW)
	})
	if got := soon(t, "key down", game); got != "25 down" {
		t.Errorf("the game saw %q", got)
	}

	var conflict *types.ConflictException
	if _, err := p.connect(arn, second.offer); !errors.As(err, &conflict) {
		t.Errorf("connecting to a session that is CONNECTED: got %v, want ConflictException", err)
	}

	closing := time.Now()
	_ = first.Close()
	p.reaches(arn, types.StreamSessionStatusPendingClientReconnection, "")
	t.Logf("close to PENDING_CLIENT_RECONNECTION: %v", time.Since(closing))
	if isDown(keyW) {
		t.Error("the key of the page that left was not released before the session says that it left")
	}
	if got := soon(t, "key up", game); got != "25 up" {
		t.Errorf("the game saw %q", got)
	}

	connecting := time.Now()
	response, err := p.connect(arn, second.offer)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("connection call: %v", time.Since(connecting))
	if got := p.get(arn); got.Status == types.StreamSessionStatusActive && *got.SignalResponse != response {
		t.Error("GetStreamSession shows another answer")
	}
	second.accept(response)
	p.reaches(arn, types.StreamSessionStatusConnected, "")
	t.Logf("connection call to CONNECTED: %v", time.Since(connecting))
	soon(t, "the second page can send", second.open)
	second.send(`{"n":2,"held":[],"buttons":[],"events":[[1,"kd","Space"],[2,"ku","Space"]]}`)
	for _, want := range []string{"65 down", "65 up"} {
		if got := soon(t, want, game); got != want {
			t.Errorf("the game saw %q, want %q", got, want)
		}
	}
	t.Logf("connection call to the first input in the game: %v", time.Since(connecting))

	// A page that hangs with a key down says nothing more: the key is let go of.
	second.send(`{"n":3,"held":["KeyD"],"buttons":[],"events":[[3,"kd","KeyD"]]}`)
	for _, want := range []string{"40 down", "40 up"} {
		if got := soon(t, want, game); got != want {
			t.Errorf("the game saw %q, want %q", got, want)
		}
	}
	soon(t, "the second page sees the game", second.picture)
	t.Logf("connection call to picture: %v", time.Since(connecting))

	if _, err := p.client.TerminateStreamSession(t.Context(), &gls.TerminateStreamSessionInput{
		Identifier: aws.String(gameliftstreams.StreamGroupID), StreamSessionIdentifier: aws.String(arn),
	}); err != nil {
		t.Fatal(err)
	}
	if got := soon(t, "farewell", second.heard); !strings.Contains(got, `"terminated"`) {
		t.Errorf("the page heard %q", got)
	}
	p.reaches(arn, types.StreamSessionStatusTerminated, "apiTerminated")
	if len(withEnvironment("XAUTHORITY="+where[1])) != 0 {
		t.Error("processes of the session are left")
	}
}

func TestGameGetsItsEnvironment(t *testing.T) {
	p := newPlace(t, idleGame)
	arn := p.start("NO_CLIENT_CONNECTION")
	got := p.reaches(arn, types.StreamSessionStatusActive, "")
	if got.SignalResponse != nil {
		t.Error("a session without a client has an answer")
	}
	where := p.whereabouts()
	path, _ := instancePath()
	id := arn[strings.LastIndexByte(arn, '/')+1:]
	for n, check := range map[int]func(string) bool{
		2: func(port string) bool { n, err := strconv.Atoi(port); return err == nil && n > 0 },
		3: func(address string) bool { return strings.HasPrefix(address, "127.0.0.1:") },
		4: func(list string) bool { return strings.HasPrefix(list, filepath.Dir(path)+":") },
		5: func(home string) bool { return home == filepath.Join(p.scratch, id, "home") },
		6: func(token string) bool { return token == "secret" },
	} {
		if !check(where[n]) {
			t.Errorf("line %d of the environment is %q", n, where[n])
		}
	}
	for _, pid := range withEnvironment("XAUTHORITY=" + where[1]) {
		arguments, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if strings.Contains(string(arguments), "secret") {
			t.Errorf("a secret is in the arguments of process %d", pid)
		}
	}
	page := openPage(t)
	response, err := p.connect(arn, page.offer)
	if err != nil {
		t.Fatal(err)
	}
	page.accept(response)
	p.reaches(arn, types.StreamSessionStatusConnected, "")
}

func TestScriptThatFailsAtOnceIsAnErrorWithItsLastLines(t *testing.T) {
	p := newPlace(t, "#!/bin/sh\necho cannot find the level file >&2\nexit 3\n")
	arn := p.start("NO_CLIENT_CONNECTION")
	p.reaches(arn, types.StreamSessionStatusError, "internalError")
	if got := p.service.Explain(arn); !strings.Contains(got, "cannot find the level file") {
		t.Errorf("explained as %q", got)
	}
}

func TestScriptThatVanishedIsAnErrorThatSaysSo(t *testing.T) {
	p := newPlace(t, "#!/bin/sh\n")
	if err := os.Remove(filepath.Join(p.app.Dir, "run.sh")); err != nil {
		t.Fatal(err)
	}
	arn := p.start("NO_CLIENT_CONNECTION")
	p.reaches(arn, types.StreamSessionStatusError, "internalError")
	if got := p.service.Explain(arn); !strings.Contains(got, "there is no") {
		t.Errorf("explained as %q", got)
	}
}

func TestGameThatEndsAtOnceEndsTheSession(t *testing.T) {
	p := newPlace(t, "#!/bin/sh\nexit 0\n")
	arn := p.start("NO_CLIENT_CONNECTION")
	p.reaches(arn, types.StreamSessionStatusTerminated, "applicationExit")
}

func TestGameThatEndsLaterEndsTheSession(t *testing.T) {
	p := newPlace(t, "#!/bin/sh\nwhile [ ! -e over ]; do sleep 0.02; done\nexit 1\n")
	page := openPage(t)
	arn := p.start(page.offer)
	page.accept(*p.reaches(arn, types.StreamSessionStatusActive, "").SignalResponse)
	p.reaches(arn, types.StreamSessionStatusConnected, "")
	if err := os.WriteFile(filepath.Join(p.app.Dir, "over"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	p.reaches(arn, types.StreamSessionStatusTerminated, "applicationExit")
}

func TestInvalidOfferIsAnError(t *testing.T) {
	p := newPlace(t, idleGame)
	arn := p.start(`{"type":"offer","sdp":"nonsense"}`)
	p.reaches(arn, types.StreamSessionStatusError, "invalidSignalRequest")
}

func TestInvalidReconnectionLeavesTheSessionAsItWas(t *testing.T) {
	p := newPlace(t, idleGame)
	arn := p.start("NO_CLIENT_CONNECTION")
	p.reaches(arn, types.StreamSessionStatusActive, "")
	var invalid *types.ValidationException
	if _, err := p.connect(arn, `{"type":"offer","sdp":"nonsense"}`); !errors.As(err, &invalid) {
		t.Errorf("got %v, want ValidationException", err)
	}
	p.reaches(arn, types.StreamSessionStatusActive, "")
}

// A killed instance cannot clean up: whoever started it must.
func TestKilledInstanceLeavesNothingBehind(t *testing.T) {
	p := newPlace(t, `#!/bin/sh
(setsid sh -c 'trap "" TERM HUP; echo $$ > stray; while :; do sleep 1001; done' &)
`+strings.TrimPrefix(idleGame, "#!/bin/sh\n"))
	arn := p.start("NO_CLIENT_CONNECTION")
	p.reaches(arn, types.StreamSessionStatusActive, "")
	where := p.whereabouts()
	eventually(t, "the stray process runs", func() bool {
		_, err := os.Stat(filepath.Join(p.app.Dir, "stray"))
		return err == nil
	})
	processes := withEnvironment("XAUTHORITY=" + where[1])
	if len(processes) < 2 {
		t.Fatalf("found only %v", processes)
	}
	path, _ := instancePath()
	killed := false
	for _, pid := range withEnvironment("") {
		program, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if program == path {
			killed = syscall.Kill(pid, syscall.SIGKILL) == nil
		}
	}
	if !killed {
		t.Fatal("found no instance")
	}
	p.reaches(arn, types.StreamSessionStatusError, "internalError")
	eventually(t, "all processes are gone", func() bool { return len(withEnvironment("XAUTHORITY="+where[1])) == 0 })
}

func TestStubbornGameIsKilledOnClose(t *testing.T) {
	p := newPlace(t, "#!/bin/sh\ntrap '' TERM\n"+strings.ReplaceAll(strings.TrimPrefix(idleGame, "#!/bin/sh\n"), "exec sleep 1000", "while :; do sleep 1000; done"))
	arn := p.start("NO_CLIENT_CONNECTION")
	p.reaches(arn, types.StreamSessionStatusActive, "")
	where := p.whereabouts()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.service.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if left := withEnvironment("XAUTHORITY=" + where[1]); len(left) != 0 {
		t.Errorf("after Close these are left: %v", left)
	}
	p.reaches(arn, types.StreamSessionStatusTerminated, "apiTerminated")
}
