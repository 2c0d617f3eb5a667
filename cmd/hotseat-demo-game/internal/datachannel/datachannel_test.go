package datachannel_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hotseat/cmd/hotseat-demo-game/internal/datachannel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFramesAreRead(t *testing.T) {
	var got []datachannel.Event
	frames := []byte{3, 0, 0, 0, 3, 2, 0, 5, 'h', 'e', 'l', 'l', 'o', 3, 1, 0, 0}
	err := datachannel.Read(bytes.NewReader(frames), func(e datachannel.Event) { got = append(got, e) })
	if err != io.EOF || len(got) != 3 {
		t.Fatalf("%v, %v", got, err)
	}
	if got[0].Type != datachannel.Connected || got[0].Client != 3 || string(got[1].Payload) != "hello" || got[2].Type != datachannel.Disconnected {
		t.Errorf("%+v", got)
	}
}

func TestUnknownAndCutOffFramesEndTheConnection(t *testing.T) {
	for _, frames := range [][]byte{{1, 9, 0, 0}, {1, 2, 0, 9, 'x'}, {1}} {
		err := datachannel.Read(bytes.NewReader(frames), func(e datachannel.Event) { t.Errorf("delivered %+v", e) })
		if err == nil {
			t.Errorf("%v: no error", frames)
		}
	}
}

func TestRefusedConnectionIsNoTrouble(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	datachannel.Run(ctx, addr, func(datachannel.Event) { t.Error("an event from nowhere") })
}

func FuzzRead(f *testing.F) {
	f.Add([]byte{3, 0, 0, 0, 3, 2, 0, 1, 'x', 3, 1, 0, 0})
	f.Add([]byte{0, 2, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = datachannel.Read(bytes.NewReader(data), func(e datachannel.Event) {
			if e.Type > datachannel.Message || len(e.Payload) > 65535 {
				t.Errorf("%+v", e)
			}
		})
	})
}
