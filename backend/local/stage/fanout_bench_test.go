package stage

import (
	"bufio"
	"context"
	"errors"
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
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// The fan-out benchmark: one 720p30 broadcast of 3 Mbit/s to many, from a server in a process of its own,
// whose processor time the kernel counts. Ten of the receivers read everything and measure; the sockets of
// the others drop RTP in the kernel, so that this process is not what saturates.
//
// Beside ours run servers that others wrote, when their programs are named: HOTSEAT_MEDIAMTX and
// HOTSEAT_BROADCAST_BOX.

const (
	benchServer = "HOTSEAT_STAGE_BENCH_SERVER" // set: this process is the server, and not a test
	probes      = 10
	measureTime = 10 * time.Second
	settleTime  = 3 * time.Second
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
	in, out := startProcess(b, cmd)
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
	cmd.Env = append(os.Environ(), "HTTP_ADDRESS="+address, "INCLUDE_LOOPBACK_CANDIDATE=1", "INTERFACE_FILTER=lo", "DISABLE_FRONTEND=1", "APP_ENV=production")
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

// startProcess starts a server that ends with the benchmark, and returns its input and what it prints.
func startProcess(b *testing.B, cmd *exec.Cmd) (io.Writer, io.Reader) {
	b.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	var out io.Reader
	if cmd.Stdout == nil {
		if out, err = cmd.StdoutPipe(); err != nil {
			b.Fatal(err)
		}
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
	return in, out
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

// peer is a connection on a socket of its own.
type peer struct {
	*webrtc.PeerConnection
	mux    ice.UDPMux
	socket *net.UDPConn
}

// newPeer makes one. A deaf one's socket drops RTP in the kernel.
func newPeer(deaf bool) (*peer, error) {
	return newPeerOn(deaf, func(c net.PacketConn) net.PacketConn { return c }, &interceptor.Registry{})
}

// newPeerOn makes one whose line may be bad, and which may answer for that.
func newPeerOn(deaf bool, line func(net.PacketConn) net.PacketConn, registry *interceptor.Registry) (*peer, error) {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	if deaf {
		if err := dropRTP(socket); err != nil {
			return nil, err
		}
	}
	_ = socket.SetReadBuffer(4 << 20)
	quiet := pionLogs{slog.New(slog.DiscardHandler)}
	settings := webrtc.SettingEngine{LoggerFactory: quiet}
	mux := webrtc.NewICEUDPMux(quiet.NewLogger("ice"), line(socket))
	settings.SetICEUDPMux(mux)
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	if err := media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: playoutDelayURI}, webrtc.RTPCodecTypeVideo); err != nil {
		return nil, err
	}
	api := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(registry))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	return &peer{pc, mux, socket}, err
}

func (p *peer) close() {
	_ = p.Close()
	_ = p.mux.Close()
}

// dropRTP has the kernel drop what begins as RTP: first byte 128 to 191 and second not 192 to 223, behind
// the UDP header, which a socket filter sees.
func dropRTP(socket *net.UDPConn) error {
	const loadByte, jumpAtLeast, give = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	program := []unix.SockFilter{
		{Code: loadByte, K: 8},
		{Code: jumpAtLeast, K: 128, Jf: 5},
		{Code: jumpAtLeast, K: 192, Jt: 4},
		{Code: loadByte, K: 9},
		{Code: jumpAtLeast, K: 192, Jf: 1},
		{Code: jumpAtLeast, K: 224, Jf: 1},
		{Code: give, K: 0},
		{Code: give, K: 0xffff},
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	})
	return errors.Join(err, set)
}

// exchange offers, and uses the answer.
func exchange(ctx context.Context, pc *webrtc.PeerConnection, url, token string) error {
	if err := prepare(pc); err != nil {
		return err
	}
	return post(ctx, pc, url, token)
}

// prepare makes the offer, and gathers.
func prepare(pc *webrtc.PeerConnection) error {
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		return err
	}
	<-gathered
	return nil
}

// post sends the offer that was prepared, and uses the answer.
func post(ctx context.Context, pc *webrtc.PeerConnection, url, token string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(pc.LocalDescription().SDP))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/sdp")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	response, err := http.DefaultClient.Do(request.WithContext(ctx))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusCreated {
		return fmt.Errorf("%s: %s %.200s %w", url, response.Status, answer, err)
	}
	return pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)})
}

