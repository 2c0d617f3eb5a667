package bridge

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"
)

const (
	// queueLines are kept for a game that does not read.
	queueLines = 256
	// maxGames: one game, a tool or two to look at it, and room for a connection that dies.
	maxGames = 8
	// maxInput bounds a line that a game sends. Lines are read and ignored for now.
	maxInput = 4 << 10
	// writeWait: a game that takes no byte for so long has hung; it may connect again.
	writeWait = 30 * time.Second
)

// Server is the bridge. Offer may be called before Serve and from anywhere.
type Server struct {
	listener net.Listener
	log      *slog.Logger

	mu    sync.Mutex // protects the rest; never held over I/O
	seat  seat
	games map[*game]struct{}
	wg    sync.WaitGroup
}

// Listen opens the port, so that a game that is started next finds it.
func Listen(addr string, log *slog.Logger) (*Server, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("bridge: %w", err)
	}
	return &Server{listener: l, log: log, seat: emptySeat, games: make(map[*game]struct{})}, nil
}

// Addr is where games connect.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve accepts games until ctx is done, which is no error, and then waits for all
// connections to end.
func (s *Server) Serve(ctx context.Context) error {
	defer s.wg.Wait()
	defer s.closeAll()
	defer context.AfterFunc(ctx, func() { s.listener.Close() })()
	defer s.listener.Close()
	for {
		conn, err := s.listener.Accept()
		if ctx.Err() != nil {
			if conn != nil {
				conn.Close()
			}
			return nil
		}
		if err != nil {
			var temporary net.Error
			if errors.As(err, &temporary) && temporary.Timeout() {
				continue
			}
			return fmt.Errorf("bridge: accept: %w", err)
		}
		s.serve(conn)
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
	s.seat = s.seat.after(e)
	if leftOut[e.Action] {
		return
	}
	for g := range s.games {
		g.push(line)
	}
}

// serve starts a game's goroutines.
func (s *Server) serve(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.games) >= maxGames {
		s.log.Warn("bridge refused a connection", "connected", len(s.games))
		conn.Close()
		return
	}
	g := &game{conn: conn, wake: make(chan struct{}, 1), quit: make(chan struct{})}
	g.push(s.seat.line()) // under the lock, so that no event comes between seat and stream
	s.games[g] = struct{}{}
	s.log.Info("game connected to the bridge", "from", conn.RemoteAddr())
	s.wg.Go(func() {
		g.write()
		g.close()
	})
	s.wg.Go(func() {
		err := g.read()
		g.close()
		s.mu.Lock()
		delete(s.games, g)
		s.mu.Unlock()
		s.log.Info("game left the bridge", "from", conn.RemoteAddr(), "dropped", g.droppedLines(), "reason", err)
	})
}

func (s *Server) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for g := range s.games {
		g.close()
	}
}

// game is one connection.
type game struct {
	conn net.Conn
	wake chan struct{} // there are lines; capacity 1
	quit chan struct{}
	once sync.Once

	mu      sync.Mutex // protects the rest
	lines   [][]byte   // oldest first
	dropped int
}

// push adds a line and drops the oldest when there are too many.
func (g *game) push(line []byte) {
	g.mu.Lock()
	if len(g.lines) >= queueLines {
		g.lines = g.lines[1:]
		g.dropped++
	}
	g.lines = append(g.lines, line)
	g.mu.Unlock()
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

func (g *game) pop() []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.lines) == 0 {
		return nil
	}
	line := g.lines[0]
	g.lines = g.lines[1:]
	return line
}

func (g *game) droppedLines() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dropped
}

func (g *game) write() {
	for {
		for line := g.pop(); line != nil; line = g.pop() {
			_ = g.conn.SetWriteDeadline(time.Now().Add(writeWait))
			if _, err := g.conn.Write(line); err != nil {
				return
			}
		}
		select {
		case <-g.wake:
		case <-g.quit:
			return
		}
	}
}

// read takes what the game says and forgets it. It ends with the connection.
func (g *game) read() error {
	r := bufio.NewReaderSize(g.conn, maxInput)
	for {
		if _, err := r.ReadSlice('\n'); err != nil {
			if errors.Is(err, bufio.ErrBufferFull) {
				return fmt.Errorf("a line of more than %d bytes", maxInput)
			}
			return err
		}
	}
}

func (g *game) close() {
	g.once.Do(func() {
		close(g.quit)
		g.conn.Close()
	})
}
