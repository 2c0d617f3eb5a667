package supervise

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync/atomic"
	"time"
)

// Socket is an open socket that workers serve.
type Socket struct {
	Name string
	net.Listener
}

// process is a running worker.
type process struct {
	cmd   *exec.Cmd
	input *os.File // closed to stop it
	done  chan error
	alive atomic.Int64 // when it last gave a sign of life, since start
	start time.Time
}

// silence is how long it has given no sign of life.
func (p *process) silence() time.Duration { return time.Since(p.start) - time.Duration(p.alive.Load()) }

// listen notes signs of life until the worker is gone.
func (p *process) listen(signs *os.File) {
	defer signs.Close()
	buf := make([]byte, 64)
	for {
		if _, err := signs.Read(buf); err != nil {
			return
		}
		p.alive.Store(int64(time.Since(p.start)))
	}
}

// startWorker starts the program as a worker.
func (s *Supervisor) startWorker() (*process, error) {
	settings, err := json.Marshal(s.cfg.Settings)
	if err != nil {
		return nil, fmt.Errorf("write settings for the worker: %w", err)
	}
	h := handoff{Settings: settings, Restarts: s.restarts, Starter: s.starter}
	reading, writing, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start the broadcast: %w", err)
	}
	defer reading.Close()
	signs, life, err := os.Pipe()
	if err != nil {
		writing.Close()
		return nil, fmt.Errorf("start the broadcast: %w", err)
	}
	defer life.Close()
	cmd := exec.Command(s.cfg.Command[0], append(slices.Clone(s.cfg.Command[1:]), "broadcast")...)
	cmd.Env = append(append([]string{}, s.cfg.Environment...), Variable+"=1")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr // standard output is the game's
	cmd.ExtraFiles = []*os.File{reading, life}
	for _, socket := range s.cfg.Sockets {
		file, err := fileOf(socket.Listener)
		if err != nil {
			writing.Close()
			signs.Close()
			return nil, fmt.Errorf("lend the socket of %s: %w", socket.Name, err)
		}
		defer file.Close()
		cmd.ExtraFiles, h.Sockets = append(cmd.ExtraFiles, file), append(h.Sockets, socket.Name)
	}
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		writing.Close()
		signs.Close()
		return nil, fmt.Errorf("start the broadcast: %w", err)
	}
	p := &process{cmd: cmd, input: writing, done: make(chan error, 1), start: time.Now()}
	go p.listen(signs)
	go func() { p.done <- cmd.Wait() }()
	// A worker that dies before it has read this shows it by its death.
	_ = json.NewEncoder(writing).Encode(h)
	return p, nil
}

func fileOf(l net.Listener) (*os.File, error) {
	filer, ok := l.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, fmt.Errorf("%T cannot be handed over", l)
	}
	return filer.File()
}

// stop asks a worker to end.
func (p *process) stop() { _ = p.input.Close() }

func (p *process) kill() { _ = p.cmd.Process.Kill() }
