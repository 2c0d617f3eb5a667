package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/gameliftstreams/types"
)

const (
	handOvers        = 30
	articleHandOvers = 10 // they take two seconds each, most of it in fixed pauses
	// decisionTime is from a request on the screens to the lead's decision. People take longer; the
	// gate takes no more than one decision a second from one person.
	decisionTime = 1100 * time.Millisecond
)

// turn is one hand-over as the game saw it, in milliseconds since the decision.
type turn struct{ released, connected, pressed int64 }

// BenchmarkHandover measures hand-overs between two Chromium pages, which take turns: from the moment
// before the QA lead's approval is sent to the first key press of the new holder in the game's own log.
// The new holder's page presses a key every 20 ms from the approval on.
//
// For comparison it measures the sequence of the article's sample against the same local service, game
// and instance, from the click on approve to the same moment. Whatever differs is in its favour:
// pion clients instead of browsers, no broadcast beside the game, a message that takes no time, and
// nothing else running.
//
// One op is one run of both.
func BenchmarkHandover(b *testing.B) {
	var article, ours []turn
	for range b.N {
		withArticleService(b, func(s *articleService) {
			holder := s.connect()
			s.reaches(types.StreamSessionStatusConnected)
			for i := range articleHandOvers {
				var t turn
				holder, t = s.handOver(holder, [...]string{"KeyJ", "KeyK"}[i%2])
				article = append(article, t)
			}
		})
		p := openTwoPages(b)
		holder, next := "player", "viewer"
		for range handOvers {
			ours = append(ours, p.handOver(holder, next))
			holder, next = next, holder
		}
		p.end()
	}
	for name, turns := range map[string][]turn{"ours": ours, "the article's": article} {
		b.Logf("%s, {released connected pressed} in ms: %v", name, turns)
		b.Logf("%s, p50 and p95: released %d, %d; connected %d, %d", name,
			released(turns, 50), released(turns, 95), connected(turns, 50), connected(turns, 95))
	}
	b.ReportMetric(float64(pressed(ours, 50)), "p50-ms")
	b.ReportMetric(float64(pressed(ours, 95)), "p95-ms")
	b.ReportMetric(float64(pressed(article, 50)), "article-pion-p50-ms")
	b.ReportMetric(float64(pressed(article, 95)), "article-pion-p95-ms")
	b.ReportMetric(float64(pressed(article, 50))/float64(pressed(ours, 50)), "article/ours-p50")
	b.ReportMetric(0, "ns/op") // how long the demo takes to start and end is not what is measured
}

func released(turns []turn, percent int) int64 {
	return percentile(turns, percent, func(t turn) int64 { return t.released })
}

func connected(turns []turn, percent int) int64 {
	return percentile(turns, percent, func(t turn) int64 { return t.connected })
}

func pressed(turns []turn, percent int) int64 {
	return percentile(turns, percent, func(t turn) int64 { return t.pressed })
}

func percentile(turns []turn, percent int, of func(turn) int64) int64 {
	var times []int64
	for _, t := range turns {
		times = append(times, of(t))
	}
	slices.Sort(times)
	return at(times, percent)
}

// handOver lets the next page ask for the seat, and the lead approve.
func (p *twoPages) handOver(holder, next string) turn {
	p.t.Helper()
	key := map[string]string{"player": "KeyJ", "viewer": "KeyK"}[next] // tells in the log who pressed
	p.requests(next)
	time.Sleep(decisionTime)
	p.b.do(next, "tap", args{"code": key}) // into nothing until the page has the game
	approved := p.approve()
	t := p.game.turn(p.t, key, approved)
	p.b.do(next, "rest", nil)
	p.plays(next)
	p.b.do(holder, "wait", args{"on": "seat-request", "timeout": 10_000})
	return t
}

// turn waits until the new holder's key has come, and reads how.
func (l gameLog) turn(t testing.TB, key string, decided time.Time) turn {
	t.Helper()
	l.press(t, key, decided)
	since := func(event, code string) (after int64) {
		// The key comes by the display and the rest by the data channel: on a busy machine the key is
		// noted first.
		until(t, event+" in the game", 5*time.Second, func() bool {
			for _, line := range l.lines(t) {
				if line.Event == event && line.Code == code && line.At >= decided.UnixMilli() {
					after = line.At - decided.UnixMilli()
					return true
				}
			}
			return false
		})
		return after
	}
	return turn{since("client_disconnected", ""), since("client_connected", ""), since("key_down", key)}
}
