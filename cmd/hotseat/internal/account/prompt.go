package account

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/x/term"
)

// terminal asks on the terminal that a program was started from.
type terminal struct {
	in  *os.File
	out io.Writer
}

// Terminal asks on in and out, or is nil if in is not a terminal: questions go to out, which should
// not be where the answer of the program goes.
func Terminal(in *os.File, out io.Writer) Prompter {
	if !term.IsTerminal(in.Fd()) {
		return nil
	}
	return terminal{in, out}
}

func (t terminal) Ask(ctx context.Context, question string) (string, error) {
	fmt.Fprint(t.out, question)
	return t.interruptible(ctx, func() (string, error) {
		line, err := bufio.NewReader(io.LimitReader(t.in, 1<<10)).ReadString('\n')
		if err != nil && line == "" {
			return "", fmt.Errorf("reading the answer: %w", err)
		}
		return strings.TrimSpace(line), nil
	})
}

func (t terminal) AskSecret(ctx context.Context, question string) (string, error) {
	fmt.Fprint(t.out, question)
	defer fmt.Fprintln(t.out)
	return t.interruptible(ctx, func() (string, error) {
		secret, err := term.ReadPassword(t.in.Fd())
		if err != nil {
			return "", fmt.Errorf("reading the password: %w", err)
		}
		return string(secret), nil
	})
}

// interruptible ends a question with the context, and the terminal is as it was. The read that
// cannot be ended is left behind: the program is ending.
func (t terminal) interruptible(ctx context.Context, read func() (string, error)) (string, error) {
	before, err := term.GetState(t.in.Fd())
	if err != nil {
		return "", fmt.Errorf("asking on the terminal: %w", err)
	}
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		text, err := read()
		answers <- answer{text, err}
	}()
	select {
	case a := <-answers:
		return a.text, a.err
	case <-ctx.Done():
		_ = term.Restore(t.in.Fd(), before)
		return "", ctx.Err()
	}
}
