//go:build unix

package client_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/jpeg"
	"runtime"
	"syscall"
	"testing"
	"time"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

// BenchmarkFortySessions is a second of forty running sessions, each with heartbeat, picture and two chat
// lines, as one client hears it; CPU is of client and server together.
func BenchmarkFortySessions(b *testing.B) {
	const count = 40
	back := newBackend(b)
	id := func(n int) string { return fmt.Sprintf("s-%02d", n) }
	for n := range count {
		back.start(id(n))
	}
	_, updates := back.watch(lead, nil)
	until(b, updates, "a connection", func(u client.Update) bool { return u.Connection != nil && u.Connection.Phase == client.Live })
	var encoded bytes.Buffer
	_ = jpeg.Encode(&encoded, image.NewGray(image.Rect(0, 0, 320, 180)), nil)
	picture := base64.StdEncoding.EncodeToString(encoded.Bytes())
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for b.Loop() {
		for n := range count {
			back.live(id(n), map[string]any{"action": "SIDECAR_HEALTH", "state": "live", "fps": 30})
			back.live(id(n), map[string]any{"action": "THUMBNAIL", "jpeg": picture, "width": 320, "height": 180})
			back.say(id(n), viewer, playtest.Event{Action: playtest.ActionChat, Message: "one"})
			back.say(id(n), viewer, playtest.Event{Action: playtest.ActionChat, Message: "two"})
		}
		heard, pictures := 0, map[string]bool{}
		until(b, updates, "all of it", func(u client.Update) bool {
			heard += len(u.Events)
			for session, live := range u.Live {
				pictures[session] = pictures[session] || live.Picture != nil
			}
			return heard >= 2*count && len(pictures) == count
		})
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	spent := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	b.ReportMetric(float64(spent.Milliseconds())/float64(b.N), "cpu-ms/s")
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	b.ReportMetric(float64(memory.HeapAlloc)/1e6, "heap-MB")
}
