package capture

import "time"

// The stamps that an audio source of GStreamer makes are of no use for keeping sound and picture together:
// slaved to another clock they are rounded to its buffer's segments and corrected after three of them,
// which was seen as sound that wandered by 60 ms in the first seconds. So packets are counted, and
// the count is tied to the clock by when packets arrive: a packet is late by chance, never early,
// so the earliest in a while tells the truth.
const (
	soundWarmUp = 10 // packets that only show how early packets can be; they come in a burst at first
	soundWindow = 50 // packets looked at before the count is tied anew: a second
	// What the clocks of sound cards drift by is made up for in steps that nobody hears, once it is
	// more than chance.
	soundSlack = 3 * time.Millisecond
	soundStep  = time.Millisecond
	// Beyond it, samples were lost: there is no use in going there slowly.
	soundJump = 80 * time.Millisecond
	// soundEarly is how much before its time a packet may come. A backlog that a source gives at first is
	// longer than the warm-up and comes at once: without this it was stamped as if it were of the second to
	// come, and players that go by when packets arrive kept the sound that much behind the picture.
	soundEarly = 20 * time.Millisecond
)

// soundClock gives packets of one running source their running time. Its methods belong to one
// streaming thread.
type soundClock struct {
	frame  time.Duration // what a packet lasts
	delay  time.Duration // by which the encoder makes the sound come out later
	count  int64         // packets so far
	offset time.Duration // running time of packet 0
	target time.Duration // where offset should go
	least  time.Duration // of this window
	seen   int           // packets in this window
	warm   bool
	moving bool
}

// stamp says when the sound of the next packet began, of which the end arrived at running time
// arrival. ok is false while that is not known yet.
func (c *soundClock) stamp(arrival time.Duration) (at time.Duration, ok bool) {
	position := time.Duration(c.count) * c.frame
	c.count++
	early := arrival - c.frame - c.delay - position
	if c.seen == 0 || early < c.least {
		c.least = early
	}
	c.seen++
	if !c.warm {
		if c.seen < soundWarmUp {
			return 0, false
		}
		c.warm, c.offset, c.target, c.seen = true, c.least, c.least, 0
	} else if c.offset-early > soundEarly {
		c.offset, c.target, c.seen, c.moving = early, early, 0, false
	} else if c.seen == soundWindow {
		c.target, c.seen = c.least, 0
	}
	d := c.target - c.offset
	switch {
	case d.Abs() > soundJump:
		c.offset, c.moving = c.target, false
	case c.moving || d.Abs() > soundSlack:
		c.offset += min(max(d, -soundStep), soundStep)
		c.moving = c.offset != c.target
	}
	return position + c.offset, true
}
