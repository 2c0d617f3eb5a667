// Command hotseat-probe decodes H.264 and says what is in the pictures. It proves to `hotseat demo
// --check`, to tests and to benchmarks that a broadcast is really watchable: the hotseat program
// itself has no cgo and so no decoder.
//
// Standard input: access units in Annex B form, each after its length as a big-endian 32-bit
// number. Standard output: a JSON line for each picture.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"hotseat/cmd/hotseat-probe/report"
	"hotseat/sidecar/capture"
	"hotseat/sidecar/timecode"
)

// maxUnit bounds an access unit: a key frame at 8.5 Mbit/s has some 150 kB.
const maxUnit = 4 << 20

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "hotseat-probe:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	decoder, err := capture.NewDecoder()
	if err != nil {
		return err
	}
	defer decoder.Close()
	fed := make(chan error, 1)
	go func() { fed <- feed(decoder, in) }()
	encoder := json.NewEncoder(out)
	done := false
	for {
		p, err := decoder.Next(100 * time.Millisecond)
		switch {
		case err == nil:
			if err := encoder.Encode(describe(p, time.Now())); err != nil {
				return nil // nobody listens any more
			}
		case !errors.Is(err, capture.ErrNoPicture):
			return err
		case done:
			return nil
		}
		select {
		case err := <-fed:
			if err != nil {
				return err
			}
			done = true
		default:
		}
	}
}

func feed(decoder *capture.Decoder, in io.Reader) error {
	defer decoder.End()
	reader := bufio.NewReaderSize(in, 256<<10)
	for {
		var size uint32
		if err := binary.Read(reader, binary.BigEndian, &size); err != nil {
			return nil // the end
		}
		if size == 0 || size > maxUnit {
			return fmt.Errorf("an access unit of %d bytes; they have 1 to %d", size, maxUnit)
		}
		unit := make([]byte, size)
		if _, err := io.ReadFull(reader, unit); err != nil {
			return nil
		}
		if err := decoder.Feed(unit); err != nil {
			return err
		}
	}
}

func describe(p capture.Picture, now time.Time) report.Picture {
	r := report.Picture{Width: p.Width, Height: p.Height, At: now.UnixMilli()}
	plane := timecode.Plane{Pix: p.Luma, Stride: p.Width, Width: p.Width, Height: p.Height}
	if stamp, err := timecode.ReadStamp(plane); err == nil {
		r.Drawn = stamp.Time(now).UnixMilli()
	}
	if state, err := timecode.ReadState(plane); err == nil {
		r.State = &state
	}
	return r
}
