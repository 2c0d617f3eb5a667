package steward_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"hotseat/backend/steward"
)

// process is one backend, from its start to its end.
type process struct {
	steward *steward.Steward
	dead    atomic.Bool // killed: nothing that it still does has any effect
	cancel  context.CancelFunc
	done    chan struct{}
}

// start starts a backend on the store.
func (r *rig) start() {
	p := &process{done: make(chan struct{})}
	p.steward = steward.New(steward.Config{
		AWS: r.aws, Store: r.store, Now: time.Now, Log: slog.New(slog.DiscardHandler), Timing: r.timing,
		Publish: func(ctx context.Context, channel string, event any) error { return r.publish(ctx, p, channel, event) },
		SidecarEnvironment: func(string, time.Duration) (map[string]string, error) {
			return map[string]string{}, nil
		},
	})
	var ctx context.Context
	ctx, p.cancel = context.WithCancel(context.Background())
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		p.cancel()
		return
	}
	r.now = p
	r.running.Go(func() {
		defer close(p.done)
		_ = p.steward.Run(ctx)
	})
}

func (r *rig) process() *process {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

// serving is the steward that the API would ask: one that has taken up its sessions, or ends.
func (r *rig) serving(ctx context.Context) *steward.Steward {
	p := r.process()
	select {
	case <-p.steward.Ready():
	case <-p.done:
	case <-ctx.Done():
	}
	return p.steward
}

// crash ends the backend in the middle of what it does, and starts another. It does not wait: it may be
// called from within.
func (r *rig) crash() {
	p := r.process()
	if p.dead.Swap(true) {
		return
	}
	p.cancel()
	r.running.Go(func() {
		<-p.done
		r.start()
	})
}

// restart ends the backend and starts one with another timing, nil: the patient one.
func (r *rig) restart(adjust func(*steward.Timing)) {
	r.t.Helper()
	before := r.process()
	r.timing = quick()
	if adjust != nil {
		adjust(&r.timing)
	}
	r.crash()
	r.eventually("the next backend", func() bool { return r.process() != before })
	<-r.process().steward.Ready()
}
