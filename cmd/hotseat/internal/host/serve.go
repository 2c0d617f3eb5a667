package host

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"sync"
	"time"

	"hotseat/backend/auth"
	"hotseat/backend/gate"
	"hotseat/backend/local"
	"hotseat/backend/local/cognito"
)

const (
	// gatePath is where a worker answers for its gate; nothing but the events service may ask there.
	gatePath   = "/gate"
	healthPath = "/healthz"
	// gateTime is how long a publication waits for a worker: longer than a worker takes to start anew,
	// shorter than publishers wait.
	gateTime = 5 * time.Second
	// A worker that dies at once is started again after firstPause, then twice that, up to lastPause, which
	// is well below gateTime; one that lived for steady begins anew.
	firstPause, lastPause, steady = 50 * time.Millisecond, 2 * time.Second, 3 * time.Second
	// startTime is how long a worker may take until it answers.
	startTime = 20 * time.Second
	// A worker is asked every healthEvery whether it still works, and killed when it has not answered
	// healthMisses times in a row: one that stands still is worse than none.
	healthEvery, healthMisses = 2 * time.Second, 3
	// answerTime bounds the wait for an answer's header: longer than a long poll (25 s).
	answerTime = 35 * time.Second
)

// Supervised is a running Hotseat whose backend works in a process of its own.
type Supervised struct {
	URL       string // of the page and the API
	UsersFile string
	users     []cognito.User
	Services  *local.Services

	cfg      Config
	command  func() *exec.Cmd
	listener *net.TCPListener
	socket   *os.File // of listener, for the workers
	lock     *os.File
	health   string        // of the worker
	end      chan struct{} // closed by Close
	ended    sync.WaitGroup

	closed bool // the books: a worker has ended all sessions; of supervise's goroutine
}

// assignment is what a worker reads on its standard input, as one line of JSON.
type assignment struct {
	Access            local.Access
	DataDir           string
	ConnectionTimeout time.Duration
}

