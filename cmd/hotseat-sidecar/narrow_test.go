package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hotseat/sidecar/testscreen"
)

// narrows is a way to a stage through which only so much goes: the candidates of the stage's answers
// are replaced by a relay's, which serialises what goes up, holds a quarter of a second of it and
// drops the rest, as an uplink does.
type narrows struct {
	url  string // of the WHIP endpoint behind it
	kbps atomic.Int64

	mu      sync.Mutex // protects the rest
	answers []string
}

// narrowsQueue is how much of the rate waits before packets are dropped.
const narrowsQueue = 250 * time.Millisecond

func newNarrows(t *testing.T, endpoint string) *narrows {
	t.Helper()
	to, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	n := &narrows{}
	relays := map[string]string{} // from a stage's port to the relay's
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: to.Scheme, Host: to.Host})
			r.Out.Host = to.Host
		},
		ModifyResponse: func(r *http.Response) error {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			n.mu.Lock()
			defer n.mu.Unlock()
			text := udpCandidate.ReplaceAllStringFunc(string(body), func(line string) string {
				m := udpCandidate.FindStringSubmatch(line)
				if relays[m[2]] == "" {
					relays[m[2]] = n.relay(t, m[2])
				}
				return m[1] + "127.0.0.1 " + relays[m[2]] + " "
			})
			if r.StatusCode == http.StatusCreated {
				n.answers = append(n.answers, text)
			}
			r.Body = io.NopCloser(strings.NewReader(text))
			r.ContentLength = int64(len(text))
			r.Header.Set("Content-Length", strconv.Itoa(len(text)))
			return nil
		},
	})
	t.Cleanup(front.Close)
	n.url = front.URL + to.Path
	return n
}

var udpCandidate = regexp.MustCompile(`(a=candidate:\S+ \d udp \d+ )\S+ (\d+) `)

// relay opens a port before a stage's and returns it.
func (n *narrows) relay(t *testing.T, port string) string {
	outer, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Error(err)
		return port
	}
	stage, err := net.Dial("udp4", "127.0.0.1:"+port)
	if err != nil {
		t.Error(err)
		return port
	}
	t.Cleanup(func() { _ = outer.Close(); _ = stage.Close() })
	var client atomic.Pointer[net.UDPAddr]
	var free time.Time // when the last packet has left
	go func() {
		buf := make([]byte, 2048)
		for {
			count, from, err := outer.ReadFromUDP(buf)
			if err != nil {
				return
			}
			client.Store(from)
			packet := append([]byte(nil), buf[:count]...)
			kbps := n.kbps.Load()
			if kbps == 0 {
				_, _ = stage.Write(packet)
				continue
			}
			now := time.Now()
			if free.Before(now) {
				free = now
			}
			if free.Sub(now) > narrowsQueue {
				continue
			}
			free = free.Add(time.Duration(int64(count) * 8 * int64(time.Millisecond) / kbps))
			time.AfterFunc(free.Sub(now), func() { _, _ = stage.Write(packet) })
		}
	}()
	go func() {
		buf := make([]byte, 2048)
		for {
			count, err := stage.Read(buf)
			if err != nil {
				return
			}
			if to := client.Load(); to != nil {
				_, _ = outer.WriteToUDP(buf[:count], to)
			}
		}
	}()
	_, own, _ := net.SplitHostPort(outer.LocalAddr().String())
	return own
}

func TestTheBroadcastFitsANarrowWayToOurOwnStage(t *testing.T) {
	t.Parallel()
	stage := startLocalStage(t)
	way := newNarrows(t, stage.url)
	display := testscreen.Start(t, 640, 360)
	testscreen.Storm(t, display, 30)
	c := startChannels(t)
	start(t, map[string]string{
		"DISPLAY": display, "VIDEO_WIDTH": "640", "VIDEO_HEIGHT": "360", "VIDEO_BITRATE": "2000", "ENABLE_AUDIO": "false",
		"IVS_STAGE_TOKEN": stage.token("game", true), "IVS_WHIP_ENDPOINT": way.url + "/" + stageID + "/publish/game",
		"HOTSEAT_SESSION": sessionID, "HOTSEAT_EVENTS_URL": c.url, "HOTSEAT_EVENTS_TOKEN": eventsToken,
	})
	health := func(what string, ok func(target, sent, estimate float64) bool) time.Duration {
		began := time.Now()
		m := c.within(t, 2*time.Minute, "SIDECAR_HEALTH", func(m map[string]any) bool {
			return m["state"] == "live" && ok(m["targetKbps"].(float64), m["bitrateKbps"].(float64), m["estimateKbps"].(float64))
		})
		took := time.Since(began).Round(100 * time.Millisecond)
		t.Logf("%s after %v: target %v kbit/s, sent %v, estimate %v (%v), loss %v %%, %vx%v at %v", what, took,
			m["targetKbps"], m["bitrateKbps"], m["estimateKbps"], m["limit"], m["lossPercent"], m["width"], m["height"], m["framerate"])
		return took
	}
	health("on the air, with an estimate", func(target, sent, estimate float64) bool { return target >= 1500 && sent > 1000 && estimate > 0 })
	way.mu.Lock()
	answer := way.answers[len(way.answers)-1]
	way.mu.Unlock()
	if !strings.Contains(answer, "transport-cc") || !strings.Contains(answer, "transport-wide-cc-extensions") {
		t.Errorf("the stage's answer has no transport-wide feedback:\n%s", answer)
	}
	way.kbps.Store(800)
	health("fits 800 kbit/s", func(target, sent, _ float64) bool { return target < 800 && sent < 850 })
	way.kbps.Store(0)
	bottom := 2000.0
	health("rises again", func(target, _, _ float64) bool {
		bottom = min(bottom, target)
		return target > bottom*1.2
	})
}
