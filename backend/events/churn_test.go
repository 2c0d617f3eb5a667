package events_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"hotseat/backend/events"
)

func TestALossAtTheSeamIsAGapThatIsTold(t *testing.T) {
	for seed := range uint64(25) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				random := rand.New(rand.NewPCG(seed, 2))
				w.delay(seed, 300*time.Millisecond)
				l := w.listen(signIn(15*time.Second, 6*time.Second)) // half of the time is seam
				w.ready(l)
				for range 300 {
					w.say()
					switch random.IntN(30) {
					case 0:
						w.cut()
					case 1:
						w.freeze(true)
						time.Sleep(time.Duration(random.Int64N(int64(time.Minute))))
						w.freeze(false)
					case 2:
						w.strand()
					case 3:
						w.cutOldest()
					}
					time.Sleep(time.Duration(random.Int64N(int64(300 * time.Millisecond))))
				}
				time.Sleep(5 * time.Minute)
				w.say()
				time.Sleep(time.Minute)
				l.expectFollowed()
				l.Close()
			})
		})
	}
}

func TestSubscriptionsMayComeAndGoDuringTheSeam(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		random := rand.New(rand.NewPCG(7, 2))
		w.delay(7, 300*time.Millisecond)
		l := w.listen(signIn(15*time.Second, 6*time.Second))
		w.ready(l)
		for range 300 {
			heard := make(chan string, 1000)
			sub, err := l.Subscribe(channel, func(m events.Message) { heard <- string(m.Event) })
			if err != nil {
				t.Fatal(err)
			}
			if random.IntN(4) > 0 {
				if err := sub.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.say()
				if got, want := <-heard, fmt.Sprint(w.size()); got != want {
					t.Fatalf("heard %s, want %s", got, want)
				}
			}
			time.Sleep(time.Duration(random.Int64N(int64(300 * time.Millisecond))))
			sub.Close()
			if len(heard) > 0 {
				t.Errorf("%d doubles", len(heard))
			}
		}
		l.expectExactly()
		l.Close()
	})
}
