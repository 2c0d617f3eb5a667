package capture

import (
	"errors"
	"time"
)

// searchPause is the time between two tries to get a picture of a display or window that is
// missing.
const searchPause = 100 * time.Millisecond

// pictures is the state of servePictures.
type pictures struct {
	p       *Pipeline
	last    *slot         // what is repeated; nil before the first picture
	dark    *slot         // the placeholder; nil until it is needed
	pending bool          // the camera is at work
	asked   time.Duration // since when, clock
	retry   time.Duration // not before, clock
	fresh   time.Duration // when the last picture came, clock
	busy    time.Duration // since when every slot has been read, clock; 0: one is free
	lost    time.Duration // when the source was lost, clock; 0: it is there
	why     error
	watch   stallWatch // of the camera
}

// servePictures pushes one picture each period, whatever the display does: a fresh one if it comes
// within three quarters of the period, else the last one again. It takes none while the encoder is
// still at work on the one before: a machine that is short of CPU then neither grabs nor encodes it,
// and the game gets the time.
func (p *Pipeline) servePictures() {
	requests, results := make(chan struct{}), make(chan shot, 1)
	go func() {
		defer close(p.shotsDone)
		p.camera.run(requests, results, p.closing)
	}()
	s := &pictures{p: p, fresh: p.now()}
	p.meter.update(func(st *Stats) { st.Source = SourceWaiting })
	defer s.release()

	grid, step := p.baseTime(), p.current.Load().period()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for first := true; ; first = false {
		e := p.current.Load()
		period := e.period()
		if period != step && p.phase != nil {
			grid += p.phase.offset() // it goes on from where it stands, so that time never runs back
			p.phase.setPeriod(period)
		}
		step = period
		if !first {
			grid += period
		}
		due := grid
		if p.phase != nil {
			due += p.phase.offset()
		}
		now := p.now()
		if late := now - due; late > period { // the machine was asleep, or too slow: those are gone
			skip := late / period * period
			p.meter.update(func(st *Stats) { st.SkippedLate += uint64(skip / period) }) //nolint:gosec // positive
			grid, due = grid+skip, due+skip
		}
		timer.Reset(max(0, due-now))
		select {
		case <-p.closing:
			return
		case <-timer.C:
		}
		s.watch.look(p.now())
		if e.busy() {
			p.meter.update(func(st *Stats) { st.SkippedBusy++ })
			s.collect(results, 0)
			continue
		}
		if !s.pending && p.now() >= s.retry {
			select {
			case requests <- struct{}{}:
				s.pending, s.asked = true, p.now()
			case <-p.closing:
				return
			}
		}
		wait := due + period*3/4 - p.now()
		if s.lost != 0 {
			wait = 0 // nobody waits for a display that hangs
		}
		got := s.collect(results, wait)
		if got {
			if p.phase != nil {
				if shift := p.phase.picture(due); shift != 0 {
					p.phase.move(shift)
				}
			}
		} else if !s.endure() {
			return
		}
		if shown := s.show(); shown != nil {
			e.push(shown, max(0, due-p.baseTime()), period, p.now())
		}
	}
}

// collect takes the camera's answer, waiting for it at most so long, and says whether it is a fresh
// picture.
func (s *pictures) collect(results <-chan shot, wait time.Duration) bool {
	if !s.pending {
		return false
	}
	var r shot
	select {
	case r = <-results:
	default:
		if wait <= 0 {
			return false
		}
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case r = <-results:
		case <-timer.C:
			return false
		case <-s.p.closing:
			return false
		}
	}
	s.pending = false
	now := s.p.now()
	if r.err != nil {
		s.refused(r.err, now)
		return false
	}
	s.busy = 0
	if s.last != nil {
		s.last.shown.Store(false)
	}
	r.slot.shown.Store(true)
	s.last, s.fresh = r.slot, now
	if s.lost != 0 {
		away := now - s.lost
		s.lost = 0
		s.p.cfg.Log.Info("the picture is back", "away", away.Round(time.Millisecond))
		s.p.meter.update(func(st *Stats) { st.SourceAway = away })
	}
	s.p.meter.update(func(st *Stats) { st.Source, st.SourceErr, st.SourceGone = SourceLive, "", false })
	return true
}

// refused decides what an error of the camera means. For a moment every slot may be in use; for longer
// something holds on to them, and viewers see a still picture as with any other loss.
func (s *pictures) refused(err error, now time.Duration) {
	if errors.Is(err, errBusy) {
		if s.busy == 0 {
			s.busy = now
		}
		if now-s.busy <= stallTime {
			return
		}
	} else {
		s.busy = 0
	}
	s.retry = now + searchPause
	s.lose(err)
}

// lose notes that the source is not there.
func (s *pictures) lose(err error) {
	state := SourceHeld
	if s.last == nil {
		state = SourceWaiting
	}
	s.why = err
	if s.lost == 0 {
		s.lost = s.p.now()
		s.p.cfg.Log.Warn("no picture: the last one is repeated until it is back", "reason", err)
		s.p.meter.update(func(st *Stats) { st.SourceLost++ })
	}
	gone := errors.Is(err, ErrDisplayGone)
	s.p.meter.update(func(st *Stats) { st.Source, st.SourceErr, st.SourceGone = state, err.Error(), gone })
}

// endure decides what a missing picture means; false ends the capture.
func (s *pictures) endure() bool {
	p := s.p
	if s.pending && s.lost == 0 && s.watch.stalled(p.now(), p.now()-s.asked) {
		s.lose(ErrStalled)
	}
	if s.lost != 0 && errors.Is(s.why, ErrUnfit) { // waiting will not mend it
		p.fail(s.why)
		return false
	}
	if p.cfg.Endure || s.lost == 0 || p.isClosing() {
		return true
	}
	if errors.Is(s.why, ErrDisplayGone) || errors.Is(s.why, ErrStalled) {
		p.fail(plain(s.why))
		return false
	}
	return true // a window that is missing is waited for
}

// plain gives the bare error of the two that callers know.
func plain(err error) error {
	if errors.Is(err, ErrDisplayGone) {
		return ErrDisplayGone
	}
	return err
}

// show chooses what is pushed when the time has come.
func (s *pictures) show() *slot {
	if s.p.now()-s.fresh > s.p.current.Load().period() {
		s.p.meter.update(func(st *Stats) { st.Held++ })
	}
	if s.last != nil {
		return s.last
	}
	if s.lost == 0 {
		return nil // the first picture is a moment away
	}
	if s.dark == nil {
		s.dark = darkPicture()
	}
	return s.dark
}

// darkPicture is shown until there is a picture: small, of one colour, and scaled up.
func darkPicture() *slot {
	const width, height, level = 64, 36, 0x20
	s, err := newPrivateSlot(width * height * 4)
	if err != nil {
		return nil
	}
	for i := range s.data {
		s.data[i] = level
	}
	s.size = width * height * 4
	s.caps = "video/x-raw,format=BGRx,width=64,height=36,pixel-aspect-ratio=1/1,interlace-mode=progressive"
	return s
}

func (s *pictures) release() {
	if s.last != nil {
		s.last.shown.Store(false)
	}
	// The placeholder may still be read by the encoder: 9 kB are left to the process then.
	if s.dark != nil && s.dark.idle() {
		s.dark.free()
	}
}
