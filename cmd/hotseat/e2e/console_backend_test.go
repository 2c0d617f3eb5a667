package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"hotseat/backend/auth"
	"hotseat/backend/local/appsync"
	"hotseat/backend/local/cognito"
	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

// envTalk makes this test binary the process in which a talk is held.
const envTalk = "HOTSEAT_E2E_TALK"

func TestMain(m *testing.M) {
	if os.Getenv(envTalk) != "" {
		if err := holdTalk(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// talk is a backend in which people say more than the gate would ever let through: the gate takes two lines
// a second from each person and puts every one on a disk, so a flood can only come from behind it. What a
// console talks to is real: the user pool, the event channels with their queues and frames, pages of the log
// over HTTP. The log is in memory, and lines are broadcast as the gate would stamp them.
type talk struct {
	url    string
	events *appsync.Server

	mu      sync.Mutex // protects what follows
	logs    map[string]*memoryLog
	endsAt  time.Time
	started time.Time
	pages   int // of a log that were read
	visits  int // connections to the channels
}

// memoryLog is a log in one piece of memory without pointers: hundreds of thousands of events on a heap would
// keep this process's garbage collector on the processors that the console is measured on.
type memoryLog struct {
	text []byte
	ends []int // of each event in text
}

// logSpace is room for 30 s of 10,000 lines a second; what is not written to takes no memory.
const logSpace = 256 << 20

func newMemoryLog() *memoryLog {
	return &memoryLog{text: make([]byte, 0, logSpace), ends: make([]int, 0, 400_000)}
}

func (l *memoryLog) add(event []byte) {
	l.text = append(l.text, event...)
	l.ends = append(l.ends, len(l.text))
}

func (l *memoryLog) page(after, limit int) []json.RawMessage {
	page := []json.RawMessage{}
	for i := min(max(after, 0), len(l.ends)); i < len(l.ends) && len(page) < limit; i++ {
		from := 0
		if i > 0 {
			from = l.ends[i-1]
		}
		page = append(page, l.text[from:l.ends[i]])
	}
	return page
}

// Sessions of a talk: the loud one is flooded, the quiet one is not.
const loud, quiet = "s-loud", "s-quiet"

var (
	talkIDs     = []string{loud, quiet}
	talkTitles  = []string{"Loud Runner", "Quiet Runner"}
	talkBackend = playtest.Person{ID: "backend", Name: "backend", Role: playtest.RoleBackend}
	talkers     = []playtest.Person{
		{ID: "u-1", Name: "viewer", Role: playtest.RoleViewer}, {ID: "u-2", Name: "player", Role: playtest.RolePlayer},
		{ID: "u-3", Name: "viewer-3", Role: playtest.RoleViewer}, {ID: "u-4", Name: "größer", Role: playtest.RoleViewer},
	}
)

// talkAnswer is a line of what the process prints.
type talkAnswer struct {
	URL, Email, Password string
	Said                 int64 // the seq of the last line of a flood
	Pages, Visits        int   // since the process began
}

// holdTalk serves a talk until its input ends. Each line of input is "flood RATE SECONDS", "beat SECONDS" or
// "load LINES", and is answered when it is done.
func holdTalk(in io.Reader, out io.Writer) error {
	k := &talk{logs: map[string]*memoryLog{loud: newMemoryLog(), quiet: newMemoryLog()}, started: time.Now(), endsAt: time.Now().Add(time.Hour)}
	server := httptest.NewUnstartedServer(nil)
	host := server.Listener.Addr().String()
	k.url = "http://" + host
	users := cognito.DemoUsers()
	pool, err := cognito.New(cognito.Config{Endpoint: k.url + "/cognito", PoolID: "us-west-2_Hotseat01", ClientID: "console"}, users)
	if err != nil {
		return err
	}
	verifier := auth.NewVerifier(auth.Config{Issuer: pool.Issuer(), JWKSURL: pool.JWKSURL(), ClientID: "console"})
	k.events, err = appsync.New(appsync.Config{Host: host, Verify: verifier.Verify, Namespaces: []appsync.Namespace{
		{Name: "playtest", Hooks: deaf{}}, {Name: "live", Hooks: deaf{}},
	}})
	if err != nil {
		return err
	}
	defer k.events.Close()
	server.Config.Handler = k.routes(pool.Handler(), verifier, host)
	server.Start()
	defer server.Close()
	for i, id := range talkIDs {
		if _, err := k.say(id, playtest.Event{Action: playtest.ActionSessionStarted, Actor: talkBackend, Title: talkTitles[i], Application: "a-demo", Width: 1280, Height: 720, Framerate: 30, EndsAt: k.endsAt.UnixMilli()}); err != nil {
			return err
		}
	}
	answers := json.NewEncoder(out)
	for _, u := range users {
		if u.Group == string(playtest.RoleLead) {
			if err := answers.Encode(talkAnswer{URL: k.url, Email: u.Email, Password: u.Password}); err != nil {
				return err
			}
		}
	}
	for orders := bufio.NewScanner(in); orders.Scan(); {
		said, err := k.obey(orders.Text())
		if err != nil {
			return err
		}
		k.mu.Lock()
		answer := talkAnswer{Said: said, Pages: k.pages, Visits: k.visits}
		k.mu.Unlock()
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
	return nil
}

func (k *talk) obey(order string) (said int64, err error) {
	var rate, seconds int
	if n, _ := fmt.Sscanf(order, "flood %d %d", &rate, &seconds); n == 2 {
		return k.flood(rate, time.Duration(seconds)*time.Second)
	}
	if n, _ := fmt.Sscanf(order, "load %d", &rate); n == 1 {
		return k.flood(rate, 0)
	}
	if n, _ := fmt.Sscanf(order, "beat %d", &seconds); n == 1 {
		return 0, k.beat(seconds)
	}
	return 0, fmt.Errorf("%q is no order", order)
}

// flood says rate lines a second for so long, as evenly as a timer of 5 ms allows; without a time, rate
// lines at once and only into the log.
func (k *talk) flood(rate int, span time.Duration) (said int64, err error) {
	total := rate
	if span > 0 {
		total = rate * int(span/time.Second)
	}
	begun := time.Now()
	for i := range total {
		e := playtest.Event{Action: playtest.ActionChat, Actor: talkers[i%len(talkers)], Message: fmt.Sprintf("line %d: why is that sound so loud again, 漢字 and größer Münzen", i+1)}
		if span == 0 {
			if _, err = k.keep(loud, &e); err != nil {
				return 0, err
			}
			continue
		}
		for due := begun.Add(time.Duration(i) * time.Second / time.Duration(rate)); time.Until(due) > 0; {
			time.Sleep(5 * time.Millisecond) // the rate of the load, not something to wait for
		}
		if said, err = k.say(loud, e); err != nil {
			return 0, err
		}
	}
	return said, nil
}

// beat is a sidecar's sign of life on the quiet session, one a second.
func (k *talk) beat(seconds int) error {
	for range seconds {
		message, err := json.Marshal(map[string]any{
			"session": quiet, "timestamp": time.Now().UnixMilli(), "action": playtest.ActionSidecarHealth, "state": "live", "fps": 30, "bitrateKbps": 2950, "encodeMs": 6.5,
			"rttMs": 1.5, "encoder": "x264", "framerate": 30, "width": 1280, "height": 720, "actor": playtest.Person{ID: "sidecar-" + quiet, Name: "sidecar", Role: playtest.RoleSidecar},
		})
		if err != nil {
			return err
		}
		if err := k.events.Broadcast("/live/"+quiet, message); err != nil {
			return err
		}
		time.Sleep(time.Second) // the beat
	}
	return nil
}

// say keeps an event and broadcasts it.
func (k *talk) say(id string, e playtest.Event) (int64, error) {
	data, err := k.keep(id, &e)
	if err != nil {
		return 0, err
	}
	return e.Seq, k.events.Broadcast("/playtest/"+id, data)
}

// keep stamps an event as the gate does.
func (k *talk) keep(id string, e *playtest.Event) (json.RawMessage, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e.Seq, e.Session, e.Timestamp, e.User = int64(len(k.logs[id].ends)+1), id, time.Now().UnixMilli(), e.Actor.Name
	data, err := json.Marshal(e)
	k.logs[id].add(data)
	return data, err
}

func (k *talk) routes(pool http.Handler, verifier *auth.Verifier, host string) http.Handler {
	reply := func(w http.ResponseWriter, body any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(body)
	}
	signedIn := func(do func(*http.Request, playtest.Person) any) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			who, err := verifier.Verify(r.Context(), r.Header.Get("Authorization"))
			if err != nil {
				http.Error(w, err.Error(), http.StatusUnauthorized)
				return
			}
			reply(w, do(r, who.Person))
		}
	}
	channels := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		k.visits++
		k.mu.Unlock()
		k.events.Handler().ServeHTTP(w, r)
	})
	mux := http.NewServeMux()
	mux.Handle("/cognito/", http.StripPrefix("/cognito", pool))
	mux.Handle("/event", channels)
	mux.Handle("/event/", channels)
	mux.HandleFunc("GET /api/config", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]any{
			"region": "us-west-2", "local": true, "cognito": map[string]string{"endpoint": k.url + "/cognito/", "userPoolId": "us-west-2_Hotseat01", "clientId": "console"},
			"events": map[string]string{"httpUrl": k.url + "/event", "realtimeUrl": "ws://" + host + "/event/realtime", "host": host},
		})
	})
	mux.HandleFunc("GET /api/me", signedIn(func(_ *http.Request, who playtest.Person) any { return who }))
	mux.HandleFunc("GET /api/sessions", signedIn(func(*http.Request, playtest.Person) any { return map[string]any{"sessions": k.list()} }))
	mux.HandleFunc("GET /api/sessions/{id}/log", signedIn(func(r *http.Request, _ playtest.Person) any { return k.page(r) }))
	return mux
}

