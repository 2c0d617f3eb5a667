//go:build linux && cgo

package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hotseat/cmd/hotseat-instance/internal/player"
)

// tapeSource makes a sample every 33 ms until it breaks.
type tapeSource struct {
	fails  chan struct{}
	closed atomic.Int32
}

func (s *tapeSource) Video(ctx context.Context) (player.Sample, error) {
	select {
	case <-time.After(33 * time.Millisecond):
		return player.Sample{KeyFrame: true}, nil
	case <-s.fails:
		return player.Sample{}, errors.New("broken")
	case <-ctx.Done():
		return player.Sample{}, ctx.Err()
	}
}

func (s *tapeSource) Audio(ctx context.Context) (player.Sample, error) { return s.Video(ctx) }
func (s *tapeSource) ForceKeyFrame()                                   {}
func (s *tapeSource) Close()                                           { s.closed.Add(1) }

func (s *tapeSource) broken() bool {
	select {
	case <-s.fails:
		return true
	default:
		return false
	}
}

func newTapes() (*feed, *[]*tapeSource) {
	var made []*tapeSource
	return &feed{open: func() (source, error) {
		s := &tapeSource{fails: make(chan struct{})}
		made = append(made, s)
		return s, nil
	}}, &made
}

func borrow(t *testing.T, f *feed) player.Source {
	t.Helper()
	s, err := f.get()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheNextClientGetsTheWarmCapture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, made := newTapes()
		borrow(t, f).Close()
		time.Sleep(linger / 2) // of the bubble's clock
		second := borrow(t, f)
		if len(*made) != 1 || (*made)[0].closed.Load() != 0 {
			t.Fatalf("%d captures were opened", len(*made))
		}
		if _, err := second.Video(t.Context()); err != nil {
			t.Fatal(err)
		}
		second.Close()
		f.close()
		if (*made)[0].closed.Load() != 1 {
			t.Fatal("the capture was not closed once")
		}
	})
}

func TestACaptureThatNobodyTakesIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, made := newTapes()
		borrow(t, f).Close()
		time.Sleep(linger + time.Second)
		synctest.Wait()
		if (*made)[0].closed.Load() != 1 {
			t.Fatal("the capture goes on")
		}
		f.close()
	})
}

func TestABrokenCaptureIsNotLentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, made := newTapes()
		first := borrow(t, f)
		first.Close()
		close((*made)[0].fails)
		synctest.Wait()
		borrow(t, f).Close()
		if len(*made) != 2 {
			t.Fatal("the broken capture was lent again")
		}
		f.close()
		if (*made)[0].closed.Load() != 1 || (*made)[1].closed.Load() != 1 {
			t.Fatal("a capture was not closed once")
		}
	})
}

func TestWhileAnotherClientPlaysNothingIsKeptWarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, made := newTapes()
		first, second := borrow(t, f), borrow(t, f)
		first.Close()
		synctest.Wait()
		if (*made)[0].closed.Load() != 1 {
			t.Error("the replaced client's capture goes on beside the new one's")
		}
		second.Close()
		f.close()
		if (*made)[1].closed.Load() != 1 {
			t.Error("the last capture was not closed once")
		}
	})
}

func TestAfterTheEndWhatIsGivenBackIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, made := newTapes()
		s := borrow(t, f)
		f.close()
		s.Close()
		if (*made)[0].closed.Load() != 1 {
			t.Fatal("the capture goes on")
		}
	})
}
