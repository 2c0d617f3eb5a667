package appsync_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"hotseat/backend/events"
	"hotseat/backend/local/appsync"
)

// crowd connects and subscribes many bare clients.
func crowd(t testing.TB, s service, size int, channel string) []socket {
	t.Helper()
	sockets := make([]socket, size)
	var all sync.WaitGroup
	lanes := make(chan struct{}, 16)
	for i := range sockets {
		lanes <- struct{}{}
		all.Go(func() {
			defer func() { <-lanes }()
			dialer := websocket.Dialer{Subprotocols: []string{events.Subprotocol, events.EncodeAuthProtocol(s.token("viewer"))},
				ReadBufferSize: 1024, WriteBufferSize: 1024}
			ws, _, err := dialer.Dial(s.realtimeURL, nil)
			if err != nil {
				t.Error(err)
				return
			}
			sockets[i] = socket{t, ws}
			sockets[i].WriteJSON(events.ClientFrame{Type: events.TypeSubscribe, ID: "sub", Channel: channel, Authorization: s.token("viewer")})
			if _, data, err := ws.ReadMessage(); err != nil || !strings.Contains(string(data), events.TypeSubscribeSuccess) {
				t.Errorf("subscribe: %s, %v", data, err)
			}
		})
	}
	all.Wait()
	t.Cleanup(func() {
		for _, socket := range sockets {
			if socket.Conn != nil {
				socket.Close()
			}
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	return sockets
}

func TestAThousandSubscribersGetEveryEventInOrder(t *testing.T) {
	const subscribers, count = 1000, 100
	s := serve(t, hooks{}, func(cfg *appsync.Config) { cfg.Limits.PublishBurst = count })
	sockets := crowd(t, s, subscribers, "/playtest/s-1")
	var all sync.WaitGroup
	for _, ws := range sockets {
		all.Go(func() {
			ws.SetReadDeadline(time.Now().Add(6 * patience))
			for want := range count {
				_, data, err := ws.ReadMessage()
				if err != nil || string(data) != `{"type":"data","id":"sub","event":"`+strconv.Itoa(want)+`"}` {
					t.Errorf("heard %s, %v, want %d", data, err, want)
					return
				}
			}
		})
	}
	publisher := s.dial(t, s.token("viewer"))
	for i := range count {
		publisher.publish("p", "/playtest/s-1", s.token("viewer"), strconv.Itoa(i))
		publisher.expect(events.TypePublishSuccess)
	}
	all.Wait()
}

func TestASubscriberThatDoesNotReadIsClosedAndSlowsNobody(t *testing.T) {
	s := serve(t, hooks{}, func(cfg *appsync.Config) { cfg.Limits.QueueFrames = 10 })
	const count = 80 // 16 MB: sockets buffer at most 6 MB here, the queue 2
	stuck := s.dial(t, s.token("viewer"))
	stuck.subscribe("sub", "/playtest/s-1", s.token("viewer"))
	quick := s.dial(t, s.token("viewer"))
	quick.subscribe("sub", "/playtest/s-1", s.token("viewer"))
	// Enough to fill the sockets' buffers and the queue; quick reads each event before the next.
	event := json.RawMessage(`"` + strings.Repeat("x", 200_000) + `"`)
	// A fan-out that waits for the stuck one would wait past the patience of quick.
	for range count {
		if err := s.Broadcast("/playtest/s-1", event); err != nil {
			t.Fatal(err)
		}
		quick.expectEvent("sub")
	}
	// What the stuck one finds when it reads again: a prefix without a hole, then the end.
	stuck.SetReadDeadline(time.Now().Add(patience))
	heard := 0
	for {
		_, _, err := stuck.ReadMessage()
		if err != nil {
			if closed, ok := err.(*websocket.CloseError); ok && closed.Code != appsync.CloseTooSlow && closed.Code != websocket.CloseAbnormalClosure {
				t.Errorf("closed with %v", closed)
			}
			break
		}
		heard++
	}
	if heard >= count {
		t.Errorf("heard %d events although it did not read", heard)
	}
}

func TestASubscriberThatIsTooSlowIsToldWhy(t *testing.T) {
	s := serve(t, hooks{}, func(cfg *appsync.Config) { cfg.Limits.QueueFrames = 1 })
	ws := s.dial(t, s.token("viewer"))
	ws.subscribe("sub", "/playtest/s-1", s.token("viewer"))
	// Broadcasting is quicker than any reader, so the queue of one frame is full soon.
	told, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-told:
				return
			default:
				s.Broadcast("/playtest/s-1", json.RawMessage(`1`))
			}
		}
	}()
	code := ws.expectClose()
	close(told)
	<-stopped
	if code != appsync.CloseTooSlow {
		t.Errorf("closed with %d", code)
	}
}

