package steward_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Operations of the control API that a wire tells apart.
const (
	opGet       = "GetStreamSession"
	opConnect   = "CreateStreamSessionConnection"
	opTerminate = "TerminateStreamSession"
)

// fault is what happens to one call on its way to the service and back; nil: nothing.
type fault func(w http.ResponseWriter, r *http.Request, forward func(http.ResponseWriter))

// refused answers in the service's place.
func refused(status int, name string) fault {
	return func(w http.ResponseWriter, _ *http.Request, _ func(http.ResponseWriter)) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Amzn-Errortype", name)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"Message":"` + name + ` of arn:aws:gameliftstreams:secret"}`))
	}
}

var (
	conflict   = refused(http.StatusConflict, "ConflictException")
	throttling = refused(http.StatusTooManyRequests, "ThrottlingException")
	broken     = refused(http.StatusInternalServerError, "InternalServerException")
)

// hanging never answers: the caller gives up.
func hanging(_ http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) {
	_, _ = io.Copy(io.Discard, r.Body) // the server sees a caller go away only once the body is read
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// cut ends the connection before the service sees the call.
func cut(http.ResponseWriter, *http.Request, func(http.ResponseWriter)) { panic(http.ErrAbortHandler) }

// answerLost ends the connection when the service has done what it was asked.
func answerLost(_ http.ResponseWriter, _ *http.Request, forward func(http.ResponseWriter)) {
	forward(httptest.NewRecorder())
	panic(http.ErrAbortHandler)
}

// outdated answers a look with what an earlier one was answered.
func (w *wire) outdated(status string) fault {
	return func(out http.ResponseWriter, _ *http.Request, _ func(http.ResponseWriter)) {
		w.mu.Lock()
		body := w.seen[status]
		w.mu.Unlock()
		out.Header().Set("Content-Type", "application/json")
		_, _ = out.Write(body)
	}
}

// wire lies between the steward and the local GameLift Streams, and fails as a test says.
type wire struct {
	URL string

	mu     sync.Mutex // protects all
	faults map[string]func(n int) fault
	times  map[string][]time.Time // of calls
	seen   map[string][]byte      // the latest answer to a look, by status
}

func newWire(t *testing.T, service string) *wire {
	t.Helper()
	target, err := url.Parse(service)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{faults: map[string]func(int) fault{}, times: map[string][]time.Time{}, seen: map[string][]byte{}}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.Out.Host = p.In.Host // it is signed
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		op := operation(r)
		w.mu.Lock()
		w.times[op] = append(w.times[op], time.Now())
		var f fault
		if choose := w.faults[op]; choose != nil {
			f = choose(len(w.times[op]))
		}
		w.mu.Unlock()
		forward := func(out http.ResponseWriter) { proxy.ServeHTTP(out, r) }
		if f != nil {
			f(out, r, forward)
			return
		}
		if op != opGet {
			forward(out)
			return
		}
		answer := httptest.NewRecorder()
		forward(answer)
		w.remember(answer.Body.Bytes())
		for name, values := range answer.Header() {
			out.Header()[name] = values
		}
		out.WriteHeader(answer.Code)
		_, _ = out.Write(answer.Body.Bytes())
	}))
	t.Cleanup(server.Close)
	w.URL = server.URL
	return w
}

func operation(r *http.Request) string {
	switch {
	case strings.HasSuffix(r.URL.Path, "/connections"):
		return opConnect
	case r.Method == http.MethodDelete:
		return opTerminate
	case r.Method == http.MethodGet:
		return opGet
	}
	return "StartStreamSession"
}

func (w *wire) remember(body []byte) {
	for _, status := range []string{"ACTIVE", "CONNECTED", "PENDING_CLIENT_RECONNECTION"} {
		if strings.Contains(string(body), `"Status":"`+status+`"`) {
			w.mu.Lock()
			w.seen[status] = body
			w.mu.Unlock()
		}
	}
}

// fail lets calls of an operation fail from here on; nil heals it.
func (w *wire) fail(op string, f fault) {
	if f == nil {
		w.choose(op, nil)
		return
	}
	w.choose(op, func(int) fault { return f })
}

// failNext lets as many calls of an operation fail, and the rest work.
func (w *wire) failNext(op string, times int, f fault) {
	w.choose(op, func(int) fault {
		if times--; times >= 0 {
			return f
		}
		return nil
	})
}

func (w *wire) choose(op string, f func(n int) fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults[op] = f
}

// calls is when an operation was called since a time.
func (w *wire) calls(op string, since time.Time) (times []time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, at := range w.times[op] {
		if at.After(since) {
			times = append(times, at)
		}
	}
	return times
}
