package gate

import (
	"time"

	"golang.org/x/time/rate"

	"hotseat/backend/playtest"
	"hotseat/backend/ratelimit"
)

// class groups actions that share a rate.
type class struct {
	perSecond rate.Limit
	burst     int
	message   string
}

// The rates per person. A person's fingers are slower than all of these; a script is not.
var (
	chatClass     = &class{2, 5, "you are writing faster than others can read; wait a moment"}
	reactClass    = &class{8, 12, "that is a lot of reactions; wait a moment"}
	presenceClass = &class{1, 4, "presence is told too often; every 5 s is enough"}
	seatClass     = &class{1, 8, "too many requests and decisions; wait a moment"}
	coopClass     = &class{20, 40, "your moves come faster than a game can take them"}
	markClass     = &class{1, 5, "marks come too often; one a second is enough"}
	machineClass  = &class{20, 40, "the sidecar publishes too often"}
)

// limits are the token buckets per person and class. The backend itself is not limited.
type limits struct{ buckets *ratelimit.Keyed[bucketKey] }

type bucketKey struct {
	person string
	class  *class
}

func newLimits(now func() time.Time) *limits {
	return &limits{ratelimit.New[bucketKey](now)}
}

func (l *limits) allow(who playtest.Person, action playtest.Action) *playtest.Refusal {
	if who.Role == playtest.RoleBackend {
		return nil
	}
	c := classOf(who.Role, action)
	if l.buckets.Allow(bucketKey{who.ID, c}, c.perSecond, c.burst) {
		return nil
	}
	return refusal(playtest.CodeTooFast, "%s", c.message)
}

func classOf(role playtest.Role, action playtest.Action) *class {
	switch {
	case role == playtest.RoleSidecar && action == playtest.ActionSessionMark:
		return markClass // these are kept, and every console reads them
	case !role.IsPerson():
		return machineClass
	case action == playtest.ActionReact:
		return reactClass
	case action == playtest.ActionMovePlayer, action == playtest.ActionSpawnPlayer, action == playtest.ActionDespawnPlayer:
		return coopClass
	case action == playtest.ActionPresence:
		return presenceClass
	case action == playtest.ActionChat:
		return chatClass
	}
	return seatClass
}
