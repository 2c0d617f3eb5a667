package events_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"hotseat/backend/events"
	"hotseat/backend/local/appsync"
)

func TestAfterALongOutageEveryEventIsThereOnceAndInOrder(t *testing.T) {
	for name, outage := range map[string]time.Duration{"seconds": 20 * time.Second, "minutes": 10 * time.Minute, "a night": 9 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				l := w.listen(signIn(15*time.Minute, 2*time.Minute))
				w.ready(l)
				for round := range 3 {
					for range 50 {
						w.say()
						time.Sleep(time.Second)
					}
					w.freeze(true) // nobody is told
					for range 200 {
						w.say()
						time.Sleep(outage / 200)
					}
					w.freeze(false)
					time.Sleep(2 * time.Minute)
					w.say()
					time.Sleep(time.Second)
					l.expectFollowed()
					if l.State().Phase != events.Online {
						t.Errorf("after outage %d: %+v", round, l.State())
					}
				}
				l.Close()
			})
		})
	}
}

func TestAHalfOpenConnectionIsNoticedByItsSilence(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		l := w.listen(signIn(24*time.Hour, time.Hour))
		w.ready(l)
		w.freeze(true)
		began := time.Now()
		for {
			state := <-l.states
			if state.Phase != events.Offline {
				continue
			}
			if !errors.Is(state.Err, events.ErrSilent) {
				t.Errorf("offline by %v", state.Err)
			}
			break
		}
		if took := time.Since(began); took > 90*time.Second {
			t.Errorf("noticed after %v", took)
		}
		if err := l.Publish(t.Context(), channel, payload(1)); !errors.Is(err, events.ErrOffline) {
			t.Errorf("published: %v", err)
		}
		w.freeze(false)
		if err := l.WaitOnline(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.Close()
	})
}

func TestAPublicationIntoAHalfOpenConnectionIsUnconfirmed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		l := w.listen(signIn(24*time.Hour, time.Hour))
		w.ready(l)
		w.freeze(true)
		began := time.Now()
		if err := l.Publish(t.Context(), channel, payload(1)); !errors.Is(err, events.ErrUnconfirmed) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("took %v", took)
		}
		w.freeze(false)
		l.Close()
	})
}

// mute is a server that says what a test lets it say.
func mute(n *network, serve func(net.Conn)) (stop func()) {
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := n.Accept()
			if err != nil {
				return
			}
			running.Go(func() { serve(conn); conn.Close() })
		}
	})
	return func() {
		n.Close()
		running.Wait()
		n.pumps.Wait()
	}
}

func TestAServerThatAcceptsAndSaysNothingIsGivenUpEachTime(t *testing.T) {
	for name, answers := range map[string]int{"no HTTP answer": 0, "no acknowledgement": 1, "no answer to a subscription": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork()
				stop := mute(n, func(conn net.Conn) { speak(conn, answers) })
				w := &world{t: t, network: n, ctx: t.Context()}
				l := w.listen(signIn(24*time.Hour, time.Hour))
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				// 15 s for each try and at most 5 s between them.
				if tries := n.connections(); tries < 600/20 || tries > 600/15+6 {
					t.Errorf("%d tries in ten minutes", tries)
				}
				if err := l.sub.Wait(timeout(t, time.Second)); err == nil {
					t.Error("subscribed")
				}
				l.Close()
				w.clients.Wait()
				stop()
			})
		})
	}
}

func TestAServerThatHangsUpAtOnceIsNotHammered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		var serve atomic.Int32
		serve.Store(2) // acknowledges, and hangs up
		stop := mute(n, func(conn net.Conn) { speak(conn, -int(serve.Load())) })
		w := &world{t: t, network: n, ctx: t.Context()}
		l := w.listen(signIn(24*time.Hour, time.Hour))
		time.Sleep(time.Hour)
		synctest.Wait()
		// Full jitter up to 5 s: 2.5 s in the mean.
		if tries := n.connections(); tries > 3600/2 || tries < 3600/4 {
			t.Errorf("%d tries in an hour", tries)
		}
		l.Close()
		w.clients.Wait()
		stop()
	})
}

func TestAfterAStableTimeTheFirstTryIsAtOnceAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		l := w.listen(signIn(24*time.Hour, time.Hour))
		w.ready(l)
		for range 20 {
			time.Sleep(time.Minute)
			for len(l.states) > 0 {
				<-l.states
			}
			lost := time.Now()
			w.cut()
			for state := range l.states {
				if state.Phase == events.Online {
					break
				}
				if state.Attempt != 0 {
					t.Fatalf("attempt %d after a stable minute", state.Attempt)
				}
			}
			if took := time.Since(lost); took > time.Second {
				t.Errorf("back after %v", took)
			}
		}
		l.Close()
	})
}

func TestOnReconnectComesAfterEverySubscriptionWasAnswered(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var answered atomic.Int32
		w.decide = func(appsync.Subscribe) error {
			time.Sleep(100 * time.Millisecond)
			answered.Add(1)
			return nil
		}
		seen := make(chan int32, 10)
		l := w.listen(signIn(24*time.Hour, time.Hour), func(cfg *events.Config) {
			cfg.OnReconnect = func(context.Context) { seen <- answered.Load() }
		})
		for i := range 9 {
			if _, err := l.Subscribe(fmt.Sprint("/playtest/x-", i), func(events.Message) {}); err != nil {
				t.Fatal(err)
			}
		}
		w.ready(l)
		time.Sleep(10 * time.Second)
		for round := range int32(5) {
			if len(seen) != 0 {
				t.Error("called without a reconnection")
			}
			w.cut()
			if got := <-seen; got != 10*(round+2) {
				t.Errorf("called after %d answers", got)
			}
			time.Sleep(10 * time.Second)
		}
		l.Close()
	})
}

// speak carries the first steps of the protocol out and is silent then, until the other side
// leaves. A negative number of answers: it hangs up after them.
func speak(conn net.Conn, answers int) {
	hangUp := answers < 0
	if hangUp {
		answers = -answers
	}
	if answers == 0 {
		io.Copy(io.Discard, conn)
		return
	}
	listener := &oneConn{conn: conn, done: make(chan struct{})}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(listener.done)
		upgrader := websocket.Upgrader{Subprotocols: []string{events.Subprotocol}}
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		if answers > 1 {
			ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"connection_ack","connectionTimeoutMs":300000}`))
		}
		if hangUp {
			return
		}
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				return
			}
		}
	})}
	web.Serve(listener)
}

// oneConn is a listener for one connection.
type oneConn struct {
	conn net.Conn
	done chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	if conn := l.conn; conn != nil {
		l.conn = nil
		return conn, nil
	}
	<-l.done
	return nil, net.ErrClosed
}
func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

func timeout(t *testing.T, after time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), after)
	t.Cleanup(cancel)
	return ctx
}
