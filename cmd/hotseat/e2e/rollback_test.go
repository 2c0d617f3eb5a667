package e2e

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotseat/backend/playtest"
	"hotseat/cmd/hotseat/internal/check"
)

// TestAHandOverThatFailsLeavesThePlayerPlaying approves somebody whose page is gone: the player's page
// has let go of the game by then, and comes back to it by itself.
func TestAHandOverThatFailsLeavesThePlayerPlaying(t *testing.T) {
	d := startDemo(t)
	address := d.see(`http://127\.0\.0\.1:\d+`, 30*time.Second)
	passwords := signIns(t, d.data)
	b := startBrowser(t)
	b.signIn("player", address, "player@ivs.rocks", passwords["player@ivs.rocks"], 1280, 800)
	b.enter("player")
	b.do("player", "click", args{"on": "seat-request"})
	until(t, "the player in the seat", patience, func() bool { c := b.code("player"); return c != nil && c.Epoch == 1 })

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	session := strings.Fields(d.see(`s-[a-z0-9]{10} playtest of`, patience))[0]
	viewer, err := check.SignIn(ctx, address, "viewer@ivs.rocks", passwords["viewer@ivs.rocks"])
	if err != nil {
		t.Fatal(err)
	}
	if err := viewer.Join(ctx, session); err != nil {
		t.Fatal(err)
	}
	defer viewer.Leave()
	if err := viewer.Publish(ctx, "/playtest/"+session, playtest.Event{Action: playtest.ActionTakeoverRequest}); err != nil {
		t.Fatal(err)
	}
	b.do("player", "click", args{"on": "seat-approve"})
	d.see(`did not answer within 5 s`, patience)
	until(t, "the player's page back in the game", patience, func() bool {
		source, err := b.try("player", "attribute", args{"on": "picture", "name": "data-source"})
		return err == nil && string(source) == `"game"` && b.code("player") != nil
	})
	if c := b.sees("player"); c.Epoch != 1 {
		t.Errorf("code = %+v, want epoch 1: nobody else has had the seat", c)
	}
	b.do("player", "click", args{"on": "picture"})
	pressReaches(t, b, "player", "player")
	d.signal(syscall.SIGTERM)
	if code := d.wait(30 * time.Second); code != 0 {
		t.Errorf("exit code %d\n%s", code, d.output())
	}
}
