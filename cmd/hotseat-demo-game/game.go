package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"hotseat/cmd/hotseat-demo-game/internal/bridge"
	"hotseat/cmd/hotseat-demo-game/internal/datachannel"
	"hotseat/cmd/hotseat-demo-game/internal/journal"
	"hotseat/cmd/hotseat-demo-game/internal/paint"
	"hotseat/cmd/hotseat-demo-game/internal/world"
	"hotseat/cmd/hotseat-demo-game/internal/x11"
	"hotseat/sidecar/timecode"
)

// game is one run. Its fields belong to the goroutine of loop.
type game struct {
	set      settings
	log      *slog.Logger
	journal  *journal.Journal
	window   *x11.Window
	canvas   *paint.Canvas
	painter  *paint.Painter
	world    *world.World
	controls world.Controls

	session chan bridge.Event      // from the bridge
	stream  chan datachannel.Event // from the data channel
}

// queued is how many events may wait for the next frame; beyond it the readers
// wait, and the bridge drops the oldest at its end.
const queued = 256

// run plays until the context ends or the window is closed.
func run(ctx context.Context, set settings, log *slog.Logger) error {
	record, err := journal.Open(set.LogPath, log)
	if err != nil {
		return err
	}
	defer record.Close()
	reserved := 0
	if set.Timecode {
		reserved = timecode.Width
	}
	painter, err := paint.New(set.Width, set.Height, reserved)
	if err != nil {
		return err
	}
	window, err := x11.Open(x11.Config{Display: set.Display, Title: paint.Title, Width: set.Width, Height: set.Height, NoSharing: set.NoSharing})
	if err != nil {
		return err
	}
	defer window.Close()

	g := &game{
		set: set, log: log, journal: record, window: window, painter: painter,
		canvas:  paint.CanvasOn(window.Frame(), set.Width, set.Height),
		world:   world.New(set.Seed, paint.WorldWidth(set.Width, set.Height)),
		session: make(chan bridge.Event, queued),
		stream:  make(chan datachannel.Event, queued),
	}
	g.journal.Write(time.Now(), journal.Entry{Event: "started", Width: set.Width, Height: set.Height, FPS: set.FPS, Shared: window.Shared()})
	log.Info("game started", "width", set.Width, "height", set.Height, "fps", set.FPS, "sharedMemory", window.Shared(), "seed", set.Seed)

	ctx, cancel := context.WithCancel(ctx)
	var readers sync.WaitGroup
	defer readers.Wait()
	defer cancel()
	if set.BridgeAddr != "" {
		client := bridge.Client{Addr: set.BridgeAddr, Log: log}
		readers.Go(func() { client.Run(ctx, deliver(ctx, g.session)) })
	}
	if set.DataChannelAddr != "" {
		readers.Go(func() { datachannel.Run(ctx, set.DataChannelAddr, deliver(ctx, g.stream)) })
	}
	return g.loop(ctx)
}

// deliver sends to a channel unless the context has ended.
func deliver[E any](ctx context.Context, to chan<- E) func(E) {
	return func(e E) {
		select {
		case to <- e:
		case <-ctx.Done():
		}
	}
}

// loop draws frame after frame at fixed moments: a frame's moment is computed
// from the start, not from the frame before, so delays do not add up. Events are
// taken as they come, so that their times in the journal are true.
func (g *game) loop(ctx context.Context) error {
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := int64(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-g.window.Events():
			if !ok || e.Kind == x11.Closed {
				g.log.Info("the window is gone")
				return nil
			}
			g.input(e)
		case e := <-g.session:
			g.hear(e)
		case e := <-g.stream:
			g.client(e)
		case <-timer.C:
			if err := g.frame(time.Since(start)); err != nil {
				// A display that went away ends the game as closing the window does.
				g.log.Info("the display is gone", "error", err)
				return nil
			}
			next := time.Duration(0)
			now := time.Since(start)
			for n++; ; n++ {
				// Moments that have passed are left out: a late frame is dropped
				// rather than shown in a hurry.
				if next = moment(n, g.set.FPS); next > now {
					break
				}
				n = max(n, int64(now)*int64(g.set.FPS)/int64(time.Second))
			}
			timer.Reset(next - now)
		}
	}
}

// moment of a frame after the start.
func moment(n int64, fps int) time.Duration {
	return time.Duration(n) * time.Second / time.Duration(fps)
}

func (g *game) frame(at time.Duration) error {
	g.world.Advance(at, &g.controls)
	g.painter.Draw(g.canvas, g.world, &g.controls)
	if g.set.Timecode {
		// Last, so that the stamp is as close to the screen as it can be.
		_ = timecode.Draw(g.canvas.Bytes(), g.set.Width*4, timecode.At(time.Now()), g.state())
	}
	return g.window.Show()
}

func (g *game) state() timecode.State {
	w := g.world
	return timecode.State{
		X:         uint8(min(max(w.Plane.X/w.Width, 0), 1) * 255),
		Keys:      uint8(g.controls.Presses),
		Reactions: uint8(w.Counts.Reactions + w.Counts.ChatLines),
		Epoch:     uint8(w.Seat.Epoch & 15),
	}
}
