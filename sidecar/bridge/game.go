package bridge

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// queueLines are kept for a game that does not read.
	queueLines = 256
	// writeWait: a game that takes no byte for so long has hung; it may connect again.
	writeWait = 30 * time.Second
)

// game is one connection: a goroutine each to write, to read, and to bring what it says into
// the session.
type game struct {
	conn    net.Conn
	wake    chan struct{} // there are lines; capacity 1
	quit    chan struct{}
	sayings chan saidBy
	once    sync.Once

	mu      sync.Mutex // protects the rest
	lines   [][]byte   // oldest first
	dropped int
}

// saidBy is a saying on its way to the session, or one that is refused already, so that answers
// keep their order.
type saidBy struct {
	Saying
	id      json.RawMessage
	refusal *Refusal
}

func newGame(conn net.Conn) *game {
	return &game{conn: conn, wake: make(chan struct{}, 1), quit: make(chan struct{}), sayings: make(chan saidBy, sayQueue)}
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

// read hears the game until the connection ends.
func (g *game) read() error {
	r := bufio.NewReaderSize(g.conn, maxLine)
	allowed, answers := limits(), rate.NewLimiter(answersPerSecond, answersPerSecond)
	for {
		line, err := r.ReadSlice('\n')
		said := saidBy{id: json.RawMessage("null")}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if err := skipLine(r); err != nil {
				return err
			}
			said.refusal = refuse(CodeTooLarge, "a line has at most %d bytes", maxLine)
		case err != nil:
			return err
		default:
			said.Saying, said.id, said.refusal = read(line)
		}
		if said.refusal == nil && !allowed[said.Kind].Allow() {
			said.refusal = refuse(CodeTooFast, "a %s came too soon after others: at most %g in a second", said.Kind, allowed[said.Kind].Limit())
		}
		if said.refusal != nil && !answers.Allow() {
			continue // it was told often enough
		}
		select {
		case g.sayings <- said:
		default:
			if answers.Allow() {
				g.push(answer(said.id, refuse(CodeTooFast, "%d lines wait for the session", sayQueue)))
			}
		}
	}
}

// skipLine reads to the end of a line that is too long.
func skipLine(r *bufio.Reader) error {
	for {
		_, err := r.ReadSlice('\n')
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// say brings sayings into the session, one after the other, and answers.
func (g *game) say(ctx context.Context, say func(context.Context, Saying) error) {
	for {
		select {
		case <-g.quit:
			return
		case said := <-g.sayings:
			var err error
			if said.refusal != nil {
				err = said.refusal
			} else {
				patience, cancel := context.WithTimeout(ctx, sayWait)
				err = say(patience, said.Saying)
				cancel()
			}
			g.push(answer(said.id, err))
		}
	}
}

func (g *game) close() {
	g.once.Do(func() {
		close(g.quit)
		g.conn.Close()
	})
}
