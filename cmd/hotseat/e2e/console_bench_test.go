package e2e

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"
)

// The usual terminal on a usual screen.
const benchWidth, benchHeight = 160, 45

// BenchmarkConsoleFlood: 10,000 lines of chat a second for 30 s into the session that the console shows,
// while somebody goes from pane to pane a few times a second. See talk for what of the backend is real. Figures: memory
// at the start, at most and at the end, frames a second at most and on average, from the key to the frame
// that shows it, what the console took of one processor, and how long its threads waited for one: where that is
// not small, the machine was busy with something else and the times say little.
func BenchmarkConsoleFlood(b *testing.B) {
	const rate, seconds = 10_000, 30
	k := startTalk(b)
	env := desk(b, k)
	for range b.N {
		g := openGlass(b, env, benchWidth, benchHeight, "--session", loud)
		g.await("the seat is free", 20*time.Second)
		atStart, _ := g.memory()
		ranBefore, waitedBefore := g.processor()
		begun := time.Now()
		over, done := k.begin("flood %d %d", rate, seconds)
		var pressed []press
		most := atStart
		for flooding := true; flooding; {
			// 150 ms and odd ones, so that keys do not fall into step with frames.
			pause := 150*time.Millisecond + time.Duration(len(pressed)*7%31)*time.Millisecond
			select {
			case <-over:
				flooding = false
			case <-time.After(pause):
				pressed = append(pressed, press{time.Now(), panes[len(pressed)%len(panes)]})
				g.press(pressed[len(pressed)-1].key)
				now, _ := g.memory()
				most = max(most, now)
			}
		}
		span := time.Since(begun)
		answer := done()
		ran, waited := g.processor()
		used := ran - ranBefore
		waited -= waitedBefore
		g.await(fmt.Sprintf("line %d:", rate*seconds), 20*time.Second)
		g.await("▸ "+pressed[len(pressed)-1].key+" ", 20*time.Second)
		atEnd, peak := g.memory()
		film := g.taken()
		perSecond := framesIn(film, begun, begun.Add(span))
		keys := answeredWithin(b, g, film, pressed)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(atStart, "start-MiB")
		b.ReportMetric(max(most, peak), "peak-MiB")
		b.ReportMetric(atEnd, "end-MiB")
		b.ReportMetric(float64(slices.Max(perSecond)), "max-frames/s")
		b.ReportMetric(float64(sum(perSecond))/span.Seconds(), "frames/s")
		b.ReportMetric(ms(atRank(keys, 0.5)), "key-p50-ms")
		b.ReportMetric(ms(atRank(keys, 0.95)), "key-p95-ms")
		b.ReportMetric(ms(keys[len(keys)-1]), "key-max-ms")
		b.ReportMetric(100*used.Seconds()/span.Seconds(), "%cpu")
		b.ReportMetric(100*waited.Seconds()/span.Seconds(), "%waited")
		b.ReportMetric(float64(len(keys)), "keys")
		b.ReportMetric(span.Seconds(), "flood-s")
		b.Logf("%d lines in %s, %d keys; the backend saw %d connections and gave %d pages of the log", answer.Said, span.Round(time.Millisecond), len(keys), answer.Visits, answer.Pages)
		g.leave()
	}
}

// BenchmarkConsoleFirstScreen: from starting the program, signed in, to the frame with the list of sessions.
func BenchmarkConsoleFirstScreen(b *testing.B) {
	k := startTalk(b)
	env := desk(b, k)
	var took []time.Duration
	for b.Loop() {
		g := openGlass(b, env, benchWidth, benchHeight)
		took = append(took, g.await("Quiet Runner", 20*time.Second).Sub(g.started))
		g.leave()
	}
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(atRank(took, 0.5)), "p50-ms")
	b.ReportMetric(ms(atRank(took, 0.95)), "p95-ms")
}

// BenchmarkConsoleIdle: what ten seconds take of one processor in which nobody says anything; in the lobby,
// in a session, and in a session with the heartbeat of its sidecar.
func BenchmarkConsoleIdle(b *testing.B) {
	const span = 10
	k := startTalk(b)
	env := desk(b, k)
	for _, screen := range []struct {
		name, sees string
		beats      bool
		args       []string
	}{
		{"lobby", "Quiet Runner", false, nil},
		{"session", "the seat is free", false, []string{"--session", quiet}},
		{"heartbeat", "the seat is free", true, []string{"--session", quiet}},
	} {
		b.Run(screen.name, func(b *testing.B) {
			for range b.N {
				g := openGlass(b, env, benchWidth, benchHeight, screen.args...)
				g.await(screen.sees, 20*time.Second)
				time.Sleep(2 * time.Second) // what a start leaves behind is over
				before, _ := g.processor()
				begun, wrote := time.Now(), len(g.taken())
				if screen.beats {
					_, done := k.begin("beat %d", span)
					done()
				} else {
					time.Sleep(span * time.Second) // the measurement itself
				}
				after, _ := g.processor()
				ran := time.Since(begun)
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(ms(after-before)/ran.Seconds(), "cpu-ms/s")
				b.ReportMetric(float64(sum(framesIn(g.taken()[wrote:], begun, begun.Add(ran))))/ran.Seconds(), "frames/s")
				now, _ := g.memory()
				b.ReportMetric(now, "MiB")
				g.leave()
			}
		})
	}
}

// framesIn counts the frames of each second between two moments.
func framesIn(film []shot, from, to time.Time) []int {
	seconds := make([]int, int(to.Sub(from)/time.Second)+1)
	for _, s := range film {
		if !s.at.Before(from) && s.at.Before(to) {
			seconds[int(s.at.Sub(from)/time.Second)] += bytes.Count(s.data, []byte(frameBegin))
		}
	}
	return seconds
}

// press is a key that was typed: the number of a pane, which is then marked on the screen.
type press struct {
	at  time.Time
	key string
}

// panes are so many that no two presses that wait for their answer are alike.
var panes = []string{"3", "1", "4", "2", "7", "5", "6"}

var markedPane = regexp.MustCompile(`▸ (\d) [a-z]`)

// answeredWithin shows the film again and finds the frame that answers each key, sorted. A frame may answer
// several: the last of them is then what it shows.
func answeredWithin(b *testing.B, g *glass, film []shot, pressed []press) []time.Duration {
	b.Helper()
	p := newProjector(g.width, g.height)
	defer p.close()
	var took []time.Duration
	for _, s := range film {
		p.show(s)
		if len(took) == len(pressed) || s.at.Before(pressed[len(took)].at) || !bytes.Contains(s.data, []byte(frameEnd)) {
			continue
		}
		marked := markedPane.FindStringSubmatch(p.screen())
		if marked == nil {
			continue
		}
		for i := len(took); i < min(len(pressed), len(took)+len(panes)) && !pressed[i].at.After(s.at); i++ {
			if pressed[i].key == marked[1] {
				for _, answered := range pressed[len(took) : i+1] {
					took = append(took, s.at.Sub(answered.at))
				}
				break
			}
		}
	}
	if len(took) < len(pressed) {
		b.Fatalf("%d of %d keys were answered:\n%s", len(took), len(pressed), p.screen())
	}
	slices.Sort(took)
	return took
}

func atRank(sorted []time.Duration, part float64) time.Duration {
	return sorted[min(len(sorted)-1, int(part*float64(len(sorted))))]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func sum(list []int) (total int) {
	for _, n := range list {
		total += n
	}
	return total
}
