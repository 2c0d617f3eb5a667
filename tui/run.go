package tui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	tea "charm.land/bubbletea/v2"

	"hotseat/tui/client"
)

// framesPerSecond is how often the terminal is written at most: console.md's bound, under which a
// picture in half blocks over SSH also stays.
const framesPerSecond = 30

// Run shows the console until the person leaves, the context ends or SIGTERM comes (nil in all
// three cases), or signing in is refused. The terminal is as it was before when Run returns, also
// after a panic, which becomes an error.
//
// On a terminal that says it can only print (TERM=dumb) it is Plain.
func Run(ctx context.Context, opts Options) error {
	if opts.env("TERM") == "dumb" {
		in, out := opts.Input, opts.Output
		if in == nil {
			in = os.Stdin
		}
		if out == nil {
			out = os.Stdout
		}
		return Plain(ctx, opts, in, out)
	}
	return run(ctx, opts)
}

// env is a variable of Options.Environ, or of the process.
func (o Options) env(name string) string {
	if o.Environ == nil {
		return os.Getenv(name)
	}
	value := ""
	for _, pair := range o.Environ {
		if after, ok := strings.CutPrefix(pair, name+"="); ok {
			value = after // the last one counts
		}
	}
	return value
}

func run(ctx context.Context, opts Options, more ...tea.ProgramOption) error {
	opts = opts.withDefaults()
	net, err := newClient(opts)
	if err != nil {
		return err
	}
	// Signals end the context, and the context the program. Bubble Tea's own handler waits for ever to tell its
	// loop of a signal when the loop has ended already, as it does when the caller's context ends by the same signal.
	ctx, cancel := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer cancel()
	offline := make(chan error, 1)
	go func() { offline <- net.Run(ctx) }()
	stopped := func() error { // waits, so that no goroutine outlives Run
		cancel()
		return <-offline
	}

	program := append(more, tea.WithContext(ctx), tea.WithoutSignalHandler(), tea.WithFPS(framesPerSecond))
	if opts.Input != nil {
		program = append(program, tea.WithInput(opts.Input))
	}
	if opts.Output != nil {
		program = append(program, tea.WithOutput(opts.Output))
	}
	if opts.Environ != nil {
		program = append(program, tea.WithEnvironment(opts.Environ))
	}
	if opts.Size.Width > 0 && opts.Size.Height > 0 {
		program = append(program, tea.WithWindowSize(opts.Size.Width, opts.Size.Height))
	}
	console := tea.NewProgram(newModel(ctx, net, opts), program...)
	var resizing sync.WaitGroup
	if opts.Resize != nil {
		resizing.Go(func() { followSize(ctx, opts.Resize, console) })
	}
	_, err = console.Run()
	refused := stopped()
	resizing.Wait()
	switch {
	case refused != nil:
		return fmt.Errorf("console: %w", refused)
	case errors.Is(err, tea.ErrProgramPanic):
		return fmt.Errorf("console: %w", err)
	case errors.Is(err, tea.ErrInterrupted), err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled):
		return nil
	case err != nil:
		return fmt.Errorf("console: %w", err)
	}
	return nil
}

// followSize tells the console each size of a terminal that is elsewhere.
func followSize(ctx context.Context, sizes <-chan tea.WindowSizeMsg, console *tea.Program) {
	for {
		select {
		case <-ctx.Done():
			return
		case size, ok := <-sizes:
			if !ok {
				return
			}
			console.Send(size)
		}
	}
}

func newClient(opts Options) (*client.Client, error) {
	net, err := client.New(client.Config{
		URL: opts.URL, Email: opts.Email, Password: opts.Password, Token: opts.Token, TLS: opts.TLS, Inside: opts.Inside, Log: opts.Log, KeepRaw: opts.JSON,
		Interval: time.Second / framesPerSecond,
	})
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	return net, nil
}
