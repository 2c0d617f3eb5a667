package appsync

import (
	"context"
	"sync"
)

// lanes give each channel one turn at a time: a publisher that has entered a channel runs
// its hook and fans out before the next one enters. Waiting publishers are served in the
// order they came (a property of Go channels). Channels without publishers cost nothing.
type lanes struct {
	mu   sync.Mutex
	open map[string]*lane
}

type lane struct {
	turn  chan struct{} // holds one element while somebody is in
	users int           // in or waiting; protected by lanes.mu
}

// enter waits for the channel's turn. The caller must call leave once; an error is the
// context's.
func (l *lanes) enter(ctx context.Context, channel string) (leave func(), err error) {
	l.mu.Lock()
	if l.open == nil {
		l.open = map[string]*lane{}
	}
	mine, ok := l.open[channel]
	if !ok {
		mine = &lane{turn: make(chan struct{}, 1)}
		l.open[channel] = mine
	}
	mine.users++
	l.mu.Unlock()
	select {
	case mine.turn <- struct{}{}:
		return func() {
			<-mine.turn
			l.drop(channel, mine)
		}, nil
	case <-ctx.Done():
		l.drop(channel, mine)
		return nil, context.Cause(ctx)
	}
}

func (l *lanes) drop(channel string, mine *lane) {
	l.mu.Lock()
	defer l.mu.Unlock()
	mine.users--
	if mine.users == 0 {
		delete(l.open, channel)
	}
}
