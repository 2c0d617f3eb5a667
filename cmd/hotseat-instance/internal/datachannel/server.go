package datachannel

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"
)

// DefaultPort is the port of GameLift Streams. Games are built for it.
const DefaultPort = 40712

// writePatience is how long a game may leave a written frame unread before its
// connection is closed; it may then connect again.
const writePatience = 10 * time.Second

// Server serves the data channel of one session. One game is connected at a time;
// a newer connection replaces the older, for that is a game that was restarted.
//
// One goroutine owns who is connected; one reads and one writes for each game.
type Server struct {
	listener net.Listener
	toClient func([]byte)
	log      *slog.Logger

	commands chan func(*state)
	closed   chan struct{}
	once     sync.Once
	running  sync.WaitGroup
}

// state belongs to the goroutine in run.
type state struct {
	client   byte // id of the client that is connected
	present  bool // whether one is
	lastID   byte // the newest id given
	waiting  queue
	game     *game
	lastDrop time.Time
}

// game is one connection of the game. queued belongs to run; the writer gets
// everything queued in one piece when it asks.
type game struct {
	conn  net.Conn
	ready chan []Frame // to the writer; unbuffered
}

// Listen serves on 127.0.0.1: on port, or with port 0 on DefaultPort if it is
// free (so that unchanged games work in the first session), else on any port.
// toClient gets each message of the game for the client that is connected; it is
// called from one goroutine and must not block for long.
func Listen(port int, toClient func([]byte), log *slog.Logger) (*Server, error) {
	want := port
	if port == 0 {
		want = DefaultPort
	}
	listener, err := listen(want)
	if err != nil && port == 0 {
		listener, err = listen(0)
	}
	if err != nil {
		return nil, fmt.Errorf("open the data channel for the game: %w", err)
	}
	s := &Server{
		listener: listener, toClient: toClient, log: log,
		commands: make(chan func(*state)), closed: make(chan struct{}),
	}
	s.running.Go(s.run)
	s.running.Go(s.accept)
	return s, nil
}

func listen(port int) (net.Listener, error) {
	return net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}

// Port is the port on 127.0.0.1.
func (s *Server) Port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// ClientConnected tells the game that a new client is there.
func (s *Server) ClientConnected() {
	s.do(func(st *state) {
		st.lastID++ // wraps after 255
		st.client, st.present = st.lastID, true
		s.push(st, Frame{Client: st.client, Type: ClientConnected})
	})
}

// ClientDisconnected tells the game that the client has left.
func (s *Server) ClientDisconnected() {
	s.do(func(st *state) {
		if !st.present {
			return
		}
		st.present = false
		s.push(st, Frame{Client: st.client, Type: ClientDisconnected})
		if st.game == nil {
			st.waiting.take() // nobody heard that it came either
		}
	})
}

// FromClient passes a message of the client to the game, or keeps it until the
// game is there. Messages above MaxPayload are dropped.
func (s *Server) FromClient(message []byte) {
	if len(message) > MaxPayload {
		s.log.Warn("client message dropped: larger than a data channel frame", "bytes", len(message))
		return
	}
	s.do(func(st *state) {
		if st.present {
			s.push(st, Frame{Client: st.client, Type: Message, Payload: message})
		}
	})
}

// Close ends the server and all connections, and returns when its goroutines have
// ended.
func (s *Server) Close() {
	s.once.Do(func() { close(s.closed) })
	s.listener.Close()
	s.running.Wait()
}

// do runs f where the state lives. After Close it does nothing.
func (s *Server) do(f func(*state)) {
	done := make(chan struct{})
	select {
	case s.commands <- func(st *state) { defer close(done); f(st) }:
		<-done
	case <-s.closed:
	}
}

func (s *Server) push(st *state, frame Frame) {
	before := st.waiting.dropped
	st.waiting.push(frame)
	if st.waiting.dropped > before && time.Since(st.lastDrop) > time.Second {
		st.lastDrop = time.Now()
		s.log.Warn("the game does not take the client's messages; the oldest are dropped", "dropped", st.waiting.dropped)
	}
}

func (s *Server) run() {
	st := &state{}
	defer func() {
		if st.game != nil {
			st.game.conn.Close()
			close(st.game.ready)
		}
	}()
	for {
		// Offer what waits only to a game that can take it.
		var offer chan []Frame
		if st.game != nil && len(st.waiting.frames) > 0 {
			offer = st.game.ready
		}
		select {
		case command := <-s.commands:
			command(st)
		case offer <- st.waiting.frames:
			st.waiting.take()
		case <-s.closed:
			return
		}
	}
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				s.log.Warn("accept the game's data channel connection", "error", err)
			}
			return
		}
		s.do(func(st *state) { s.gameConnected(st, conn) })
		select {
		case <-s.closed:
			conn.Close()
		default:
		}
	}
}

func (s *Server) gameConnected(st *state, conn net.Conn) {
	// Frames that the earlier connection did not take are told anew: who is there
	// now, then the messages.
	waiting := st.waiting.take()
	if st.game != nil {
		s.log.Info("the game connected again; its older data channel connection is closed")
		s.dropGame(st, st.game)
	}
	if st.present {
		st.waiting.push(Frame{Client: st.client, Type: ClientConnected})
		for _, frame := range waiting {
			if frame.Type == Message && frame.Client == st.client {
				st.waiting.push(frame)
			}
		}
	}
	g := &game{conn: conn, ready: make(chan []Frame)}
	st.game = g
	s.running.Go(func() { s.write(g) })
	s.running.Go(func() { s.read(g) })
}

func (s *Server) dropGame(st *state, g *game) {
	if st.game == g {
		st.game = nil
		g.conn.Close()
		close(g.ready)
	}
}

func (s *Server) write(g *game) {
	var buffer []byte
	for frames := range g.ready {
		buffer = buffer[:0]
		for _, frame := range frames {
			buffer, _ = frame.Append(buffer) // payloads were bounded when they came in
		}
		_ = g.conn.SetWriteDeadline(time.Now().Add(writePatience))
		if _, err := g.conn.Write(buffer); err != nil {
			g.conn.Close() // read notices
			for range g.ready {
				// Nothing more can be told to this game.
			}
			return
		}
	}
}

func (s *Server) read(g *game) {
	defer s.do(func(st *state) { s.dropGame(st, g) })
	for {
		frame, err := ReadFrame(g.conn)
		if err != nil {
			return
		}
		if frame.Type != Message {
			continue
		}
		var here bool
		s.do(func(st *state) { here = st.game == g && st.present && st.client == frame.Client })
		if here {
			s.toClient(frame.Payload)
		}
	}
}
