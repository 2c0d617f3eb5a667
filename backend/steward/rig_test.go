package steward_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"go.uber.org/goleak"

	"hotseat/backend/auth"
	"hotseat/backend/aws"
	"hotseat/backend/gate"
	"hotseat/backend/local/gameliftstreams"
	"hotseat/backend/local/gameliftstreams/instance"
	"hotseat/backend/local/ivsrealtime"
	"hotseat/backend/local/sigv4"
	"hotseat/backend/playtest"
	"hotseat/backend/steward"
	"hotseat/backend/store"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "4"); err != nil { // most tests wait for something, whatever the number of cores
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener"),
		goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

func person(id string, role playtest.Role) auth.Identity {
	return auth.Identity{Person: playtest.Person{ID: id, Name: id, Role: role}}
}

var (
	lead    = person("lead", playtest.RoleLead)
	player  = person("player", playtest.RolePlayer)
	viewer  = person("viewer", playtest.RoleViewer)
	third   = person("third", playtest.RoleViewer)
	backend = person("backend", playtest.RoleBackend)
)

const (
	region   = "us-west-2"
	patience = 20 * time.Second // for what must happen, on a busy machine
)

// rig is a steward with a real store, a real gate, and the real local services behind a wire that a test
// can break: signed HTTP, the official client, WebRTC between the pages and the instance.
type rig struct {
	t       *testing.T
	store   *store.Store
	gate    *gate.Gate
	wire    *wire
	stages  *ivsrealtime.Service
	aws     *aws.Clients
	timing  steward.Timing
	game    *game // of the session
	session string
	jump    atomic.Int64 // by how many nanoseconds the clock of the service is ahead

	running sync.WaitGroup

	mu     sync.Mutex // protects the fields below
	now    *process
	closed bool
	pages  []*page
	parted []string // whom the stage was told to put off
	// at is called at each step of a steward, and may crash it.
	at func(point string)
	// refuse makes publishing fail as a backend in trouble does.
	refuse func(e playtest.Event) error
}

// quick looks often and is patient; tests that wait for a time-out shorten what they wait for, when everybody has
// come as far as they should.
func quick() steward.Timing {
	return steward.Timing{
		FirstPoll: 10 * time.Millisecond, IdlePoll: 100 * time.Millisecond, Look: 5 * time.Second, Offer: patience,
		Release: patience, Answer: patience, Connect: patience, Grace: patience, Calls: 400,
	}
}

// newRig makes a rig without a session, for a test that runs beside others.
func newRig(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	db, err := store.Open(filepath.Join(t.TempDir(), "log.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	r := &rig{t: t, store: db, gate: gate.New(db, time.Now), timing: quick()}
	streams, err := gameliftstreams.New(gameliftstreams.Config{
		Region: region, Applications: []gameliftstreams.Application{{ID: "a-game", Description: "game", Dir: "/games/game", ExecutablePath: "run.sh"}},
		Now: func() time.Time { return time.Now().Add(time.Duration(r.jump.Load())) },
		Launch: func(start instance.Start, log *slog.Logger) (gameliftstreams.Process, error) {
			g, err := launch(start, log)
			r.game = g
			return g, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := streams.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if r.stages, err = ivsrealtime.New(ivsrealtime.Config{Region: region, WhipURL: "http://127.0.0.1/whip", EventsURL: "wss://events.invalid", Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	r.stages.SetStage(r)
	keys := sigv4.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "secret"}
	serve := func(service string, h http.Handler) string {
		server := httptest.NewServer(sigv4.Middleware(service, region, keys, time.Now, sigv4.WriteError)(h))
		t.Cleanup(server.Close)
		return server.URL
	}
	r.wire = newWire(t, serve("gameliftstreams", streams.Handler()))
	r.aws = aws.New(aws.Config{
		Region: region, StreamsEndpoint: r.wire.URL, RealTimeEndpoint: serve("ivs", r.stages.Handler()),
		StreamGroup: gameliftstreams.StreamGroupID, ConnectionTimeout: time.Hour,
		Credentials: awssdk.CredentialsProviderFunc(func(context.Context) (awssdk.Credentials, error) {
			return awssdk.Credentials{AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey}, nil
		}),
	})
	t.Cleanup(r.stop)
	return r
}

// length of the stream session, less than the hour after which an idle player loses it.
const length = 30 * time.Minute

// started is a rig with a session that waits for its first player.
func started(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.start()
	<-r.process().steward.Ready()
	record, err := r.process().steward.Start(t.Context(), steward.StartRequest{
		By: lead.Person, Application: "a-game", Title: "game", Width: 640, Height: 360, Framerate: 30,
		VideoBitrateKbps: 1000, Encoder: "cpu", Length: length,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.session = record.ID
	r.eventually("the game to run", func() bool { return r.state().Status == "ACTIVE" })
	return r
}

func (r *rig) stop() {
	r.mu.Lock()
	r.closed = true
	p, pages := r.now, r.pages
	r.mu.Unlock()
	if p != nil {
		p.cancel()
	}
	r.running.Wait()
	for _, page := range pages {
		page.leave()
	}
}

var errDead = errors.New("this backend is dead")

// step tells the test where a backend is.
func (r *rig) step(p *process, point string) error {
	if p.dead.Load() {
		return errDead
	}
	r.mu.Lock()
	at := r.at
	r.mu.Unlock()
	if at != nil {
		at(point)
	}
	if p.dead.Load() {
		return errDead
	}
	return nil
}

// publish is a steward's way to the gate; it wakes the steward, and the pages hear it, as by the channel.
func (r *rig) publish(ctx context.Context, p *process, channel string, event any) error {
	if live, ok := event.(playtest.Live); ok {
		return r.step(p, live.Step)
	}
	e := event.(playtest.Event)
	if err := r.step(p, "before "+string(e.Action)); err != nil {
		return err
	}
	r.mu.Lock()
	refuse := r.refuse
	r.mu.Unlock()
	if refuse != nil {
		if err := refuse(e); err != nil {
			return err
		}
	}
	if _, err := r.tell(ctx, strings.Split(channel, "/")[2], backend, e); err != nil {
		return err
	}
	return r.step(p, "after "+string(e.Action))
}

// tell brings an event through the gate to everybody.
func (r *rig) tell(ctx context.Context, session string, who auth.Identity, e playtest.Event) (said playtest.Event, err error) {
	payload, err := json.Marshal(e)
	if err != nil {
		return said, err
	}
	out, err := r.gate.Publish(ctx, gate.NamespacePlaytest, session, who, payload)
	if err != nil || out == nil {
		return said, err
	}
	if err := json.Unmarshal(out, &said); err != nil {
		return said, err
	}
	r.mu.Lock()
	pages := append([]*page(nil), r.pages...)
	r.mu.Unlock()
	for _, page := range pages {
		page.hear(said)
	}
	r.process().steward.Wake(session)
	return said, nil
}

// say publishes as a person, or as the backend.
func (r *rig) say(who auth.Identity, e playtest.Event) playtest.Event {
	r.t.Helper()
	said, err := r.tell(context.Background(), r.session, who, e)
	if err != nil {
		r.t.Fatal(err)
	}
	return said
}

func (r *rig) state() *playtest.State {
	r.t.Helper()
	state, err := r.gate.State(context.Background(), r.session)
	if err != nil {
		r.t.Fatal(err)
	}
	return &state
}

func (r *rig) log() []playtest.Event {
	r.t.Helper()
	events, err := r.store.Read(context.Background(), r.session, 0, 1000)
	if err != nil {
		r.t.Fatal(err)
	}
	return events
}

// eventually waits for the world to be as wanted.
func (r *rig) eventually(what string, is func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !is(); {
		if time.Now().After(deadline) {
			var lines []string
			for _, e := range r.log() {
				lines = append(lines, fmt.Sprintf("%d %s %s %s %s %s", e.Seq, e.Action, e.RequestID, e.Status, e.StatusReason, e.Reason))
			}
			r.t.Fatalf("%s: not within %s; the log:\n%s", what, patience, strings.Join(lines, "\n"))
		}
		time.Sleep(10 * time.Millisecond) // between two looks at what other goroutines write
	}
}

// logged waits for the first event of an action and returns it.
func (r *rig) logged(action playtest.Action) (found playtest.Event) {
	r.t.Helper()
	r.eventually(string(action), func() bool {
		all := r.all(action)
		if len(all) > 0 {
			found = all[0]
		}
		return len(all) > 0
	})
	return found
}

func (r *rig) all(action playtest.Action) (found []playtest.Event) {
	for _, e := range r.log() {
		if e.Action == action {
			found = append(found, e)
		}
	}
	return found
}

// seat brings a page into the seat, with a QA lead's word if it needs one.
func (r *rig) seat(p *page) {
	r.t.Helper()
	request := p.ask()
	if state := r.state(); state.Position(request) > 0 {
		if _, granted := state.Granted(time.Now()); !granted {
			r.approve(request)
		}
	}
	r.plays(p)
}

func (r *rig) approve(request string) {
	r.t.Helper()
	r.say(lead, playtest.Event{Action: playtest.ActionTakeoverApprove, RequestID: request})
}

// plays waits until a page has the seat, and the game.
func (r *rig) plays(p *page) {
	r.t.Helper()
	r.eventually(p.who.ID+" in the seat", func() bool {
		state := r.state()
		return state.Seat.HeldBy(p.who.ID) && state.Handover == nil
	})
	r.reaches(p)
}

// reaches waits until what a page sends arrives in the game.
func (r *rig) reaches(p *page) {
	r.t.Helper()
	r.eventually("input of "+p.who.ID+" in the game", func() bool {
		p.send(p.who.ID)
		heard := r.game.heard()
		return len(heard) > 0 && heard[len(heard)-1] == p.who.ID
	})
}

// DisconnectParticipant and DisconnectStage make the rig a stage server without anybody on it.
func (r *rig) DisconnectParticipant(_, participant string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parted = append(r.parted, participant)
}

func (r *rig) DisconnectStage(string) {}

func (r *rig) set(change func(*rig)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r)
}
