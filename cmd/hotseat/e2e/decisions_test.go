package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hotseat/backend/events"
	"hotseat/backend/playtest"
	"hotseat/cmd/hotseat/internal/check"
)

// twoLeads writes the sign-ins of a demo before it starts: the usual three and a second QA lead.
func twoLeads(t *testing.T) (folder string, passwords map[string]string) {
	t.Helper()
	const password = "Correct-horse-1"
	folder, passwords = filepath.Join(t.TempDir(), "d"), map[string]string{}
	var users []map[string]string
	for _, u := range [][2]string{{"lead", "qa-lead"}, {"ruth", "qa-lead"}, {"player", "player"}, {"viewer", "viewer"}} {
		email := u[0] + "@ivs.rocks"
		passwords[email] = password
		users = append(users, map[string]string{"email": email, "password": password, "group": u[1]})
	}
	content, err := json.Marshal(map[string]any{"users": users})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "sign-ins.json"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	return folder, passwords
}

// wirePlayer is a person on the wire who can also play.
type wirePlayer struct {
	*wirePerson
	stream *check.Player
}

// take brings a player whose request was approved into the seat.
func (p *wirePlayer) take(request string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	var err error
	if p.stream, err = check.NewPlayer(ctx); err != nil {
		p.t.Fatal(err)
	}
	if err := p.stream.Take(ctx, p.Person, p.session, request); err != nil {
		p.t.Fatal(err)
	}
	p.logged(p.Name+" in the seat", func(e playtest.Event) bool {
		return e.Action == playtest.ActionSeatTaken && e.RequestID == request
	})
}

// request asks for the seat and returns the request's id.
func (p *wirePlayer) request() string {
	p.t.Helper()
	known := len(p.log())
	if err := p.ask(playtest.Event{Action: playtest.ActionTakeoverRequest}); err != nil {
		p.t.Fatal(err)
	}
	return p.logged("the request of "+p.Name, func(e playtest.Event) bool {
		return e.Seq > int64(known) && e.Action == playtest.ActionTakeoverRequest && e.Actor.Name == p.Name
	}).RequestID
}

// TestTwoLeadsAndTheHolderDecideAtOnce lets three people decide the same request at the same moment,
// each over a WebSocket of their own: the log has one decision, and the others read whose.
func TestTwoLeadsAndTheHolderDecideAtOnce(t *testing.T) {
	folder, passwords := twoLeads(t)
	d := startDemo(t, "--data", folder) // the last --data counts
	address := d.see(`http://127\.0\.0\.1:\d+`, 30*time.Second)
	join := func(name string) *wirePerson {
		return joinOverTheWire(t, address, name+"@ivs.rocks", passwords[name+"@ivs.rocks"])
	}
	lead, ruth := join("lead"), join("ruth")
	holder, other := &wirePlayer{wirePerson: join("player")}, &wirePlayer{wirePerson: join("viewer")}
	holder.take(holder.request())

	const approve, deny = playtest.ActionTakeoverApprove, playtest.ActionTakeoverDeny
	for round, wishes := range [][3]playtest.Action{
		{approve, approve, approve}, {deny, deny, deny}, {approve, approve, deny}, {approve, deny, approve}, {deny, approve, approve},
		{approve, deny, deny}, {deny, approve, deny}, {deny, deny, approve}, {approve, approve, approve}, {deny, approve, approve},
	} {
		// Given a request that waits, when two leads and the holder decide it at once,
		request := other.request()
		deciders := []*wirePerson{lead, ruth, holder.wirePerson}
		refusals := atOnce(deciders, request, wishes)

		// then the log has one decision,
		var decided []playtest.Event
		for _, e := range lead.log() {
			if e.RequestID == request && (e.Action == approve || e.Action == deny) {
				decided = append(decided, e)
			}
		}
		if len(decided) != 1 {
			t.Fatalf("round %d: the log has %d decisions, want 1: %+v", round, len(decided), decided)
		}
		// it is that of the one who was not refused, and the others were told.
		for i, decider := range deciders {
			if decider.Name == decided[0].Actor.Name {
				if refusals[i] != nil || decided[0].Action != wishes[i] {
					t.Errorf("round %d: the log has %s by %s, who wished %s and got %v", round, decided[0].Action, decider.Name, wishes[i], refusals[i])
				}
			} else {
				tellsWhoDecided(t, refusals[i], decided[0])
			}
		}
		t.Logf("round %d: %s by %s; the others: %q", round, decided[0].Action, decided[0].Actor.Name, refusals)
		if decided[0].Action == approve {
			holder.stream.Close() // as a holder's page does when it hears of the approval
			other.take(request)
			holder, other = other, holder
		}
		time.Sleep(time.Second) // the gate takes no more than one request or decision a second from one person
	}
	holder.stream.Close()
	d.signal(syscall.SIGTERM)
	if code := d.wait(30 * time.Second); code != 0 {
		t.Errorf("exit code %d\n%s", code, d.output())
	}
}

// atOnce publishes each decider's wish at the same moment and returns who was refused, and how.
func atOnce(deciders []*wirePerson, request string, wishes [3]playtest.Action) [3]error {
	var refusals [3]error
	var ready, done sync.WaitGroup
	now := make(chan struct{})
	for i, decider := range deciders {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-now
			refusals[i] = decider.ask(playtest.Event{Action: wishes[i], RequestID: request})
		})
	}
	ready.Wait()
	close(now)
	done.Wait()
	return refusals
}

// tellsWhoDecided: a late decision is refused with the name of who was faster.
func tellsWhoDecided(t *testing.T, err error, decided playtest.Event) {
	t.Helper()
	var refused *events.RefusedError
	if !errors.As(err, &refused) {
		t.Errorf("a decision after that of %s got %v, want a refusal", decided.Actor.Name, err)
		return
	}
	if refused.Type != string(playtest.CodeAlreadyDecided) || !strings.Contains(refused.Message, decided.Actor.Name) {
		t.Errorf("a decision after that of %s was refused with %v", decided.Actor.Name, err)
	}
}
