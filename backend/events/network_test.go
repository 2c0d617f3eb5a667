package events_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// network joins clients to a server in memory, so that a test in a synctest bubble has it in
// virtual time. Like TCP it buffers, keeps the order of each connection, and tells nobody when
// it stops forwarding.
type network struct {
	accepted chan net.Conn
	closed   chan struct{}
	over     sync.Once
	pumps    sync.WaitGroup

	mu       sync.Mutex
	changed  sync.Cond // of mu
	latency  func() time.Duration
	frozen   bool // nothing is forwarded, not even the end of a connection
	refuse   bool // nobody can connect
	ends     map[net.Conn]struct{}
	pairs    [][2]net.Conn // the network's ends of each connection, oldest first
	stranded map[net.Conn]struct{}
	dials    int
}

func newNetwork() *network {
	n := &network{accepted: make(chan net.Conn), closed: make(chan struct{}), ends: map[net.Conn]struct{}{}, stranded: map[net.Conn]struct{}{}}
	n.changed.L = &n.mu
	return n
}

// delay gives each connection from now on a latency of its own, up to limit.
func (n *network) delay(seed uint64, limit time.Duration) {
	random := rand.New(rand.NewPCG(seed, 9)) // used with n.mu held
	n.latency = func() time.Duration { return time.Duration(random.Int64N(int64(limit))) }
}

func (n *network) set(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
	n.changed.Broadcast()
}

func (n *network) freeze(frozen bool)      { n.set(func() { n.frozen = frozen }) }
func (n *network) refuseDials(refuse bool) { n.set(func() { n.refuse = refuse }) }

// cut ends every connection.
func (n *network) cut() {
	n.set(func() {
		for end := range n.ends {
			end.Close()
		}
		clear(n.ends)
	})
}

// strand leaves every connection that there is half open: nothing is forwarded on it any more,
// and nobody is told. Others are not concerned.
func (n *network) strand() {
	n.set(func() {
		for end := range n.ends {
			n.stranded[end] = struct{}{}
		}
	})
}

// cutOldest ends the connection that has stood longest.
func (n *network) cutOldest() {
	n.set(func() {
		for _, pair := range n.pairs {
			if _, alive := n.ends[pair[0]]; alive {
				pair[0].Close()
				pair[1].Close()
				delete(n.ends, pair[0])
				delete(n.ends, pair[1])
				return
			}
		}
	})
}

// connections that were begun so far.
func (n *network) connections() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dials
}

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	n.mu.Lock()
	n.dials++
	refuse, frozen := n.refuse, n.frozen
	latency := time.Duration(0)
	if n.latency != nil {
		latency = n.latency()
	}
	n.mu.Unlock()
	if refuse {
		return nil, errors.New("connection refused")
	}
	if frozen {
		<-ctx.Done() // a SYN that nobody answers
		return nil, context.Cause(ctx)
	}
	client, clientFar := net.Pipe()
	server, serverFar := net.Pipe()
	n.set(func() {
		n.ends[clientFar], n.ends[serverFar] = struct{}{}, struct{}{}
		n.pairs = append(n.pairs, [2]net.Conn{clientFar, serverFar})
	})
	n.pump(clientFar, serverFar, latency)
	n.pump(serverFar, clientFar, latency)
	select {
	case n.accepted <- server:
		return client, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

// pump forwards one direction.
func (n *network) pump(from, to net.Conn, latency time.Duration) {
	type parcel struct {
		data []byte
		due  time.Time
	}
	var queue []parcel // protected by n.mu; an empty parcel is the end
	n.pumps.Go(func() {
		for {
			buffer := make([]byte, 32<<10)
			size, err := from.Read(buffer)
			n.set(func() { queue = append(queue, parcel{buffer[:size], time.Now().Add(latency)}) })
			if err != nil {
				return
			}
		}
	})
	n.pumps.Go(func() {
		for {
			n.mu.Lock()
			still := func() bool {
				_, stranded := n.stranded[to]
				return len(queue) == 0 || n.frozen || stranded
			}
			for _, alive := n.ends[to]; alive && still(); _, alive = n.ends[to] {
				n.changed.Wait()
			}
			if _, alive := n.ends[to]; !alive {
				n.mu.Unlock()
				return
			}
			next := queue[0]
			queue = queue[1:]
			n.mu.Unlock()
			time.Sleep(time.Until(next.due)) // virtual
			if _, err := to.Write(next.data); err != nil || len(next.data) == 0 {
				to.Close()
				from.Close()
				n.set(func() {
					delete(n.ends, to)
					delete(n.ends, from)
				})
				return
			}
		}
	})
}

// The server's side is a net.Listener.

func (n *network) Accept() (net.Conn, error) {
	select {
	case conn := <-n.accepted:
		return conn, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error {
	n.over.Do(func() { close(n.closed) })
	n.freeze(false)
	n.cut()
	return nil
}

func (n *network) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }
