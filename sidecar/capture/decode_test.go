package capture_test

import (
	"testing"
	"time"

	"hotseat/sidecar/capture"
)

// decodeAll decodes access units to the end.
func decodeAll(t testing.TB, units [][]byte) []capture.Picture {
	t.Helper()
	d, err := capture.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	fed := make(chan error, 1)
	go func() {
		defer d.End()
		for _, u := range units {
			if err := d.Feed(u); err != nil {
				fed <- err
				return
			}
		}
		fed <- nil
	}()
	var out []capture.Picture
	for {
		p, err := d.Next(10 * time.Second)
		if err != nil {
			if err := <-fed; err != nil {
				t.Fatal(err)
			}
			return out
		}
		out = append(out, p)
	}
}
