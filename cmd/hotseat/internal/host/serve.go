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
	gatePath = "/gate"
	// gateTime is how long a publication waits for a worker: longer than a worker takes to start anew,
	// shorter than publishers wait.
	gateTime = 5 * time.Second
	// A worker that dies at once is started again after firstPause, then twice that, up to lastPause; one
	// that lived for steady begins anew.
	firstPause, lastPause, steady = 50 * time.Millisecond, 5 * time.Second, 3 * time.Second
	// startTime is how long a worker may take until it answers.
	startTime = 20 * time.Second
)

// Supervised is a running Hotseat whose backend works in a process of its own.
type Supervised struct {
	URL       string // of the page and the API
	UsersFile string
	Users     []cognito.User
	Services  *local.Services

	cfg      Config
	command  func() *exec.Cmd
	listener *net.TCPListener
	socket   *os.File // of listener, for the workers
	lock     *os.File
	end      chan struct{} // closed by Close
	ended    sync.WaitGroup
}

// assignment is what a worker reads on its standard input, as one line of JSON.
type assignment struct {
	Access            local.Access
	DataDir           string
	ConnectionTimeout time.Duration
}

// Serve starts the services here and the backend in a worker. Command makes the worker's command,
// whose process must call Work; its standard error is kept. The socket that the worker answers on
// belongs to this process: what arrives while there is no worker waits for the next one.
func Serve(cfg Config, command func() *exec.Cmd) (_ *Supervised, err error) {
	s := &Supervised{cfg: cfg, command: command, end: make(chan struct{})}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	if s.lock, err = prepare(cfg); err != nil {
		return nil, err
	}
	if s.Users, s.UsersFile, err = users(cfg.DataDir); err != nil {
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
	if s.Services, err = startServices(cfg, s.Users, remote); err != nil {
		return nil, err
	}
	s.URL = s.Services.Access.EdgeURL
	s.Services.Serve(proxy(target, cfg.Log))
	up := make(chan error, 1)
	s.ended.Go(func() { s.supervise(up) })
	if err := <-up; err != nil {
		return nil, err
	}
	return s, nil
}

// backendToken is a token for one call: cheap to make, and gone in a minute.
func (s *Supervised) backendToken() (string, error) {
	return s.Services.Access.MachineToken(auth.RoleBackend, "", time.Minute, time.Now())
}

// proxy brings requests from the edge to the worker.
func proxy(target *url.URL, log *slog.Logger) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute},
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
			return
		default:
		}
		s.cfg.Log.Warn("the backend ended; starting it again", "lived", time.Since(started).Round(time.Millisecond), "pause", pause, "error", err)
		select {
		case <-s.end:
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
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
	var told sync.WaitGroup
	defer told.Wait()
	defer close(gone)
	told.Go(func() {
		select {
		case <-s.end:
			_, _ = io.WriteString(stdin, endLine) // a worker that is gone needs no telling
		case <-gone:
			return
		}
		select {
		case <-time.After(2 * closeTime):
			_ = cmd.Process.Kill()
		case <-gone:
		}
	})
	slow := time.AfterFunc(startTime, func() { _ = cmd.Process.Kill() })
	defer slow.Stop()
	err = json.NewEncoder(stdin).Encode(assignment{s.Services.Access, s.cfg.DataDir, s.cfg.ConnectionTimeout})
	if err == nil {
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if lines.Text() == readyLine && slow.Stop() {
				s.cfg.Log.Info("the backend answers", "pid", cmd.Process.Pid)
				ready()
			}
		}
	}
	return errors.Join(err, cmd.Wait())
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
