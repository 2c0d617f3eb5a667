package e2e

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"hotseat/backend/playtest"
)

// twoPages is a running demo with a page of the player, who has the seat, and one of the viewer, who
// watches. The QA lead is on the wire, so that the moment of a decision is known to the microsecond.
type twoPages struct {
	t    testing.TB
	demo *demo
	b    *browser
	lead *wirePerson
	game gameLog
}

func openTwoPages(t testing.TB) *twoPages {
	t.Helper()
	script, err := filepath.Abs("../../hotseat-demo-game/app/run_broadcaster_background.sh")
	if err != nil {
		t.Fatal(err)
	}
	p := &twoPages{t: t, game: newGameLog(t)}
	p.demo = startDemo(t, "--app", application(t, p.game.keeping("exec "+script+"\n")))
	address := p.demo.see(`http://127\.0\.0\.1:\d+`, 30*time.Second)
	passwords := signIns(t, p.demo.data)
	p.b = startBrowser(t)
	for _, name := range []string{"player", "viewer"} {
		p.b.signIn(name, address, name+"@ivs.rocks", passwords[name+"@ivs.rocks"], 1280, 800)
		p.b.enter(name)
	}
	p.b.do("player", "click", args{"on": "seat-request"})
	p.plays("player")
	p.lead = joinOverTheWire(t, address, "lead@ivs.rocks", passwords["lead@ivs.rocks"])
	return p
}

// plays waits until a page shows the game's own stream.
func (p *twoPages) plays(page string) {
	p.t.Helper()
	p.b.do(page, "wait", args{"on": "seat-release", "timeout": 20_000})
	until(p.t, "the game on the page of the "+page, patience, func() bool {
		source, err := p.b.try(page, "attribute", args{"on": "picture", "name": "data-source"})
		return err == nil && string(source) == `"game"`
	})
}

// requests asks for the seat on a page, and returns when the page has shown that the request waits.
func (p *twoPages) requests(page string) {
	p.t.Helper()
	p.b.do(page, "click", args{"on": "seat-request"})
	p.b.do(page, "wait", args{"on": "seat-cancel", "timeout": 10_000})
}

// approve lets the first of the queue into the seat and returns the moment before it was sent.
func (p *twoPages) approve() time.Time {
	p.t.Helper()
	sent := time.Now()
	if err := p.lead.ask(playtest.Event{Action: playtest.ActionTakeoverApprove}); err != nil {
		p.t.Fatal(err)
	}
	return sent
}

func (p *twoPages) end() {
	p.t.Helper()
	p.demo.signal(syscall.SIGTERM)
	if code := p.demo.wait(30 * time.Second); code != 0 {
		p.t.Errorf("exit code %d\n%s", code, p.demo.output())
	}
}
