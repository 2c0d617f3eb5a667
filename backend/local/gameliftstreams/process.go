package gameliftstreams

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"hotseat/backend/local/gameliftstreams/instance"
)

const (
	// stopPatience is how long an instance may take to end: three seconds for the
	// game, one for display and sound, and as much again for a busy machine.
	stopPatience = 8 * time.Second
	// maxUnsent is how many commands may wait for an instance that does not read.
	maxUnsent = 32
	// maxLogLine bounds one line of an instance's log, in bytes.
	maxLogLine = 8 << 10
	// maxLogLines bounds how many of them are passed on in a session.
	maxLogLines = 2000
)

// Process is a running instance, as its session sees it.
type Process interface {
	// Send gives the instance a command. It does not wait.
	Send(instance.Command) error
	// Events gives what the instance reports, and is closed when the instance and
	// everything it started are gone.
	Events() <-chan instance.Event
	// Stop makes the instance end, by force if it does not do so by itself. It does
	// not wait: Events is closed when it is done. reason is told to the client.
	Stop(reason string)
}

// LaunchFunc starts an instance.
type LaunchFunc func(start instance.Start, log *slog.Logger) (Process, error)

// processLauncher launches hotseat-instance processes.
func processLauncher(path string) LaunchFunc {
	return func(start instance.Start, log *slog.Logger) (Process, error) {
		return launchProcess(path, start, log)
	}
}

// process is a hotseat-instance in a process group of its own.
type process struct {
	cmd      *exec.Cmd
	mark     string // value of instance.MarkVariable
	scratch  string
	log      *slog.Logger
	commands chan instance.Command
	events   chan instance.Event
	stop     chan string // reason; capacity 1
	stopOnce sync.Once   // for the one reason, and for killer
	killer   *time.Timer // runs from Stop on
}

var errBusy = errors.New("the instance does not take its commands")

func launchProcess(path string, start instance.Start, log *slog.Logger) (*process, error) {
	if err := os.MkdirAll(filepath.Dir(start.Scratch), 0o700); err != nil {
		return nil, fmt.Errorf("make the scratch folder: %w", err)
	}
	p := &process{
		cmd: exec.Command(path), mark: rand.Text(), scratch: start.Scratch, log: log,
		commands: make(chan instance.Command, maxUnsent),
		events:   make(chan instance.Event),
		stop:     make(chan string, 1),
	}
	p.cmd.Env = instanceEnvironment(p.mark)
	ownGroup(p.cmd)
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("open the instance's input: %w", err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("open the instance's output: %w", err)
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("open the instance's log: %w", err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	p.commands <- instance.Command{Command: instance.CommandStart, Start: &start}
	go p.run(stdin, stdout, stderr)
	return p, nil
}

// instanceEnvironment is what the instance program itself gets: where to find
// programs, libraries and caches. Our other variables may be secrets of ours.
func instanceEnvironment(mark string) []string {
	environment := []string{instance.MarkVariable + "=" + mark}
	registry := false
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		switch {
		case name == "PATH", name == "HOME", name == "LANG", name == "TZ", name == "TMPDIR", name == "LD_LIBRARY_PATH",
			strings.HasPrefix(name, "LC_"), strings.HasPrefix(name, "GST_"):
			environment = append(environment, entry)
			registry = registry || name == "GST_REGISTRY"
		}
	}
	// GStreamer's list of plug-ins, for the instance and for the sidecar in it,
	// whose HOME is another: without it each start searches the disk.
	if cache, err := os.UserCacheDir(); err == nil && !registry {
		environment = append(environment, "GST_REGISTRY="+filepath.Join(cache, "hotseat", "gstreamer-registry.bin"))
	}
	return environment
}

// Send implements Process.
func (p *process) Send(command instance.Command) error {
	select {
	case p.commands <- command:
		return nil
	default:
		return errBusy
	}
}

// Events implements Process.
func (p *process) Events() <-chan instance.Event { return p.events }

// Stop implements Process.
func (p *process) Stop(reason string) {
	p.stopOnce.Do(func() {
		p.stop <- reason
		p.killer = time.AfterFunc(stopPatience, func() {
			p.log.Warn("the instance does not end; it is killed")
			killGroup(p.cmd)
		})
	})
}

// run is the life of the process. It returns when nothing of it is left.
func (p *process) run(stdin io.WriteCloser, stdout, stderr io.Reader) {
	defer close(p.events)
	ended := make(chan struct{})
	var pipes sync.WaitGroup
	pipes.Go(func() { p.passEvents(stdout) })
	pipes.Go(func() { p.passLog(stderr) })
	var writing sync.WaitGroup
	writing.Go(func() { p.passCommands(stdin, ended) })

	pipes.Wait() // at the end of the process: it alone holds the other ends
	err := p.cmd.Wait()
	p.stopOnce.Do(func() {}) // no killer from here on
	if p.killer != nil {
		p.killer.Stop()
	}
	close(ended)
	writing.Wait()
	if err != nil {
		p.log.Warn("the instance ended badly", "error", err)
	}
	// Whatever the reason: nothing may be left of it.
	killGroup(p.cmd)
	if left := sweep(instance.MarkVariable, p.mark); left > 0 {
		p.log.Error("processes of the session cannot be ended", "count", left)
	}
	if err := os.RemoveAll(p.scratch); err != nil {
		p.log.Warn("remove the session's files", "error", err)
	}
}

// passCommands writes commands until Stop, which is the last, or the end of the
// process. Closing the input is part of stopping.
func (p *process) passCommands(stdin io.WriteCloser, ended <-chan struct{}) {
	defer stdin.Close()
	lines := instance.NewWriter(stdin)
	for {
		select {
		case command := <-p.commands:
			if err := lines.Write(command); err != nil {
				p.log.Warn("write a command to the instance", "error", err)
			}
		case reason := <-p.stop:
			_ = lines.Write(instance.Command{Command: instance.CommandStop, Reason: reason})
			return
		case <-ended:
			return
		}
	}
}

func (p *process) passEvents(stdout io.Reader) {
	lines := instance.NewReader(stdout)
	for {
		var event instance.Event
		if err := lines.Read(&event); err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
				// It cannot be trusted to end by itself either.
				p.log.Error("the instance's events are not understood; it is killed", "error", err)
				killGroup(p.cmd)
				_, _ = io.Copy(io.Discard, stdout)
			}
			return
		}
		p.events <- event // the owner reads until the channel is closed
	}
}

// passLog passes the instance's log on as ours. Lines that are no records come from
// libraries, and are passed on as they are.
func (p *process) passLog(stderr io.Reader) {
	lines := bufio.NewReaderSize(stderr, maxLogLine)
	for passed := 0; ; {
		line, _, err := lines.ReadLine()
		if err != nil {
			return
		}
		if passed++; passed > maxLogLines {
			continue
		}
		var level slog.Level
		record := map[string]any{}
		text, isRecord := "", json.Unmarshal(line, &record) == nil
		if isRecord {
			name, _ := record[slog.LevelKey].(string)
			_ = level.UnmarshalText([]byte(name)) // else it stays at INFO
			text, _ = record[slog.MessageKey].(string)
		} else {
			text = strings.ToValidUTF8(string(line), "?")
		}
		var rest []any
		for _, key := range slices.Sorted(maps.Keys(record)) {
			if key != slog.LevelKey && key != slog.MessageKey && key != slog.TimeKey {
				rest = append(rest, key, record[key])
			}
		}
		p.log.Log(context.Background(), level, "instance: "+text, rest...)
	}
}
