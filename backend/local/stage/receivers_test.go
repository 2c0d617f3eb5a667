package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
	"golang.org/x/sys/unix"
)

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
	makeRoom(socket)
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

// makeRoom lets a socket hold seconds of a stream while its reader waits for a processor. Root may have more than
// net.core.rmem_max.
func makeRoom(socket *net.UDPConn) {
	const room = 4 << 20
	forced := errors.New("not tried")
	if raw, err := socket.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { forced = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room) })
	}
	if forced != nil {
		_ = socket.SetReadBuffer(room)
	}
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
