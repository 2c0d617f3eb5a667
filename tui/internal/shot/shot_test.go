package shot

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestColoursOfTheScreenAreColoursOfThePicture(t *testing.T) {
	grid, err := Parse("\x1b[1;38;2;255;0;16mhot\x1b[0m \x1b[38;5;196;48;5;21mX\x1b[m\x1b[31;7mY\x1b[m\n日\x1b[2Jx", Dark)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		y, x int
		want Cell
	}{
		{0, 0, Cell{Text: "h", Ink: "#ff0010", Bold: true}},
		{0, 3, Cell{Text: " ", Ink: Dark.Ink}},
		{0, 4, Cell{Text: "X", Ink: "#ff0000", Paper: "#0000ff"}},
		{0, 5, Cell{Text: "Y", Ink: Dark.Paper, Paper: Dark.Sixteen[1]}},
		{1, 0, Cell{Text: "日", Ink: Dark.Ink}},
		{1, 1, Cell{Text: "", Ink: Dark.Ink}},
		{1, 2, Cell{Text: "x", Ink: Dark.Ink}},
	} {
		if got := grid[row.y][row.x]; got != row.want {
			t.Errorf("cell %d, %d is %+v, want %+v", row.x, row.y, got, row.want)
		}
	}
	if len(grid[1]) != len(grid[0]) {
		t.Error("the second line is not filled up")
	}
}

func TestThePictureIsWellFormed(t *testing.T) {
	grid, _ := Parse("╭─ <a> & \"b\" ─╮\n│ ▀▁█ ━ └ │\n╰───╯", Light)
	var out bytes.Buffer
	if err := SVG(&out, grid, Light, "a <title>"); err != nil {
		t.Fatal(err)
	}
	decoder := xml.NewDecoder(&out)
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAScreenThatIsTooLargeIsRefused(t *testing.T) {
	for _, screen := range []string{strings.Repeat("\n", maxSide+1) + "x", strings.Repeat("x", maxSide+1)} {
		if _, err := Parse(screen, Dark); err == nil {
			t.Error("it was read")
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("\x1b[38;2;1;2;3mx\x1b[48;5;300m▀\x1b[38;5m\x1b[;;m")
	f.Add("\x1b[38:2::1:2:3mx")
	f.Fuzz(func(t *testing.T, screen string) {
		grid, err := Parse(screen, Dark)
		if err != nil {
			return
		}
		if err := SVG(io.Discard, grid, Dark, "t"); err != nil {
			t.Fatal(err)
		}
	})
}