// Serve starts the services here and the backend in a worker. Command makes the worker's command,
// whose process must call Work; its standard error is kept. The socket that the worker answers on
// belongs to this process: what arrives while there is no worker waits for the next one. Serve returns when
// the first worker answers, or ctx ends; Close ends what it started.
func Serve(ctx context.Context, cfg Config, command func() *exec.Cmd) (_ *Supervised, err error) {
	s := &Supervised{cfg: cfg, command: command, end: make(chan struct{})}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	if s.lock, err = prepare(cfg); err != nil {
		return nil, err
	}
	if s.users, s.UsersFile, err = users(cfg.DataDir); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the backend: %w", err)
	}
	s.listener = listener.(*net.TCPListener)
	if s.socket, err = s.listener.File(); err != nil {
		return nil, fmt.Errorf("sharing the backend's socket: %w", err)
	}
	target := &url.URL{Scheme: "http", Host: listener.Addr().String()}
	remote := &gate.Remote{
		URL:    target.JoinPath(gatePath).String(),
		Token:  func() (string, error) { return s.backendToken() },
		Client: &http.Client{Timeout: gateTime, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
	if s.Services, err = startServices(cfg, s.users, remote); err != nil {
		return nil, err
	}
	s.URL = s.Services.Access.PublicURL
	s.health = target.JoinPath(healthPath).String()
	s.Services.Serve(proxy(target, cfg.Log))
	up := make(chan error, 1)
	s.ended.Go(func() { s.supervise(up) })
	select {
	case err := <-up:
		return s, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// backendToken is a token for one call: cheap to make, and gone in a minute.
func (s *Supervised) backendToken() (string, error) {
	return s.Services.Access.MachineToken(auth.RoleBackend, "", time.Minute, time.Now())
}

// proxy brings requests from the edge to the worker.
func proxy(target *url.URL, log *slog.Logger) http.Handler {
	backend := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: answerTime},
		ErrorLog:  slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() != nil {
				return // the client went away
			}
			log.Warn("the backend broke off a request", "path", r.URL.Path, "error", err)
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"error":{"code":"restarting","message":"the backend is being started again; try again in a second"}}`)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == gatePath || r.URL.Path == healthPath { // these are for this process alone
			http.NotFound(w, r)
			return
		}
		backend.ServeHTTP(w, r)
	})
}

// supervise keeps one worker running until Close. How the first one's start went is told to up.
func (s *Supervised) supervise(up chan<- error) {
	pause, wasUp := firstPause, false
	for {
		started := time.Now()
		err := s.work(func() {
			if !wasUp {
				wasUp = true
				up <- nil
			}
		})
		if !wasUp { // what ails the first will ail the next
			up <- fmt.Errorf("the backend did not start; its last words are above: %w", err)
			return
		}
		if time.Since(started) > steady {
			pause = firstPause
		}
		select {
		case <-s.end:
			s.closeBooks()
			return
		default:
		}
		s.cfg.Log.Warn("the backend ended; starting it again", "lived", time.Since(started).Round(time.Millisecond), "pause", pause, "error", err)
		select {
		case <-s.end:
			s.closeBooks()
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
}

// closeBooks has one more worker end all sessions, when the last one went without: both may have been told
// to stop at once.
func (s *Supervised) closeBooks() {
	if s.closed {
		return
	}
	if err := s.work(func() {}); err != nil || !s.closed {
		s.cfg.Log.Error("the sessions' logs stay open; the next start ends them", "error", err)
	}
}

// work runs one worker to its end; ready is called when it answers.
func (s *Supervised) work(ready func()) error {
	cmd := s.command()
	cmd.ExtraFiles = []*os.File{s.socket}
	apart(cmd)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	gone := make(chan struct{})
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer close(gone)
	slow := time.AfterFunc(startTime, func() { _ = cmd.Process.Kill() })
	defer slow.Stop()
	err = json.NewEncoder(stdin).Encode(assignment{s.Services.Access, s.cfg.DataDir, s.cfg.ConnectionTimeout})
	if err != nil { // it is gone already; Wait says why
		return errors.Join(err, cmd.Wait())
	}
	helpers.Go(func() { s.passEnd(cmd.Process, stdin, gone) })
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		switch lines.Text() {
		case readyLine:
			if slow.Stop() {
				s.cfg.Log.Info("the backend answers", "pid", cmd.Process.Pid)
				helpers.Go(func() { s.watch(cmd.Process, gone) })
				ready()
			}
		case endedLine:
			s.closed = true
		}
	}
	return cmd.Wait()
}

// passEnd tells a worker that all is to end, and ends it if it does not.
func (s *Supervised) passEnd(worker *os.Process, stdin io.Writer, gone <-chan struct{}) {
	select {
	case <-s.end:
		_, _ = io.WriteString(stdin, endLine) // a worker that is gone needs no telling
	case <-gone:
		return
	}
	select {
	case <-time.After(startTime + 2*closeTime):
		_ = worker.Kill()
	case <-gone:
	}
}

// watch ends a worker that stands still.
func (s *Supervised) watch(worker *os.Process, gone <-chan struct{}) {
	client := &http.Client{Timeout: healthEvery}
	defer client.CloseIdleConnections()
	for misses := 0; ; {
		select {
		case <-gone:
			return
		case <-time.After(healthEvery):
		}
		response, err := client.Get(s.health)
		if err == nil {
			response.Body.Close()
			misses = 0
			continue
		}
		if misses++; misses >= healthMisses {
			s.cfg.Log.Error("the backend does not answer; ending it", "error", err)
			_ = worker.Kill()
			return
		}
	}
}

// Close has the worker end every session, waits until every process is gone, and closes everything.
func (s *Supervised) Close() error {
	close(s.end)
	s.ended.Wait()
	var errs []error
	if s.Services != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		errs = append(errs, s.Services.Close(ctx))
	}
	if s.socket != nil {
		errs = append(errs, s.socket.Close())
	}
	if s.listener != nil {
		errs = append(errs, s.listener.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}
