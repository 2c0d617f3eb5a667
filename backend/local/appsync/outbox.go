package appsync

import "sync"

// outFrame is one frame to a client in two parts, so that what is the same for all
// subscribers is held once.
type outFrame struct {
	head, body []byte
}

func (f outFrame) size() int { return len(f.head) + len(f.body) }

// outbox is the bounded queue of frames to one connection. Many put, one takes. What was
// taken counts until it is reported as written.
type outbox struct {
	maxFrames, maxBytes int
	overflow            func()        // called once, by the put that did not fit; must not wait
	ready               chan struct{} // a hint: there is something to take

	mu            sync.Mutex
	queue         []outFrame
	frames, bytes int // queued or being written
	full          bool
}

func newOutbox(maxFrames, maxBytes int, overflow func()) *outbox {
	return &outbox{maxFrames: maxFrames, maxBytes: maxBytes, overflow: overflow, ready: make(chan struct{}, 1)}
}

// put queues a frame. After the first that does not fit, all are dropped: the connection
// is about to end. A single frame larger than maxBytes fits an empty outbox.
func (o *outbox) put(frame outFrame) {
	o.mu.Lock()
	if o.full {
		o.mu.Unlock()
		return
	}
	if o.frames >= o.maxFrames || (o.frames > 0 && o.bytes+frame.size() > o.maxBytes) {
		o.full, o.queue = true, nil
		o.mu.Unlock()
		o.overflow()
		return
	}
	o.queue = append(o.queue, frame)
	o.frames++
	o.bytes += frame.size()
	o.mu.Unlock()
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

// take returns everything that is queued and leaves the emptied buffer for what comes.
func (o *outbox) take(buffer []outFrame) []outFrame {
	o.mu.Lock()
	defer o.mu.Unlock()
	taken := o.queue
	o.queue = buffer[:0]
	return taken
}

// written makes room.
func (o *outbox) written(frame outFrame) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.frames--
	o.bytes -= frame.size()
}
