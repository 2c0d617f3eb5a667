package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

const (
	// maxGames: one game, a tool or two to look at it, and room for a connection that dies.
	maxGames = 8
	// acceptFirst and acceptMost bound the pause after a failed accept: a process that is out of
	// file descriptors (EMFILE) has some again soon, and a game must find the bridge then.
	acceptFirst, acceptMost = 5 * time.Millisecond, time.Second
)

// Config of a Server.
type Config struct {
	Listeners []net.Listener // at least one; closed by Serve
	Session   string         // told to the game; "": none
	// Say brings what the game says into the session. It is called by one goroutine for each
	// connection, and bounded by its context. A *Refusal is told to the game as it is. nil: nobody
	// listens.
	Say func(context.Context, Saying) error
	Log *slog.Logger
}

// Server is the bridge. Offer and SetSeat may be called before Serve and from anywhere.
type Server struct {
	cfg Config
	log *slog.Logger

	mu        sync.Mutex // protects the rest; never held over I/O
	seat      seatState
	reactions reactions
	window    *time.Timer
	games     map[*game]struct{}
	ended     bool
	wg        sync.WaitGroup
}

// New makes a bridge on open sockets, so that a game that is started next finds it.
func New(cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Say == nil {
		cfg.Say = nobody
	}
	return &Server{cfg: cfg, log: cfg.Log, games: make(map[*game]struct{})}
}

// Serve accepts games until ctx is done, and then waits for all connections to end.
func (s *Server) Serve(ctx context.Context) {
	var accepting sync.WaitGroup
	for _, l := range s.cfg.Listeners {
		accepting.Go(func() { s.accept(ctx, l) })
	}
	<-ctx.Done()
	for _, l := range s.cfg.Listeners {
		l.Close()
	}
	accepting.Wait()
	s.closeAll()
	s.wg.Wait()
}

func (s *Server) accept(ctx context.Context, l net.Listener) {
	wait := acceptFirst
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return
		case err == nil:
			wait = acceptFirst
			s.serve(ctx, conn)
			continue
		case errors.Is(err, net.ErrClosed):
			s.log.Warn("a socket of the bridge was closed", "addr", l.Addr())
			return
		}
		if wait == acceptFirst {
			s.log.Warn("the bridge cannot take a game, trying again", "reason", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, acceptMost)
	}
}

// SetSeat tells who is in the seat, as the session's log says.
func (s *Server) SetSeat(seat Seat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learn(s.seat.learn(seat))
}

// learn is called with s.mu held.
func (s *Server) learn(seat seatState, news bool) {
	if !news {
		return
	}
	s.seat = seat
	s.send(seat.line())
}

// send is called with s.mu held.
func (s *Server) send(line []byte) {
	for g := range s.games {
		g.push(line)
	}
}

// Offer passes an event on to every game. It does not block.
func (s *Server) Offer(raw json.RawMessage) {
	e, line, err := parse(raw)
	if err != nil {
		s.log.Debug("event not passed to the game", "reason", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	switch {
	case leftOut[e.Action]:
	case e.Action == actionReact:
		event := line[:len(line)-1]
		if s.reactions.add(e.Reaction, event) {
			s.send(counted(event, 1))
			s.window = time.AfterFunc(reactEvery, s.flush)
		}
	default:
		s.send(line)
		s.learn(s.seat.after(e))
	}
}

// flush sends the reactions of a window, and begins the next if there were any.
func (s *Server) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	for _, line := range s.reactions.flush() {
		s.send(line)
	}
	if s.reactions.open {
		s.window.Reset(reactEvery)
	}
}

// serve starts a game's goroutines.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.games) >= maxGames {
		s.log.Warn("bridge refused a connection", "connected", len(s.games))
		conn.Close()
		return
	}
	g := newGame(conn)
	// Under the lock, so that no event comes between the greeting and the stream.
	g.push(encode(struct {
		Action  string `json:"action"`
		Version int    `json:"version"`
		Session string `json:"session"`
	}{"HELLO", 1, s.cfg.Session}))
	if s.seat.known {
		g.push(s.seat.line())
	}
	s.games[g] = struct{}{}
	s.log.Info("game connected to the bridge", "on", conn.LocalAddr())
	s.wg.Go(func() {
		g.write()
		g.close()
	})
	s.wg.Go(func() { g.say(ctx, s.cfg.Say) })
	s.wg.Go(func() {
		err := g.read()
		g.close()
		s.mu.Lock()
		delete(s.games, g)
		s.mu.Unlock()
		s.log.Info("game left the bridge", "on", conn.LocalAddr(), "dropped", g.droppedLines(), "reason", err)
	})
}

func (s *Server) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.window != nil {
		s.window.Stop()
	}
	for g := range s.games {
		g.close()
	}
}
