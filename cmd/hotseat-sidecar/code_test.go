package main

import (
	"errors"
	"fmt"
	"testing"

	"hotseat/sidecar/capture"
)

func TestOnlyWhatAnotherStartCouldMendIsStartedAgain(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, exitOK},
		{fmt.Errorf("opening: %w", capture.ErrUnfit), exitConfig},
		{fmt.Errorf("ending: %w", errNobody), exitNobody},
		{fmt.Errorf("capturing: %w", capture.ErrStalled), exitFailed},
		{errors.New("anything else"), exitFailed},
	} {
		if got := codeOf(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}
