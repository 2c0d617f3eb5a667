package stage

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
)

// serveBenchmark is the server's process: it prints its address and serves until its input ends. Asked by a line, it
// prints its memory in use, in bytes, and how many goroutines it has.
func serveBenchmark() {
	verify := func(token string) (Token, error) {
		return Token{ParticipantID: token, StageID: "st", Publish: token == "game", Subscribe: token != "game", Expires: time.Now().Add(time.Hour)}, nil
	}
	mux := http.NewServeMux()
	front := httptest.NewServer(mux)
	server, err := New(Config{PublicURL: front.URL + "/whip", Verify: verify, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		panic(err)
	}
	mux.Handle("/whip/", http.StripPrefix("/whip", server.Handler()))
	fmt.Println(front.URL)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); { // each line asks for what memory is in use
		runtime.GC() // a pool lets go of what it held with the second collection
		debug.FreeOSMemory()
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		fmt.Println(memory.HeapAlloc+memory.StackInuse, runtime.NumGoroutine())
	}
	front.Close()
	_ = server.Close()
}

// contender is a server under load.
type contender struct {
	name             string
	publish, receive func(n int) (url, token string)
	pid              int
	memory           func() (bytes, goroutines int) // of ours only
}

func startOurs(b *testing.B) *contender {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), benchServer+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	in := startProcess(b, cmd)
	var base string
	if _, err := fmt.Fscanln(out, &base); err != nil {
		b.Fatal(err)
	}
	return &contender{
		name: "hotseat",
		memory: func() (bytes, goroutines int) {
			if _, err := fmt.Fprintln(in); err != nil {
				b.Fatal(err)
			}
			if _, err := fmt.Fscanln(out, &bytes, &goroutines); err != nil {
				b.Fatal(err)
			}
			return bytes, goroutines
		},
		publish: func(int) (string, string) { return base + "/whip/st/publish/game", "game" },
		receive: func(n int) (string, string) { return base + "/whip/st/subscribe/game", "viewer-" + strconv.Itoa(n) },
		pid:     cmd.Process.Pid,
	}
}

func startMediaMTX(b *testing.B) *contender {
	program := os.Getenv("HOTSEAT_MEDIAMTX")
	if program == "" {
		b.Skip("HOTSEAT_MEDIAMTX names no mediamtx program")
	}
	web, media := freePort(b), freePort(b)
	config := filepath.Join(b.TempDir(), "mediamtx.yml")
	text := fmt.Sprintf(`logLevel: error
rtsp: no
rtmp: no
hls: no
srt: no
moq: no
webrtc: yes
webrtcAddress: 127.0.0.1:%d
webrtcLocalUDPAddress: 127.0.0.1:%d
webrtcIPsFromInterfaces: no
webrtcAdditionalHosts: [127.0.0.1]
paths:
  all_others:
`, web, media)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(program, config)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	startProcess(b, cmd)
	base := fmt.Sprintf("http://127.0.0.1:%d/game/", web)
	awaitHTTP(b, base)
	return &contender{
		name:    "mediamtx",
		publish: func(int) (string, string) { return base + "whip", "" },
		receive: func(int) (string, string) { return base + "whep", "" },
		pid:     cmd.Process.Pid,
	}
}

func startBroadcastBox(b *testing.B) *contender {
	program := os.Getenv("HOTSEAT_BROADCAST_BOX")
	if program == "" {
		b.Skip("HOTSEAT_BROADCAST_BOX names no broadcast-box program")
	}
	dir, address := b.TempDir(), fmt.Sprintf("127.0.0.1:%d", freePort(b))
	if err := os.WriteFile(filepath.Join(dir, ".env.production"), nil, 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HTTP_ADDRESS="+address, "INCLUDE_LOOPBACK_CANDIDATE=1", "INTERFACE_FILTER=lo", "DISABLE_FRONTEND=1", "APP_ENV=production",
		"LOGGING_ENABLED=false", "LOGGING_LEVEL=ERROR") // else it writes ten lines for each viewer, to a file too
	cmd.Stdout = os.Stderr
	startProcess(b, cmd)
	base := "http://" + address + "/api/"
	awaitHTTP(b, base+"status")
	return &contender{
		name:    "broadcast-box",
		publish: func(int) (string, string) { return base + "whip", "game" },
		receive: func(int) (string, string) { return base + "whep", "game" },
		pid:     cmd.Process.Pid,
	}
}

// startProcess starts a server that ends with the benchmark, and returns its input. What it prints has to go somewhere:
// a pipe that nobody reads stops a server as soon as it is full.
func startProcess(b *testing.B, cmd *exec.Cmd) io.Writer {
	b.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		_ = cmd.Process.Signal(os.Interrupt)
		hurry := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		defer hurry.Stop()
		_ = cmd.Wait()
	})
	return in
}

func freePort(b *testing.B) int {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func awaitHTTP(b *testing.B, url string) {
	b.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		response, err := http.Get(url) //nolint:noctx // a benchmark's server
		if err == nil {
			response.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			b.Fatal(err)
		}
	}
}

// processorTime is what a process has had of the processors.
func processorTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatalf("the server is gone: %v", err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+2:]))
	user, _ := strconv.Atoi(fields[11]) // proc(5): utime and stime, in ticks of 10 ms
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}
