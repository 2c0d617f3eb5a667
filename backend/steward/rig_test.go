package steward

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"hotseat/backend/auth"
	"hotseat/backend/aws"
	"hotseat/backend/gate"
	"hotseat/backend/playtest"
	"hotseat/backend/store"
)

// streams is GameLift Streams at the wire with one stream session, in the state that a test puts it
// in; calls fail when a test says so.
type streams struct {
	mu     sync.Mutex // protects all
	status string
	reason string
	offers []string // of every accepted CreateStreamSessionConnection
	ended  []string // "stream", "stage"
	// dismissed are the bodies of DisconnectParticipant
	dismissed []string
	connects  string // the status after a connection was made; "" leaves it
	fault     func(r *http.Request) (status int, name string)
}

func (s *streams) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if s.fault != nil {
		if status, name := s.fault(r); status != 0 {
			w.Header().Set("X-Amzn-Errortype", name)
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"Message":"%s of arn:aws:gameliftstreams:secret"}`, name)
			return
		}
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/connections"):
		var in struct{ SignalRequest string }
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &in)
		s.offers = append(s.offers, in.SignalRequest)
		if s.connects != "" {
			s.status = s.connects
		}
		fmt.Fprintf(w, `{"SignalResponse":%q}`, "answer to "+in.SignalRequest)
	case r.Method == http.MethodDelete:
		s.ended = append(s.ended, "stream")
		s.status, s.reason = "TERMINATED", "apiTerminated"
		w.WriteHeader(http.StatusNoContent)
	case r.URL.Path == "/GetStage":
		fmt.Fprint(w, `{"stage":{"arn":"arn:aws:ivs:x","activeSessionId":"st-1"}}`)
	case r.URL.Path == "/ListParticipants":
		fmt.Fprint(w, `{"participants":[{"participantId":"gone","state":"DISCONNECTED"},{"participantId":"here","state":"CONNECTED"}]}`)
	case r.URL.Path == "/DisconnectParticipant":
		body, _ := io.ReadAll(r.Body)
		s.dismissed = append(s.dismissed, string(body))
		fmt.Fprint(w, `{}`)
	case r.URL.Path == "/DeleteStage":
		s.ended = append(s.ended, "stage")
		fmt.Fprint(w, `{}`)
	default:
		fmt.Fprintf(w, `{"Arn":%q,"Status":%q,"StatusReason":%q}`, testARN, s.status, s.reason)
	}
}

func (s *streams) set(change func(*streams)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

const testARN = "arn:aws:gameliftstreams:us-west-2:000000000000:streamsession/sg-1/abc"

func person(id string, role playtest.Role) auth.Identity {
	return auth.Identity{Person: playtest.Person{ID: id, Name: id, Role: role}}
}

var (
	lead    = person("lead", playtest.RoleLead)
	player  = person("player", playtest.RolePlayer)
	viewer  = person("viewer", playtest.RoleViewer)
	backend = person("backend", playtest.RoleBackend)
)

// rig is a steward with a real gate and a real store.
type rig struct {
	t       *testing.T
	streams *streams
	store   *store.Store
	gate    *gate.Gate
	steward *Steward
	// refuse makes publishing fail as a backend in trouble does.
	refuse func(e playtest.Event) error
}

const testID = "s-1"

// offerTime is long enough for a test that is about something else, on a busy machine.
const offerTime = 3 * time.Second

func newRig(t *testing.T, record store.Session) *rig {
	t.Helper()
	db, err := store.Open(filepath.Join(t.TempDir(), "log.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	r := &rig{t: t, streams: &streams{status: "ACTIVE"}, store: db, gate: gate.New(db, time.Now)}
	server := httptest.NewServer(r.streams)
	t.Cleanup(server.Close)
	record.ID, record.StageARN = testID, "arn:aws:ivs:x"
	if record.CreatedAt.IsZero() {
		record.CreatedAt = time.Now()
	}
	if err := db.SaveSession(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	r.steward = New(Config{
		AWS: aws.New(aws.Config{
			Region: "us-west-2", Credentials: awssdk.AnonymousCredentials{}, StreamsEndpoint: server.URL,
			RealTimeEndpoint: server.URL, StreamGroup: "sg-1",
		}),
		Store: db, Now: time.Now, Log: slog.New(slog.DiscardHandler), Publish: r.publish,
		Timing: Timing{
			FirstPoll: 5 * time.Millisecond, IdlePoll: 20 * time.Millisecond, Offer: offerTime,
			Release: 2 * time.Second, Connect: 2 * time.Second, Grace: 300 * time.Millisecond,
		},
	})
	return r
}

// publish is the steward's way to the gate, and wakes it as the channel does.
func (r *rig) publish(ctx context.Context, channel string, event any) error {
	e, ok := event.(playtest.Event)
	if !ok {
		return nil // told on /live
	}
	if r.refuse != nil {
		if err := r.refuse(e); err != nil {
			return err
		}
	}
	payload, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = r.gate.Publish(ctx, gate.NamespacePlaytest, strings.Split(channel, "/")[2], backend, payload)
	if err == nil {
		r.steward.Wake(testID)
	}
	return err
}

// run sets the steward to work until the test is over.
func (r *rig) run() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.steward.Run(ctx)
	}()
	r.t.Cleanup(func() { cancel(); <-done })
}

// say publishes as a person, or as the backend.
func (r *rig) say(who auth.Identity, e playtest.Event) playtest.Event {
	r.t.Helper()
	payload, err := json.Marshal(e)
	if err != nil {
		r.t.Fatal(err)
	}
	out, err := r.gate.Publish(context.Background(), gate.NamespacePlaytest, testID, who, payload)
	if err != nil {
		r.t.Fatal(err)
	}
	var said playtest.Event
	if err := json.Unmarshal(out, &said); err != nil {
		r.t.Fatal(err)
	}
	r.steward.Wake(testID)
	return said
}

func (r *rig) state() *playtest.State {
	r.t.Helper()
	state, err := r.gate.State(context.Background(), testID)
	if err != nil {
		r.t.Fatal(err)
	}
	return &state
}

func (r *rig) log() []playtest.Event {
	r.t.Helper()
	events, err := r.store.Read(context.Background(), testID, 0, 1000)
	if err != nil {
		r.t.Fatal(err)
	}
	return events
}

// eventually waits for the world to be as wanted.
func (r *rig) eventually(what string, is func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(deadline) {
			var lines []string
			for _, e := range r.log() {
				lines = append(lines, fmt.Sprintf("%d %s %s %s %s", e.Seq, e.Action, e.RequestID, e.Status, e.Reason))
			}
			r.t.Fatalf("%s: not within 20 s; the log:\n%s", what, strings.Join(lines, "\n"))
		}
		time.Sleep(2 * time.Millisecond) // between two looks at a log that other goroutines write
	}
}

// logged waits for an event and returns it.
func (r *rig) logged(action playtest.Action) (found playtest.Event) {
	r.t.Helper()
	r.eventually(string(action), func() bool {
		for _, e := range r.log() {
			if e.Action == action {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

func (r *rig) offer(who auth.Identity, request, offer string) {
	r.t.Helper()
	r.eventually("the offer is taken in", func() bool {
		return r.steward.PutOffer(r.state(), who.Person, request, offer) == nil
	})
}

// seat brings somebody into the empty seat and leaves them connected.
func (r *rig) seat(who auth.Identity) {
	r.t.Helper()
	r.streams.set(func(s *streams) { s.connects = "CONNECTED" })
	request := r.say(who, playtest.Event{Action: playtest.ActionTakeoverRequest})
	r.offer(who, request.RequestID, "offer of "+who.ID)
	r.eventually(who.ID+" in the seat", func() bool { return r.state().Seat.HeldBy(who.ID) })
}

// ask lets somebody ask for the seat and the lead approve, and returns the request's id.
func (r *rig) ask(who auth.Identity) string {
	r.t.Helper()
	request := r.say(who, playtest.Event{Action: playtest.ActionTakeoverRequest})
	r.say(lead, playtest.Event{Action: playtest.ActionTakeoverApprove, RequestID: request.RequestID})
	return request.RequestID
}
