package appsync

import (
	"encoding/json"

	"hotseat/backend/events"
)

// errorFrame is every frame that says no. Errors is never empty.
type errorFrame struct {
	Type   string             `json:"type"`
	ID     string             `json:"id,omitempty"`
	Errors []events.WireError `json:"errors"`
}

// successFrame answers subscribe and unsubscribe.
type successFrame struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// publishSuccessFrame has both lists, also when one is empty.
type publishSuccessFrame struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	events.PublishResult
}

// ackFrame answers connection_init.
type ackFrame struct {
	Type                string `json:"type"`
	ConnectionTimeoutMs int64  `json:"connectionTimeoutMs"`
}

var keepAliveFrame = []byte(`{"type":"` + events.TypeKeepAlive + `"}`)

// broadcastErrorBody follows the id of a broadcast_error.
var broadcastErrorBody = []byte(`,"errors":` + string(marshal([]events.WireError{errProcessing.wire()})) + `}`)

func (sub *subscription) errorHead() []byte {
	return []byte(`{"type":"` + events.TypeBroadcastError + `","id":"` + sub.id + `"`)
}

// marshal is for our own frames, which always can be.
func marshal(frame any) []byte {
	data, _ := json.Marshal(frame)
	return data
}