// broadcast sends 30 frames a second, of 3 Mbit/s with a key frame of five times the size every 2 s and when it is
// wanted, each with the time of its sending in front.
func broadcast(ctx context.Context, track *webrtc.TrackLocalStaticRTP, wanted <-chan struct{}) {
	const frames, keyEvery = 30, 60
	const size = 3_000_000 / 8 / frames * keyEvery / (keyEvery + 4)
	packetizer := rtp.NewPacketizer(1200, 0, 0, &codecs.H264Payloader{}, rtp.NewFixedSequencer(1), 90_000)
	key, other := slice(0x65, 0x88, 5*size), slice(0x61, 0x98, size)
	ticker := time.NewTicker(time.Second / frames)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		stamp := append([]byte{6, 5, 16}, fmt.Sprintf("%016x", time.Now().UnixNano())...) // an SEI message
		frame := accessUnit(stamp, other)
		begins := n%keyEvery == 0
		select {
		case <-wanted:
			begins = true
		default:
		}
		if begins {
			frame = accessUnit(stamp, standard.sps, []byte{0x68, 0xce, 0x3c, 0x80}, key)
		}
		for _, packet := range packetizer.Packetize(frame, 90_000/frames) {
			_ = track.WriteRTP(packet)
		}
	}
}

// probe measures one receiver.
type probe struct {
	measuring *atomic.Bool
	mu        sync.Mutex
	delays    []time.Duration // from sending a frame to its last packet
	packets   int
	lost      int
	frames    int
	last      uint16
	any       bool
	stamped   time.Time
}

func (p *probe) read(track *webrtc.TrackRemote) {
	buffer := make([]byte, receiveMTU)
	var in rtp.Packet
	for {
		n, _, err := track.Read(buffer)
		if err != nil {
			return
		}
		now := time.Now()
		if in.Unmarshal(buffer[:n]) != nil || len(in.Payload) < 3 {
			continue
		}
		p.mu.Lock()
		if in.Payload[0]&nalType == 6 && len(in.Payload) >= 19 {
			nanos, err := strconv.ParseInt(string(in.Payload[3:19]), 16, 64)
			if err == nil {
				p.stamped = time.Unix(0, nanos)
			}
		}
		if p.measuring.Load() {
			if p.any && in.SequenceNumber != p.last+1 {
				p.lost += int(int16(in.SequenceNumber - p.last - 1)) //nolint:gosec // a late one takes one back
			}
			p.packets++
			if in.Marker && !p.stamped.IsZero() {
				p.frames++
				p.delays = append(p.delays, now.Sub(p.stamped))
			}
		}
		p.any = p.any || p.measuring.Load()
		if int16(in.SequenceNumber-p.last) > 0 || !p.any { //nolint:gosec // wraps
			p.last = in.SequenceNumber
		}
		p.mu.Unlock()
	}
}

func BenchmarkFanOut(b *testing.B) {
	sizes := []int{100, 300, 600, 1000}
	if list := os.Getenv("HOTSEAT_BENCH_VIEWERS"); list != "" {
		sizes = nil
		for _, field := range strings.Fields(list) {
			n, err := strconv.Atoi(field)
			if err != nil {
				b.Fatal(err)
			}
			sizes = append(sizes, n)
		}
	}
	for _, viewers := range sizes {
		for _, server := range []struct {
			name  string
			most  int // beyond it the server has long collapsed, and drags the others' figures along
			start func(*testing.B) *contender
		}{
			{"hotseat", 10_000, startOurs},
			{"mediamtx", 300, startMediaMTX},
			{"broadcast-box", 300, startBroadcastBox},
		} {
			if viewers > server.most {
				continue
			}
			b.Run(fmt.Sprintf("%d viewers/%s", viewers, server.name), func(b *testing.B) {
				b.N = 1 // one run tells what there is to tell
				fanOut(b, server.start(b), viewers)
			})
		}
	}
}

