package token

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hotseat/sidecar/whip"
)

var quiet = slog.New(slog.DiscardHandler)

func TestATokenWithoutAWayToAnotherIsFinal(t *testing.T) {
	s := &Source{Token: "a", Log: quiet}
	if got, err := s.Get(t.Context(), ""); got != "a" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := s.Get(t.Context(), "a"); !errors.Is(err, whip.ErrNoFreshToken) {
		t.Errorf("error %v", err)
	}
	s.Ask = func(context.Context) (string, error) { return "", ErrNotOffered }
	if _, err := s.Get(t.Context(), "a"); !errors.Is(err, whip.ErrNoFreshToken) {
		t.Errorf("error %v", err)
	}
}

func TestAFreshTokenInTheFileIsFound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		s := &Source{Token: "a", File: path, Log: quiet}
		if got, err := s.Get(t.Context(), ""); got != "a" || err != nil { // the file is late
			t.Errorf("%q, %v", got, err)
		}
		write("a\n")
		go func() {
			time.Sleep(10 * time.Minute)
			write("b\n")
		}()
		start := time.Now()
		got, err := s.Get(t.Context(), "a")
		if got != "b" || err != nil || time.Since(start) > 10*time.Minute+2*fileEvery {
			t.Errorf("%q, %v after %v", got, err, time.Since(start))
		}
		write("c")
		if got, _ := s.Get(t.Context(), ""); got != "c" {
			t.Errorf("the next connection has %q, not what is in the file", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := s.Get(ctx, "c"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}

func TestTheBackendIsAskedAndNotHammered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := &Source{Token: "a", Log: quiet, Ask: func(context.Context) (string, error) {
			asked++
			switch {
			case asked < 5:
				return "", errors.New("503")
			case asked < 8:
				return "a", nil // the old one again
			}
			return "b", nil
		}}
		start := time.Now()
		got, err := s.Get(t.Context(), "a")
		if got != "b" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		if took := time.Since(start); asked != 8 || took < time.Minute || took > 10*time.Minute {
			t.Errorf("asked %d times in %v", asked, took)
		}
	})
}

func TestAStageThatRefusesEveryFreshTokenIsNotAskedForEndlessly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		asked := 0
		s := &Source{Token: "0", Log: slog.New(slog.NewTextHandler(&said, nil)), Ask: func(context.Context) (string, error) {
			asked++
			return strconv.Itoa(asked), nil
		}}
		start, token := time.Now(), "0"
		for time.Since(start) < time.Hour {
			fresh, err := s.Get(t.Context(), token)
			if err != nil || fresh == token {
				t.Fatalf("%q, %v", fresh, err)
			}
			token = fresh
		}
		if asked > maxInVain+int(time.Hour/askRarely)+2 {
			t.Errorf("asked %d times in an hour", asked)
		}
		if n := strings.Count(said.String(), "refuses every fresh token"); n != 1 {
			t.Errorf("said %d times that the fault lies elsewhere:\n%s", n, said.String())
		}
	})
}

func TestAfterATokenThatHeldTheNextIsAskedForAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := &Source{Token: "0", Log: quiet, Ask: func(context.Context) (string, error) {
			asked++
			return strconv.Itoa(asked), nil
		}}
		token := "0"
		for range 2 * maxInVain {
			start := time.Now()
			fresh, err := s.Get(t.Context(), token)
			if err != nil || time.Since(start) > 0 {
				t.Fatalf("%q, %v after %v", fresh, err, time.Since(start))
			}
			token = fresh
			time.Sleep(held)
			if again, err := s.Get(t.Context(), ""); again != token || err != nil { // a network that was away
				t.Fatalf("%q, %v", again, err)
			}
		}
	})
}
