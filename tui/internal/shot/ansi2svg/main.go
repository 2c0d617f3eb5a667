// Command ansi2svg reads a captured terminal screen on standard input and writes an SVG:
//
//	tmux capture-pane -e -p | go run ./tui/internal/shot/ansi2svg -title "A session" > session.svg
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"hotseat/tui/internal/shot"
)

// maxInput bounds what is read: a screen of half blocks at 400 × 120 has about 2 MB.
const maxInput = 16 << 20

func main() {
	title := flag.String("title", "A terminal", "what the picture shows, in words")
	light := flag.Bool("light", false, "draw a light terminal")
	flag.Parse()
	if err := run(*title, *light); err != nil {
		fmt.Fprintln(os.Stderr, "ansi2svg:", err)
		os.Exit(1)
	}
}

func run(title string, light bool) error {
	screen, err := io.ReadAll(io.LimitReader(os.Stdin, maxInput))
	if err != nil {
		return err
	}
	palette := shot.Dark
	if light {
		palette = shot.Light
	}
	grid, err := shot.Parse(string(screen), palette)
	if err != nil {
		return err
	}
	return shot.SVG(os.Stdout, grid, palette, title)
}
