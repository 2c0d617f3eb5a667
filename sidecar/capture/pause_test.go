package capture_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotseat/sidecar/capture"
	"hotseat/sidecar/testscreen"
)

// captureThis is the variable that makes this test binary a program that captures a display.
const captureThis = "HOTSEAT_TEST_CAPTURE"

// captureMain captures without Config.Endure, and prints a line for each second's worth of pictures, with
// what became of the sound, and one for the end.
func captureMain() {
	display := os.Getenv(captureThis)
	if display == "" {
		return
	}
	p, err := capture.Open(capture.Config{Display: display, Width: 320, Height: 240, BitrateKbps: 1000, Audio: true, PulseServer: os.Getenv("PULSE_SERVER")})
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	for n := 1; ; n++ {
		select {
		case <-p.Video():
			if n%30 == 0 {
				st := p.Stats()
				fmt.Println("pictures", n, "sound", st.Audio, "lost", st.AudioLost)
			}
		case err := <-p.Err():
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
}

// A program that a person plays through ends when its display hangs (Config.Endure). It must not when it
// was the machine that stood still.
func TestAPauseOfTheMachineEndsNoCapture(t *testing.T) {
	t.Parallel()
	x := testscreen.Serve(t, 320, 240)
	testscreen.Paint(t, x.Display, 30)
	sound := testscreen.ServeSound(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), captureThis+"="+x.Display, "PULSE_SERVER="+sound.Address)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := make(chan string, 100)
	go func() {
		for in := bufio.NewScanner(out); in.Scan(); {
			lines <- in.Text()
		}
		close(lines)
	}()
	line := func() string {
		select {
		case text, ok := <-lines:
			if !ok {
				t.Fatal("the program ended")
			}
			return text
		case <-time.After(patience):
			t.Fatal("the program says nothing")
		}
		panic("unreachable")
	}
	flowing := ""
	for end := time.Now().Add(time.Minute); !strings.HasPrefix(flowing, "true lost"); { // which takes a moment
		text := line()
		if !strings.HasPrefix(text, "pictures") || time.Now().After(end) {
			t.Fatal(text)
		}
		_, flowing, _ = strings.Cut(text, " sound ")
	}
	// All stands still, in the midst of a picture, for longer than a display is waited for; and goes on,
	// not all at the same moment.
	x.Freeze()
	sound.Freeze()
	time.Sleep(300 * time.Millisecond)
	_ = cmd.Process.Signal(syscall.SIGSTOP)
	time.Sleep(3 * time.Second)
	_ = cmd.Process.Signal(syscall.SIGCONT)
	time.Sleep(300 * time.Millisecond)
	x.Thaw()
	sound.Thaw()
	for range 3 {
		if text := line(); !strings.HasPrefix(text, "pictures") || !strings.HasSuffix(text, " sound "+flowing) {
			t.Fatalf("after a pause of the machine: %s", text)
		}
	}
	x.Freeze()
	defer x.Thaw()
	for text := line(); !strings.HasPrefix(text, "error"); text = line() {
	}
}
