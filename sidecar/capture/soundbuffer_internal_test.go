package capture

import (
	"encoding/binary"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-gst/go-gst/gst"

	"hotseat/sidecar/testscreen"
)

// count writes stereo samples that are numbered, in step with the clock, until it is stopped.
func count(t *testing.T, sound *testscreen.SoundServer) (stop func()) {
	t.Helper()
	pipe, err := os.OpenFile(sound.Pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	quit := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		defer pipe.Close()
		began, number, tick := time.Now(), uint32(0), time.NewTicker(5*time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			var block []byte
			for due := uint32(time.Since(began).Microseconds() * 48 / 1000); number < due; number++ {
				// Both halves have their lowest bit set, so that no sample is silence.
				block = binary.LittleEndian.AppendUint16(block, uint16(number<<1)|1)
				block = binary.LittleEndian.AppendUint16(block, uint16(number>>15<<1)|1)
			}
			if _, err := pipe.Write(block); err != nil {
				t.Error(err)
				return
			}
		}
	})
	return sync.OnceFunc(func() {
		close(quit)
		done.Wait()
	})
}

// listenLate reads numbered samples from a source whose reader stands still now and then, and says how
// many came and how many of those between the first and the last did not.
func listenLate(t *testing.T, source string) (came, missing int) {
	t.Helper()
	initGStreamer()
	sound := testscreen.ServeSound(t)
	defer count(t, sound)()
	g, err := newGraph(source+" ! audio/x-raw,format=S16LE,rate=48000,channels=2 ! appsink name="+nameAudio+" sync=false max-buffers=0",
		[3]string{nameSound, "device", testscreen.PipeSource}, [3]string{nameSound, "server", sound.Address})
	if err != nil {
		t.Fatal(err)
	}
	defer g.stopSoon()
	var mu sync.Mutex
	var last uint32
	buffers := 0
	if err := g.onSample(nameAudio, func(_ *gst.Sample, b *gst.Buffer) {
		data := b.Bytes()
		mu.Lock()
		for i := 0; i+3 < len(data); i += 4 {
			low, high := binary.LittleEndian.Uint16(data[i:]), binary.LittleEndian.Uint16(data[i+2:])
			if low&1 == 0 || high&1 == 0 { // silence before the first
				continue
			}
			number := uint32(low>>1) | uint32(high>>1)<<15
			if came > 0 && number != last+1 {
				missing += int(int32(number - last - 1))
			}
			last = number
			came++
		}
		buffers++
		late := buffers%40 == 0
		mu.Unlock()
		if late {
			time.Sleep(300 * time.Millisecond) // a thread that gets no processor
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := g.play(gst.ObtainSystemClock().Clock, gst.ObtainSystemClock().Clock.GetTime()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "four seconds of sound", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return came > 4*48000
	})
	mu.Lock()
	defer mu.Unlock()
	return came, missing
}

func TestAReaderThatIsLateLosesNoSound(t *testing.T) {
	t.Parallel()
	came, missing := listenLate(t, pulseSource)
	t.Logf("%d samples came, %d are missing", came, missing)
	if missing != 0 {
		t.Errorf("%d of %d samples were lost", missing, came+missing)
	}
}

// So the test before this one would hear of it.
func TestALateReaderWithLessOfABufferWouldLoseSound(t *testing.T) {
	t.Parallel()
	const small = "buffer-time=60000"
	source := strings.Replace(pulseSource, "buffer-time=1000000", small, 1)
	if !strings.Contains(source, small) {
		t.Fatal("the source has another buffer than this test knows")
	}
	came, missing := listenLate(t, source)
	t.Logf("with a buffer of 60 ms: %d samples came, %d are missing", came, missing)
	if missing < 4800 {
		t.Errorf("%d samples missing, want a tenth of a second at least", missing)
	}
}
