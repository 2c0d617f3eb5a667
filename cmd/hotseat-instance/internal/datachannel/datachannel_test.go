package datachannel

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds each wait of a test.
const patience = 15 * time.Second

func serve(t *testing.T) (*Server, chan []byte) {
	t.Helper()
	toClient := make(chan []byte, 16)
	for try := 1; ; try++ {
		listener, err := listen(0) // some free port, not the well-known one: tests run beside sessions
		if err != nil {
			t.Fatal(err)
		}
		port := listener.Addr().(*net.TCPAddr).Port
		listener.Close()
		server, err := Listen(port, func(m []byte) { toClient <- m }, slog.New(slog.DiscardHandler))
		if errors.Is(err, syscall.EADDRINUSE) && try < 10 { // somebody else took it in between
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		return server, toClient
	}
}

func connectGame(t *testing.T, server *Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", server.Port()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func expect(t *testing.T, game net.Conn, want Frame) {
	t.Helper()
	_ = game.SetReadDeadline(time.Now().Add(patience))
	got, err := ReadFrame(game)
	if err != nil {
		t.Fatalf("want frame %v: %v", want, err)
	}
	if got.Client != want.Client || got.Type != want.Type || !bytes.Equal(got.Payload, want.Payload) {
		t.Fatalf("got frame %v, want %v", got, want)
	}
}

func send(t *testing.T, game net.Conn, frame Frame) {
	t.Helper()
	data, err := frame.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := game.Write(data); err != nil {
		t.Fatal(err)
	}
}

func TestMessagesBeforeTheGameConnectsAreKept(t *testing.T) {
	server, _ := serve(t)
	server.ClientConnected()
	server.FromClient([]byte("one"))
	server.FromClient([]byte("two"))
	game := connectGame(t, server)
	expect(t, game, Frame{Client: 1, Type: ClientConnected})
	expect(t, game, Frame{Client: 1, Type: Message, Payload: []byte("one")})
	expect(t, game, Frame{Client: 1, Type: Message, Payload: []byte("two")})
}

func TestHandOverIsSeenAsOneGoingAndOneComing(t *testing.T) {
	server, _ := serve(t)
	server.ClientConnected()
	game := connectGame(t, server)
	expect(t, game, Frame{Client: 1, Type: ClientConnected})
	server.ClientDisconnected()
	server.ClientConnected()
	expect(t, game, Frame{Client: 1, Type: ClientDisconnected})
	expect(t, game, Frame{Client: 2, Type: ClientConnected})
}

func TestMessagesOfTheGameReachOnlyTheClientTheyName(t *testing.T) {
	server, toClient := serve(t)
	game := connectGame(t, server)
	send(t, game, Frame{Client: 1, Type: Message, Payload: []byte("lost: nobody is there")})
	// The game has read this frame only after it wrote the lost one: order on one
	// connection. Reading it back proves that the server is past the lost one too.
	server.ClientConnected()
	expect(t, game, Frame{Client: 1, Type: ClientConnected})
	send(t, game, Frame{Client: 9, Type: Message, Payload: []byte("lost: nobody has that id")})
	send(t, game, Frame{Client: 1, Type: ClientDisconnected})
	send(t, game, Frame{Client: 1, Type: Message, Payload: []byte("score 5")})
	for {
		select {
		case got := <-toClient:
			if string(got) == "score 5" {
				return
			}
			if string(got) == "lost: nobody has that id" {
				t.Fatal("a message for an unknown client was delivered")
			}
		case <-time.After(patience):
			t.Fatal("the client heard nothing")
		}
	}
}

func TestRestartedGameHearsWhoIsThere(t *testing.T) {
	server, toClient := serve(t)
	server.ClientConnected()
	first := connectGame(t, server)
	expect(t, first, Frame{Client: 1, Type: ClientConnected})
	second := connectGame(t, server)
	expect(t, second, Frame{Client: 1, Type: ClientConnected})
	_ = first.SetReadDeadline(time.Now().Add(patience))
	if _, err := ReadFrame(first); err == nil {
		t.Error("the replaced connection still gets frames")
	}
	send(t, second, Frame{Client: 1, Type: Message, Payload: []byte("hello")})
	select {
	case <-toClient:
	case <-time.After(patience):
		t.Fatal("the restarted game is not heard")
	}
}

func TestMessagesOfAClientThatLeftAreForgotten(t *testing.T) {
	server, _ := serve(t)
	server.ClientConnected()
	server.FromClient([]byte("too late"))
	server.ClientDisconnected()
	server.ClientConnected()
	game := connectGame(t, server)
	expect(t, game, Frame{Client: 2, Type: ClientConnected})
	server.FromClient([]byte("now"))
	expect(t, game, Frame{Client: 2, Type: Message, Payload: []byte("now")})
}

func TestFloodKeepsTheNewestMessagesAndWhoIsThere(t *testing.T) {
	var q queue
	q.push(Frame{Client: 1, Type: ClientConnected})
	for i := range 3 * maxQueued {
		q.push(Frame{Client: 1, Type: Message, Payload: fmt.Appendf(nil, "%d", i)})
	}
	frames := q.take()
	if len(frames) != maxQueued+1 || frames[0].Type != ClientConnected {
		t.Fatalf("kept %d frames, the first %v", len(frames), frames[0])
	}
	if got := string(frames[len(frames)-1].Payload); got != fmt.Sprint(3*maxQueued-1) {
		t.Errorf("the newest kept is %s", got)
	}
	for range 40 {
		q.push(Frame{Type: Message, Payload: make([]byte, MaxPayload)})
	}
	if q.bytes > maxQueuedBytes {
		t.Errorf("%d bytes are kept, at most %d", q.bytes, maxQueuedBytes)
	}
}

func TestLargestFrameIsWhatTheLengthFieldHolds(t *testing.T) {
	data, err := Frame{Client: 255, Type: Message, Payload: make([]byte, MaxPayload)}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	frame, err := ReadFrame(bytes.NewReader(data))
	if err != nil || len(frame.Payload) != MaxPayload {
		t.Errorf("got %d bytes, %v", len(frame.Payload), err)
	}
	if _, err := (Frame{Payload: make([]byte, MaxPayload+1)}).Append(nil); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{1, 2, 0, 5, 'h', 'e', 'l', 'l', 'o'})
	f.Add([]byte{255, 0, 0, 0})
	f.Add([]byte{1, 2, 255, 255, 'x'})
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bytes.NewReader(data)
		var again []byte
		for {
			frame, err := ReadFrame(in)
			if err != nil {
				if len(again) == len(data) && !errors.Is(err, io.EOF) {
					t.Fatalf("at the end: %v", err)
				}
				break
			}
			if again, err = frame.Append(again); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.HasPrefix(data, again) {
			t.Fatalf("read and written again: %x, was %x", again, data)
		}
	})
}
