package appsync

import (
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/websocket"

	"hotseat/backend/events"
)

// Close codes beyond those that RFC 6455 (7.4.1) gives a meaning that fits.
const (
	// CloseTooSlow: the queue of the connection was full. 1013 is "try again later" in the
	// registry of close codes: connect again, and fill the gap from the log.
	CloseTooSlow = websocket.CloseTryAgainLater
	// CloseUnauthorized follows a connection_error. 4000-4999 are for private use.
	CloseUnauthorized = 4401
)

// serveRealtime is GET /event/realtime: it checks the authorization, upgrades, and serves
// the connection until it ends. The query parameters that some clients add are ignored.
func (s *Server) serveRealtime(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		writeErrors(w, http.StatusUpgradeRequired, badRequest("This is a WebSocket endpoint"))
		return
	}
	offered := websocket.Subprotocols(r)
	if !slices.Contains(offered, events.Subprotocol) {
		writeErrors(w, http.StatusBadRequest, &EventError{Type: events.ErrorTypeSubprotocol,
			Message: "Offer the WebSocket subprotocol " + events.Subprotocol})
		return
	}
	if !s.admit() {
		writeErrors(w, http.StatusServiceUnavailable, &EventError{Type: events.ErrorTypeLimitExceeded,
			Message: "There are too many connections, or the server stops. Try again later"})
		return
	}
	defer s.dismiss()
	opened := s.cfg.Now() // before the client is told that it is
	refusal := s.authorizeConnection(r, offered)
	hijacker := &corkHijacker{ResponseWriter: w}
	ws, err := s.upgrader.Upgrade(hijacker, r, nil)
	if err != nil {
		s.log.Debug("event channels: upgrade failed", "error", err)
		return
	}
	if refusal != nil {
		// A browser shows a page nothing of an HTTP refusal, so the refusal is a frame.
		refuseConnection(ws, refusal)
		return
	}
	newConnection(s, ws, hijacker.conn, opened).serve()
}

// authorizeConnection reads the authorization among the subprotocols. An IAM signature of a
// connection covers an empty JSON object.
func (s *Server) authorizeConnection(r *http.Request, offered []string) *EventError {
	given, err := events.DecodeAuthProtocol(offered)
	if err != nil {
		s.log.Debug("event channels: not authorized", "error", err)
		return errUnauthorized
	}
	who, refusal := s.authorize(r.Context(), given, []byte("{}"))
	if refusal == nil && !allows(s.cfg.ConnectionModes, who.mode) {
		return errUnauthorized
	}
	return refusal
}

func refuseConnection(ws *websocket.Conn, refusal *EventError) {
	defer ws.Close()
	wire := refusal.wire()
	wire.ErrorCode = refusal.status()
	deadline := time.Now().Add(closeGrace)
	ws.SetWriteDeadline(deadline)
	ws.WriteMessage(websocket.TextMessage, marshal(errorFrame{Type: events.TypeConnectionError, Errors: []events.WireError{wire}}))
	ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(CloseUnauthorized, refusal.Type), deadline)
	drain(ws, deadline)
}

// drain reads until the client has answered our close frame, so that closing the socket
// with unread bytes does not reset it before the client has read what we said.
func drain(ws *websocket.Conn, deadline time.Time) {
	ws.SetReadDeadline(deadline)
	ws.SetReadLimit(4096)
	for {
		if _, _, err := ws.NextReader(); err != nil {
			return
		}
	}
}
