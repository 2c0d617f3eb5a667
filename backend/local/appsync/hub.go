package appsync

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"

	"hotseat/backend/events"
)

// hub knows who hears what.
type hub struct {
	mu    sync.RWMutex
	exact map[string]map[*subscription]struct{} // by channel
	below map[string]map[*subscription]struct{} // wildcards, by the path before "/*"
}

// subscription is one channel of one connection.
type subscription struct {
	channel  events.Channel
	id       string
	out      *outbox
	dataHead []byte // a data frame up to and with its id; the rest is the same for all
}

// newSubscription prepares what is sent with each event. The id needs no escaping (see
// events.ValidOperationID).
func newSubscription(channel events.Channel, id string, out *outbox) *subscription {
	return &subscription{channel: channel, id: id, out: out, dataHead: []byte(`{"type":"data","id":"` + id + `"`)}
}

// dataFrameBody is the part of a data frame after the id: made once for all subscribers.
func dataFrameBody(payload json.RawMessage) []byte {
	var body bytes.Buffer
	body.Grow(len(payload) + len(payload)/4 + 16)
	body.WriteString(`,"event":`)
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	encoder.Encode(string(payload)) // a string and a buffer never fail
	body.Truncate(body.Len() - 1)   // the encoder's newline
	body.WriteByte('}')
	return body.Bytes()
}

// add makes a subscription active and queues its acknowledgement. Both happen before any
// later broadcast, so that the acknowledgement comes before the first event and no event
// published after it is missed.
func (h *hub) add(sub *subscription, acknowledgement []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.exact == nil {
		h.exact, h.below = map[string]map[*subscription]struct{}{}, map[string]map[*subscription]struct{}{}
	}
	index := h.index(sub)
	if index[sub.channel.Path] == nil {
		index[sub.channel.Path] = map[*subscription]struct{}{}
	}
	index[sub.channel.Path][sub] = struct{}{}
	sub.out.put(outFrame{body: acknowledgement})
}

func (h *hub) remove(sub *subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	index := h.index(sub)
	delete(index[sub.channel.Path], sub)
	if len(index[sub.channel.Path]) == 0 {
		delete(index, sub.channel.Path)
	}
}

func (h *hub) index(sub *subscription) map[string]map[*subscription]struct{} {
	if sub.channel.Wildcard {
		return h.below
	}
	return h.exact
}

// broadcast queues an event for each matching subscription. It does not wait for any of
// them.
func (h *hub) broadcast(path string, body []byte) {
	h.each(path, func(sub *subscription) { sub.out.put(outFrame{head: sub.dataHead, body: body}) })
}

// each visits the subscriptions that hear a channel: its own, and the wildcards of each
// path above it.
func (h *hub) each(path string, visit func(*subscription)) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for sub := range h.exact[path] {
		visit(sub)
	}
	for i := strings.LastIndexByte(path, '/'); i > 0; i = strings.LastIndexByte(path[:i], '/') {
		for sub := range h.below[path[:i]] {
			visit(sub)
		}
	}
}
