package datachannel

// Bounds of what waits for a game that is not there yet or does not read.
const (
	maxQueued      = 256     // messages
	maxQueuedBytes = 1 << 20 // of their payloads
)

// queue holds frames for the game, the oldest first. Messages above the bounds
// push out the oldest messages; the other frames stay, for a game that missed one
// would think that the wrong client is there. There are few: each needs a client
// to come or go.
type queue struct {
	frames   []Frame
	messages int
	bytes    int
	dropped  uint64
}

func (q *queue) push(frame Frame) {
	q.frames = append(q.frames, frame)
	if frame.Type != Message {
		return
	}
	q.messages++
	q.bytes += len(frame.Payload)
	for q.messages > maxQueued || q.bytes > maxQueuedBytes {
		q.dropOldestMessage()
	}
}

func (q *queue) dropOldestMessage() {
	for n, frame := range q.frames {
		if frame.Type == Message {
			q.frames = append(q.frames[:n], q.frames[n+1:]...)
			q.messages--
			q.bytes -= len(frame.Payload)
			q.dropped++
			return
		}
	}
}

// take empties the queue.
func (q *queue) take() []Frame {
	frames := q.frames
	q.frames, q.messages, q.bytes = nil, 0, 0
	return frames
}
