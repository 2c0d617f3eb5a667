package e2e

import (
	"slices"
	"testing"
	"time"
)

// TestNoKeyStaysPressedAcrossAHandOver takes the seat from a player whose finger is on a key, and
// asks the game what it saw: it is a client of a real X server, to which a key that nobody releases
// stays down.
func TestNoKeyStaysPressedAcrossAHandOver(t *testing.T) {
	begun := time.Now()
	p := openTwoPages(t)

	// Given a player who holds W down, and a viewer who waits for the seat,
	p.b.do("player", "click", args{"on": "picture"})
	p.b.hold("player", "KeyW")
	p.game.press(t, "KeyW", begun)
	p.requests("viewer")

	// when the viewer gets the seat and presses D,
	approved := p.approve()
	p.b.do("viewer", "tap", args{"code": "KeyD"})
	p.game.press(t, "KeyD", approved)
	p.b.do("viewer", "rest", nil)

	// and the former player, still holding W, presses Q, lets go, and presses W anew,
	p.b.do("player", "click", args{"on": "picture"})
	p.b.do("player", "key", args{"key": "KeyQ"})
	p.b.release("player", "KeyW")
	p.b.do("player", "key", args{"key": "KeyW"})
	p.b.do("viewer", "key", args{"key": "KeyE"})
	p.game.press(t, "KeyE", approved) // what was sent before it would be in the game by now

	// then the game saw W go up before D went down, and nothing more of the former player.
	keys := slices.DeleteFunc(p.game.lines(t), func(l gameLine) bool { return l.Code == "" })
	first := slices.IndexFunc(keys, func(l gameLine) bool { return l.Code == "KeyD" })
	before, after := keys[:first], keys[first:]
	last := len(before) - 1
	if len(before) != 2 || before[last].Code != "KeyW" || before[last].Event != "key_up" {
		t.Errorf("before the new player's first press the game saw %+v, want one W, down and up", before)
	}
	if slices.ContainsFunc(after, func(l gameLine) bool { return l.Code == "KeyW" || l.Code == "KeyQ" }) {
		t.Errorf("the game saw keys of the former player after the new one's first: %+v", after)
	}
	t.Logf("W went up %d ms after the approval, D down after %d ms", before[last].At-approved.UnixMilli(), after[0].At-approved.UnixMilli())
	p.end()
}
