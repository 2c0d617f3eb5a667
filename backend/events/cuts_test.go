package events_test

import (
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"

	"hotseat/backend/local/appsync"
)

// proxy is a TCP proxy that can be cut.
type proxy struct {
	net.Listener
	target string
	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	all    sync.WaitGroup
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: listener, target: target, conns: map[net.Conn]struct{}{}}
	p.all.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", target)
			if err != nil {
				near.Close()
				continue
			}
			p.mu.Lock()
			p.conns[near], p.conns[far] = struct{}{}, struct{}{}
			p.mu.Unlock()
			forward := func(from, to net.Conn) {
				io.Copy(to, from)
				from.Close()
				to.Close()
			}
			p.all.Go(func() { forward(near, far) })
			p.all.Go(func() { forward(far, near) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		p.cut()
		p.all.Wait()
	})
	return p
}

// cut ends every connection, in the middle of whatever is on its way.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		if tcp, ok := conn.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		conn.Close()
	}
	clear(p.conns)
}

func TestTwoHundredCutsOnRealSocketsDoubleNothing(t *testing.T) {
	const cuts = 200
	random := rand.New(rand.NewPCG(200, 1))
	var mu sync.Mutex
	var log []json.RawMessage
	s := serve(t, hooks{publish: func(p appsync.Publish) ([]appsync.Outcome, error) {
		mu.Lock()
		defer mu.Unlock()
		outcomes := make([]appsync.Outcome, len(p.Events))
		for i := range p.Events {
			outcomes[i].Payload = number(len(log) + 1)
			log = append(log, outcomes[i].Payload)
		}
		return outcomes, nil
	}}, appsync.Limits{PublishRate: 1e6, PublishBurst: 1e6, FrameRate: 1e6})
	p := startProxy(t, s.address)

	follower := &listener{w: &world{t: t}, early: map[int]bool{}}
	cfg := s.config("viewer")
	cfg.RealtimeURL, cfg.Host = strings.Replace(cfg.RealtimeURL, s.address, p.Addr().String(), 1), s.address
	cfg.OnReconnect = func(context.Context) {
		mu.Lock()
		follower.w.log = make([]string, len(log))
		mu.Unlock()
		follower.caughtUp()
	}
	client := run(t, cfg)
	sub, err := client.Subscribe("/playtest/s-1", follower.hear)
	if err != nil {
		t.Fatal(err)
	}
	if err := sub.Wait(limited(t)); err != nil {
		t.Fatal(err)
	}
	publisher := run(t, s.config("publisher")) // not through the proxy
	if err := publisher.WaitOnline(limited(t)); err != nil {
		t.Fatal(err)
	}
	publish := func() {
		if err := publisher.Publish(limited(t), "/playtest/s-1", number(0)); err != nil {
			t.Fatal(err)
		}
	}
	for range cuts {
		for range random.IntN(8) {
			publish()
		}
		p.cut()
		for range random.IntN(8) {
			publish()
		}
		if random.IntN(3) > 0 { // else it is cut again on its way up
			if err := sub.Wait(limited(t)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := sub.Wait(limited(t)); err != nil {
		t.Fatal(err)
	}
	for deadline := limited(t); ; publish() { // until the newest is heard
		follower.mu.Lock()
		heard := len(follower.followed)
		follower.mu.Unlock()
		mu.Lock()
		size := len(log)
		mu.Unlock()
		if heard == size {
			break
		}
		if deadline.Err() != nil {
			t.Fatalf("followed %d of %d events", heard, size)
		}
	}
	follower.mu.Lock()
	defer follower.mu.Unlock()
	for i, seq := range follower.followed {
		if seq != i+1 {
			t.Fatalf("event %d is number %d", i+1, seq)
		}
	}
	for i := 1; i < len(follower.raw); i++ {
		if follower.raw[i] <= follower.raw[i-1] {
			t.Fatalf("%d came after %d", follower.raw[i], follower.raw[i-1])
		}
	}
	t.Logf("%d events, %d of them live, %d reconnections", len(follower.followed), len(follower.raw), follower.back)
}
