package events

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
)

// begin authorizes and sends an operation. The answer arrives on the returned channel.
// Register, if not nil, is called with the id before the frame is sent, under l.mu. ErrOffline
// means that the link is over or retired, and nothing was sent.
func (l *link) begin(ctx context.Context, frame ClientFrame, register func(id string)) (id string, answer chan ServerFrame, err error) {
	if frame.Authorization, _, err = l.client.authorize(ctx); err != nil {
		return "", nil, err
	}
	answer = make(chan ServerFrame, 1)
	l.mu.Lock()
	if l.retired || l.ctx.Err() != nil {
		l.mu.Unlock()
		return "", nil, ErrOffline
	}
	l.lastID++
	frame.ID = strconv.Itoa(l.lastID)
	l.pending[frame.ID] = answer
	if register != nil {
		register(frame.ID)
	}
	l.mu.Unlock()
	data, err := json.Marshal(frame)
	if err == nil {
		select {
		case l.out <- data:
			return frame.ID, answer, nil
		case <-l.ctx.Done():
			err = ErrOffline
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	l.settle(frame.ID, nil)
	return "", nil, err
}

// await waits for the answer to an operation.
func (l *link) await(ctx context.Context, id string, answer chan ServerFrame) (ServerFrame, error) {
	ctx, cancel := context.WithTimeout(ctx, l.client.cfg.OperationTimeout)
	defer cancel()
	select {
	case frame := <-answer:
		return frame, nil
	case <-l.ctx.Done():
		select { // the answer may have come just before the end
		case frame := <-answer:
			return frame, nil
		default:
			return ServerFrame{}, fmt.Errorf("%w: the connection was lost", ErrUnconfirmed)
		}
	case <-ctx.Done():
		l.settle(id, nil)
		return ServerFrame{}, fmt.Errorf("%w: %w", ErrUnconfirmed, context.Cause(ctx))
	}
}

func (l *link) operate(ctx context.Context, frame ClientFrame) (ServerFrame, error) {
	id, answer, err := l.begin(ctx, frame, nil)
	if err != nil {
		return ServerFrame{}, err
	}
	return l.await(ctx, id, answer)
}

// settle takes an operation off the list of those that wait, and hands over its answer, if
// there is one. False if nobody waits for it.
func (l *link) settle(id string, frame *ServerFrame) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	answer, ok := l.pending[id]
	if !ok {
		return false
	}
	delete(l.pending, id)
	if frame != nil {
		answer <- *frame // it has room for one, and only one comes
	}
	if l.retired && len(l.pending) == 0 {
		close(l.idle)
	}
	return true
}
