package sshconsole

import (
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"hotseat/backend/ratelimit"
)

// A person connects a few times a minute at most, also with a script; guessing keys is of no use, but
// every handshake costs a signature.
const (
	connectionsPerSecond rate.Limit = 1
	connectionBurst                 = 10
)

// limits bound how many connections there are, in all and by address, and how often they come. It is
// safe for use by several goroutines.
type limits struct {
	most, mostByHost int
	often            *ratelimit.Keyed[string]

	mu     sync.Mutex // protects what follows
	all    int
	byHost map[string]int
}

func newLimits(most, mostByHost int, now func() time.Time) *limits {
	return &limits{most: most, mostByHost: mostByHost, often: ratelimit.New[string](now), byHost: map[string]int{}}
}

// admit counts a connection until it is closed; nil, and why, if it is one too many.
func (l *limits) admit(conn net.Conn) (net.Conn, string) {
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		host = conn.RemoteAddr().String()
	}
	if !l.often.Allow(host, connectionsPerSecond, connectionBurst) {
		return nil, "too often"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.all >= l.most:
		return nil, "too many"
	case l.byHost[host] >= l.mostByHost:
		return nil, "too many of one address"
	}
	l.all++
	l.byHost[host]++
	return &counted{Conn: conn, left: func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.all--
		if l.byHost[host]--; l.byHost[host] == 0 {
			delete(l.byHost, host)
		}
	}}, ""
}

// counted is a connection that says once that it was closed.
type counted struct {
	net.Conn
	once sync.Once
	left func()
}

func (c *counted) Close() error {
	c.once.Do(c.left)
	return c.Conn.Close()
}
