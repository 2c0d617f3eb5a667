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
	"os"
	"time"

	"hotseat/backend/auth"
	"hotseat/backend/gate"
)

// What supervisor and worker say to each other in lines: the worker that it answers, the supervisor that
// all sessions are to end with it, the worker that they have.
const (
	readyLine = "ready"
	endLine   = "end\n"
	endedLine = "ended"
)

const (
	// maxAssignment bounds the first line; it has about 1 KiB.
	maxAssignment = 64 << 10
	// workerSocket is the file that the supervisor leaves to its worker: the first after the standard three.
	workerSocket = 3
	// readTime bounds the reading of a request; as at the edge, it is longer than a long poll (25 s).
	readTime = time.Minute
)

// Work is the backend's half of Serve, in the worker's process: it reads its assignment from in, answers
// on the inherited socket and says so on out. It ends without ending any session when ctx does or
// when in is closed, since then the supervisor is gone; it ends them all when in says so.
func Work(ctx context.Context, in io.Reader, out io.Writer, logger *slog.Logger) error {
	lines := bufio.NewReaderSize(in, maxAssignment)
	line, err := lines.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("reading the worker's assignment; `hotseat serve` starts workers by itself: %w", err)
	}
	var a assignment
	if err := json.Unmarshal(line, &a); err != nil {
		return errors.New("the worker's assignment is not JSON") // its text holds secrets
	}
	socket := os.NewFile(workerSocket, "backend")
	listener, err := net.FileListener(socket)
	if err != nil {
		return fmt.Errorf("taking over the backend's socket: %w", err)
	}
	_ = socket.Close() // FileListener has made its own

	log, err := openLog(a.DataDir)
	if err != nil {
		return err
	}
	defer log.Close()
	g := gate.New(log, time.Now)
	b := newBackend(a.Access, log, g, a.ConnectionTimeout, logger)
	defer b.close()

	verifier := a.Access.Verifier(time.Now)
	mux := http.NewServeMux()
	mux.Handle("POST "+gatePath, g.Handler(func(r *http.Request) bool {
		who, err := verifier.Verify(r.Context(), r.Header.Get("Authorization"))
		return err == nil && who.Role == auth.RoleBackend
	}, logger.With("part", "gate")))
	mux.HandleFunc("GET "+healthPath, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		select { // what came while there was no worker waits until the sessions are taken up
		case <-b.steward.Ready():
		case <-r.Context().Done():
			return
		}
		b.api.ServeHTTP(w, r)
	})
	server := &http.Server{
		BaseContext: func(net.Listener) context.Context { return ctx },
		Handler:     mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: readTime, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	// The gate answers first: sessions are taken up by publishing, which asks it.
	go func() { served <- server.Serve(listener) }()
	defer server.Close()
	if err := b.run(ctx); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, readyLine); err != nil {
		return fmt.Errorf("telling that the backend answers: %w", err)
	}

	told := make(chan string, 1)
	go func() { // ends with the process: a read of standard input cannot be called back
		line, _ := lines.ReadString('\n')
		told <- line
	}()
	select {
	case <-ctx.Done():
	case line := <-told:
		if line == endLine {
			ctx, cancel := context.WithTimeout(context.Background(), closeTime)
			defer cancel()
			if err := b.endAll(ctx, stopped); err != nil { // told to stop at once: the next worker ends them
				return err
			}
			if _, err := fmt.Fprintln(out, endedLine); err != nil {
				return fmt.Errorf("telling that all sessions have ended: %w", err)
			}
		}
	case err := <-served:
		return fmt.Errorf("the backend's listener stopped: %w", err)
	}
	return nil
}