// BenchmarkFanOut measures the time from publish (over a WebSocket, through a hook) until
// each of 1,000 subscribers has read the event from its own socket, all in this process.
// Reported: median, 99th percentile and maximum over all deliveries.
func BenchmarkFanOut(b *testing.B) {
	const subscribers = 1000
	s := serve(b, hooks{}, func(cfg *appsync.Config) { cfg.Limits.PublishRate, cfg.Limits.PublishBurst = 1e6, 1e6 })
	sockets := crowd(b, s, subscribers, "/playtest/s-1")
	publisher := s.dial(b, s.token("viewer"))
	chat := func(sent time.Time) string {
		return fmt.Sprintf(`{"seq":17,"session":"s-7h2k9x4q1m","timestamp":%d,"actor":{"id":"6f1c","name":"viewer","role":"viewer"},"action":"USER_CHAT_MESSAGE","message":"nice jump"}`, sent.UnixNano())
	}
	var round sync.WaitGroup
	delays := make([][]time.Duration, subscribers)
	var readers sync.WaitGroup
	for i, ws := range sockets {
		readers.Go(func() {
			for {
				_, data, err := ws.ReadMessage()
				if err != nil {
					return
				}
				_, after, _ := strings.Cut(string(data), `timestamp\":`)
				text, _, _ := strings.Cut(after, ",")
				sent, _ := strconv.ParseInt(text, 10, 64)
				delays[i] = append(delays[i], time.Since(time.Unix(0, sent)))
				round.Done()
			}
		})
	}
	for b.Loop() {
		round.Add(subscribers)
		publisher.publish("p", "/playtest/s-1", s.token("viewer"), chat(time.Now()))
		round.Wait()
		publisher.expect(events.TypePublishSuccess)
	}
	for _, ws := range sockets {
		ws.Close()
	}
	readers.Wait()
	all := slices.Concat(delays...)
	slices.Sort(all)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	b.ReportMetric(ms(all[len(all)/2]), "p50-ms")
	b.ReportMetric(ms(all[len(all)*99/100]), "p99-ms")
	b.ReportMetric(ms(all[len(all)-1]), "max-ms")
}

// BenchmarkFanOutBurst delivers 100 events that are published at once to 1,000 subscribers;
// one operation is the whole burst, so 100,000 deliveries.
func BenchmarkFanOutBurst(b *testing.B) {
	const subscribers, burst = 1000, 100
	s := serve(b, hooks{})
	sockets := crowd(b, s, subscribers, "/playtest/s-1")
	var round, readers sync.WaitGroup
	for _, ws := range sockets {
		readers.Go(func() {
			for {
				for range burst {
					if _, _, err := ws.ReadMessage(); err != nil {
						return
					}
				}
				round.Done()
			}
		})
	}
	event := json.RawMessage(`{"action":"STREAM_REACT","reaction":"fire"}`)
	for b.Loop() {
		round.Add(subscribers)
		for range burst {
			if err := s.Broadcast("/playtest/s-1", event); err != nil {
				b.Fatal(err)
			}
		}
		round.Wait()
	}
	for _, ws := range sockets {
		ws.Close()
	}
	readers.Wait()
}
