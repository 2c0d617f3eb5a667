package tui

import (
	"context"
	"errors"
	"fmt"
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
func Run(ctx context.Context, opts Options) error { return run(ctx, opts) }

func run(ctx context.Context, opts Options, more ...tea.ProgramOption) error {
	opts = opts.withDefaults()
	net, err := newClient(opts)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	offline := make(chan error, 1)
	go func() { offline <- net.Run(ctx) }()
	stopped := func() error { // waits, so that no goroutine outlives Run
		cancel()
		return <-offline
	}

	program := append(more, tea.WithContext(ctx), tea.WithFPS(framesPerSecond))
	if opts.Input != nil {
		program = append(program, tea.WithInput(opts.Input))
	}
	if opts.Output != nil {
		program = append(program, tea.WithOutput(opts.Output))
	}
	if opts.Environ != nil {
		program = append(program, tea.WithEnvironment(opts.Environ))
	}
	_, err = tea.NewProgram(newModel(ctx, net, opts), program...).Run()
	refused := stopped()
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

func newClient(opts Options) (*client.Client, error) {
	net, err := client.New(client.Config{
		URL: opts.URL, Email: opts.Email, Password: opts.Password, Log: opts.Log, KeepRaw: opts.JSON,
		Interval: time.Second / framesPerSecond,
	})
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	return net, nil
}