func (k *talk) list() []client.Session {
	k.mu.Lock()
	defer k.mu.Unlock()
	var list []client.Session
	for i, id := range talkIDs {
		list = append(list, client.Session{
			ID: id, Application: "a-demo", Title: talkTitles[i], CreatedAt: k.started, EndsAt: k.endsAt,
			Status: "ACTIVE", Width: 1280, Height: 720, Framerate: 30, LastSeq: int64(len(k.logs[id].ends)),
		})
	}
	return list
}

func (k *talk) page(r *http.Request) any {
	after, _ := strconv.Atoi(r.URL.Query().Get("after"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pages++
	log := k.logs[r.PathValue("id")]
	if log == nil {
		return map[string]any{"events": []any{}}
	}
	page := log.page(after, max(limit, 1))
	return map[string]any{"events": page, "next": after + len(page), "more": after+len(page) < len(log.ends)}
}

// deaf are hooks that take everything and broadcast nothing: consoles tell that they are there.
type deaf struct{}

func (deaf) OnPublish(_ context.Context, p appsync.Publish) ([]appsync.Outcome, error) {
	return make([]appsync.Outcome, len(p.Events)), nil
}

func (deaf) OnSubscribe(context.Context, appsync.Subscribe) error { return nil }

// talkProcess is a talk held by another process.
type talkProcess struct {
	talkAnswer
	tb      testing.TB
	orders  io.WriteCloser
	answers *json.Decoder
	pending chan error
}

func startTalk(tb testing.TB) *talkProcess {
	tb.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envTalk+"=1")
	cmd.Stderr = os.Stderr
	orders, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = orders.Close()
		if err := cmd.Wait(); err != nil {
			tb.Errorf("the talk ended with %v", err)
		}
	})
	k := &talkProcess{tb: tb, orders: orders, answers: json.NewDecoder(out)}
	if err := k.answers.Decode(&k.talkAnswer); err != nil {
		tb.Fatalf("the talk does not begin: %v", err)
	}
	return k
}

// begin gives an order; what comes back is closed by the answer, which done returns.
func (k *talkProcess) begin(order string, args ...any) (finished <-chan struct{}, done func() talkAnswer) {
	k.tb.Helper()
	if _, err := fmt.Fprintf(k.orders, order+"\n", args...); err != nil {
		k.tb.Fatal(err)
	}
	over := make(chan struct{})
	var answer talkAnswer
	var failed error
	go func() {
		defer close(over)
		failed = k.answers.Decode(&answer)
	}()
	return over, func() talkAnswer {
		k.tb.Helper()
		<-over
		if failed != nil && !errors.Is(failed, io.EOF) {
			k.tb.Fatal(failed)
		}
		return answer
	}
}