// onAir publishes the broadcast until ctx ends. The count is of key frames asked for.
func onAir(ctx context.Context, b *testing.B, to *contender, work *sync.WaitGroup) (*peer, *atomic.Int64) {
	b.Helper()
	pc, err := newPeer(false)
	if err != nil {
		b.Fatal(err)
	}
	codec := webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90_000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}
	track, err := webrtc.NewTrackLocalStaticRTP(codec, "video", "game")
	if err != nil {
		b.Fatal(err)
	}
	transceiver, err := pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		b.Fatal(err)
	}
	up := make(chan struct{})
	var once sync.Once
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(up) })
		}
	})
	url, token := to.publish(0)
	if err := exchange(ctx, pc.PeerConnection, url, token); err != nil {
		b.Fatal(err)
	}
	<-up
	var asked atomic.Int64
	wanted := make(chan struct{}, 1)
	work.Go(func() {
		for {
			packets, _, err := transceiver.Sender().ReadRTCP()
			if err != nil {
				return
			}
			for _, packet := range packets {
				if _, ok := packet.(*rtcp.PictureLossIndication); ok {
					asked.Add(1)
					select {
					case wanted <- struct{}{}:
					default:
					}
				}
			}
		}
	})
	work.Go(func() { broadcast(ctx, track, wanted) })
	time.Sleep(time.Second) // a server that looks at the stream first lets nobody in before
	return pc, &asked
}

func fanOut(b *testing.B, to *contender, viewers int) {
	ctx, cancel := context.WithCancel(b.Context())
	var connections []*peer
	var work sync.WaitGroup
	defer func() {
		cancel()
		for _, pc := range connections {
			work.Go(pc.close)
		}
		work.Wait()
		http.DefaultClient.CloseIdleConnections()
	}()

	publisher, _ := onAir(ctx, b, to, &work)
	connections = append(connections, publisher)

	var measuring atomic.Bool
	var meters []*probe
	joins, joining := errgroup.WithContext(ctx)
	joins.SetLimit(8)
	var connected atomic.Int64
	for n := range viewers {
		pc, err := newPeer(n >= probes)
		if err != nil {
			b.Fatal(err)
		}
		connections = append(connections, pc)
		if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			b.Fatal(err)
		}
		if n < probes {
			meter := &probe{measuring: &measuring}
			meters = append(meters, meter)
			pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
				_ = pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(track.SSRC())}})
				meter.read(track)
			})
		}
		var once sync.Once
		pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
			if s == webrtc.PeerConnectionStateConnected {
				once.Do(func() { connected.Add(1) })
			}
		})
		joins.Go(func() error {
			url, token := to.receive(n)
			return exchange(joining, pc.PeerConnection, url, token)
		})
	}
	if err := joins.Wait(); err != nil {
		b.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); connected.Load() < int64(viewers); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("%d of %d viewers are connected after 30 s", connected.Load(), viewers)
		}
	}
	time.Sleep(settleTime)

	before, own := processorTime(b, to.pid), processorTime(b, os.Getpid())
	began := time.Now()
	measuring.Store(true)
	time.Sleep(measureTime)
	measuring.Store(false)
	took := time.Since(began)
	used, ownUsed := processorTime(b, to.pid)-before, processorTime(b, os.Getpid())-own

	var delays []time.Duration
	packets, lost, frames := 0, 0, 0
	for _, m := range meters {
		m.mu.Lock()
		delays = append(delays, m.delays...)
		packets, lost, frames = packets+m.packets, lost+m.lost, frames+m.frames
		m.mu.Unlock()
	}
	if len(delays) == 0 {
		b.Fatal("no frame arrived")
	}
	slices.Sort(delays)
	ms := func(q float64) float64 { return float64(delays[int(q*float64(len(delays)-1))].Microseconds()) / 1000 }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(used.Seconds()/took.Seconds(), "cores")
	b.ReportMetric(ownUsed.Seconds()/took.Seconds(), "load-cores")
	b.ReportMetric(ms(0.5), "ms-p50")
	b.ReportMetric(ms(0.95), "ms-p95")
	b.ReportMetric(100*float64(lost)/float64(max(1, packets+lost)), "%lost")
	b.ReportMetric(float64(frames)/float64(len(meters))/took.Seconds(), "fps")
}
