package conformance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Target is what is examined.
type Target struct {
	WHIP      string // address to publish to
	WHEP      string // address to receive the same broadcast from; empty: receiving is not examined
	Token     string // bearer token to publish with; empty: none is sent
	WHEPToken string // to receive with; empty: Token
	// Progress hears each verdict as it falls. May be nil.
	Progress func(Result)
}

// Times that a run gives a server.
const (
	requestTime = 15 * time.Second
	connectTime = 15 * time.Second // from the answer to media
	stopTime    = 10 * time.Second // from DELETE to silence: RFC 7675 asks for "immediate"
	// quietTime without a packet is silence: the broadcast has fifty sound packets a second.
	quietTime = 1500 * time.Millisecond
	// patience bounds how long a server may put a request off (Retry-After), all in all.
	patience = 30 * time.Second
)

type runner struct {
	target  Target
	client  *http.Client
	mark    []byte // in every frame of the broadcast
	results []Result
}

// Run examines a server and returns a verdict for each clause. The error says that it could not be examined
// at all: no such address, nothing that listens, no session to be had.
func Run(ctx context.Context, target Target) ([]Result, error) {
	for _, address := range []string{target.WHIP, target.WHEP} {
		u, err := url.Parse(address)
		if address != "" && (err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https")) {
			return nil, fmt.Errorf("%q is no http or https address", address)
		}
	}
	if target.WHIP == "" {
		return nil, errors.New("a WHIP address is needed: somebody has to publish")
	}
	if target.WHEPToken == "" {
		target.WHEPToken = target.Token
	}
	r := &runner{
		target: target, mark: []byte(rand.Text()[:16]),
		client: &http.Client{
			Timeout: requestTime, Transport: http.DefaultTransport.(*http.Transport).Clone(),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	defer r.client.CloseIdleConnections()
	if _, err := r.send(ctx, request{method: http.MethodOptions, url: target.WHIP}); err != nil {
		return nil, fmt.Errorf("the server cannot be reached: %w", err)
	}

	whip := &side{runner: r, spec: whipSpec, endpoint: target.WHIP, token: target.Token}
	whip.examineEndpoint(ctx)
	whip.examineRefusals(ctx)
	if err := whip.open(ctx); err != nil {
		return r.results, fmt.Errorf("no broadcast could be published: %w", err)
	}
	defer whip.close(ctx)
	if target.WHEP == "" {
		whip.examineSession(ctx)
		whip.examineEnd(ctx, nil)
		return r.results, nil
	}

	whep := &side{runner: r, spec: whepSpec, endpoint: target.WHEP, token: target.WHEPToken}
	whep.examineEndpoint(ctx)
	err := whep.open(ctx)
	defer whep.close(ctx)
	if err != nil {
		r.note(whepSpec.setup, Must, "media that WHIP sends is received by WHEP", Fail, err.Error())
		whip.examineSession(ctx)
		whip.examineEnd(ctx, nil)
		return r.results, nil
	}
	r.examineMedia(ctx, whep)
	whip.watcher = whep
	whep.examineSession(ctx)
	whip.examineSession(ctx)
	whep.examineEnd(ctx, whep.peer)
	whip.examineEnd(ctx, r.lastWatcher(ctx, whep))
	r.examineLast(ctx, whip, whep)
	return r.results, nil
}

// lastWatcher receives the broadcast once more, to see it end. Nil: it cannot.
func (r *runner) lastWatcher(ctx context.Context, whep *side) *peer {
	whep.close(ctx)
	whep.quiet = true
	defer func() { whep.quiet = false }()
	if err := whep.open(ctx); err != nil || !whep.peer.awaitMedia(ctx, 1, connectTime) {
		return nil
	}
	return whep.peer
}

// examineLast posts bad offers to receive, which a server answers only while there is a broadcast. They come last:
// there are servers that do not outlive them.
func (r *runner) examineLast(ctx context.Context, whip, whep *side) {
	whip.close(ctx)
	whip.quiet = true
	if err := whip.open(ctx); err != nil {
		r.note(whepSpec.malformed, Must, "WHEP: bad offers are refused", Skipped, "no broadcast could be published again: "+err.Error())
	} else {
		r.lastWatcher(ctx, whep) // the broadcast is there when it can be received
		whep.examineRefusals(ctx)
	}
	whip.quiet = false
	whip.examineHammer(ctx)
	end, err := r.send(ctx, request{method: http.MethodOptions, url: r.target.WHIP})
	if err != nil {
		r.note("-", Must, "the server outlives the examination", Fail, err.Error())
		return
	}
	r.note("-", Must, "the server outlives the examination", Pass, end.String())
}
