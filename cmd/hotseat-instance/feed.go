//go:build linux && cgo

package main

import (
	"context"
	"sync"
	"time"

	"hotseat/cmd/hotseat-instance/internal/player"
)

// linger is how long the capture goes on after a client left. A hand-over brings the next one within
// a second; starting GStreamer anew takes a tenth of a second of processor time just when two pages
// change their streams, and the broadcast's encoder beside it misses frames.
const linger = 5 * time.Second

// source is a player.Source that can tell that it broke.
type source interface {
	player.Source
	broken() bool
}

// feed lends the display's capture to one client after another, and keeps it warm in between.
type feed struct {
	open func() (source, error)

	mu     sync.Mutex // protects what follows; not held while a source opens or closes
	warm   *warmSource
	out    int // sources in clients' hands
	closed bool
}

// warmSource is a source without a client: what it makes is thrown away.
type warmSource struct {
	source source
	cancel context.CancelFunc
	cold   chan struct{} // closed when nobody reads it any more
}

// get returns the warm source or opens one.
func (f *feed) get() (player.Source, error) {
	f.mu.Lock()
	warm := f.warm
	f.warm = nil
	f.out++
	f.mu.Unlock()
	if warm != nil {
		warm.cancel()
		<-warm.cold
		if !warm.source.broken() {
			return &lent{source: warm.source, feed: f}, nil
		}
		warm.source.Close()
	}
	opened, err := f.open()
	if err != nil {
		f.mu.Lock()
		f.out--
		f.mu.Unlock()
		return nil, err
	}
	return &lent{source: opened, feed: f}, nil
}

// lent is a source in a client's hands; closing it gives it back.
type lent struct {
	source
	feed *feed
}

func (l *lent) Close() { l.feed.put(l.source) }

// put keeps a source warm for the next client, or closes it.
func (f *feed) put(s source) {
	ctx, cancel := context.WithTimeout(context.Background(), linger)
	warm := &warmSource{source: s, cancel: cancel, cold: make(chan struct{})}
	f.mu.Lock()
	f.out--
	// While another client has a source of its own, nobody will come for this one.
	keep := !f.closed && f.warm == nil && f.out == 0 && !s.broken()
	if keep {
		f.warm = warm
	}
	f.mu.Unlock()
	if !keep {
		cancel()
		s.Close()
		return
	}
	go f.keep(ctx, warm)
}

// keep reads the source until it is lent again or its time is up.
func (f *feed) keep(ctx context.Context, warm *warmSource) {
	var reading sync.WaitGroup
	for _, next := range []func(context.Context) (player.Sample, error){warm.source.Video, warm.source.Audio} {
		reading.Go(func() {
			for {
				if _, err := next(ctx); err != nil {
					return
				}
			}
		})
	}
	reading.Wait()
	warm.cancel()
	close(warm.cold)
	f.mu.Lock()
	mine := f.warm == warm // nobody took it: its time is up, or it broke
	if mine {
		f.warm = nil
	}
	f.mu.Unlock()
	if mine {
		warm.source.Close()
	}
}

// close ends the warm source, and every later one when it is given back.
func (f *feed) close() {
	f.mu.Lock()
	f.closed = true
	warm := f.warm
	f.warm = nil
	f.mu.Unlock()
	if warm != nil {
		warm.cancel()
		<-warm.cold
		warm.source.Close()
	}
}
