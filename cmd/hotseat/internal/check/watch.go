package check

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media/samplebuilder"

	"hotseat/cmd/hotseat-probe/report"
)

// rtcAPI is a client of loopback: this machine's own addresses are the only candidates that lead
// anywhere.
func rtcAPI() *webrtc.API {
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	return webrtc.NewAPI(webrtc.WithSettingEngine(settings)) // with the default codecs and interceptors
}

// Watcher receives a broadcast and decodes it with hotseat-probe.
type Watcher struct {
	peer     *webrtc.PeerConnection
	resource string
	token    string
	probe    *exec.Cmd
	input    io.WriteCloser

	mu      sync.Mutex // protects what follows
	last    report.Picture
	count   int
	gap     time.Duration // longest between the time codes of two pictures since ResetGap
	changed chan struct{}
	failed  error
}

// Watch subscribes to a session's broadcast as the page does: a stage token from the backend, an
// offer to the stage (WHEP). probe is the path of hotseat-probe.
func (p *Person) Watch(ctx context.Context, session, probe string) (_ *Watcher, err error) {
	var token struct{ Token, WhepURL string }
	if err := p.Call(ctx, http.MethodPost, "/api/sessions/"+session+"/stage-token", struct{}{}, &token); err != nil {
		return nil, err
	}
	w := &Watcher{token: token.Token, changed: make(chan struct{})}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	if err := w.startProbe(probe); err != nil {
		return nil, err
	}
	if w.peer, err = rtcAPI().NewPeerConnection(webrtc.Configuration{}); err != nil {
		return nil, fmt.Errorf("making a peer connection: %w", err)
	}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := w.peer.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			return nil, fmt.Errorf("asking for %s: %w", kind, err)
		}
	}
	w.peer.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		if track.Kind() == webrtc.RTPCodecTypeVideo {
			w.receive(track)
		} else {
			drain(track)
		}
	})
	offer, err := gathered(ctx, w.peer)
	if err != nil {
		return nil, err
	}
	if err := w.subscribe(ctx, token.WhepURL, offer); err != nil {
		return nil, err
	}
	return w, nil
}

func gathered(ctx context.Context, peer *webrtc.PeerConnection) (string, error) {
	offer, err := peer.CreateOffer(nil)
	if err != nil {
		return "", fmt.Errorf("making an offer: %w", err)
	}
	complete := webrtc.GatheringCompletePromise(peer)
	if err := peer.SetLocalDescription(offer); err != nil {
		return "", fmt.Errorf("making an offer: %w", err)
	}
	select {
	case <-complete:
		return peer.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// subscribe asks until the broadcaster is there: the stage answers 404 before it published.
func (w *Watcher) subscribe(ctx context.Context, address, offer string) error {
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(offer))
		if err != nil {
			return fmt.Errorf("subscribing: %w", err)
		}
		r.Header.Set("Content-Type", "application/sdp")
		r.Header.Set("Authorization", "Bearer "+w.token)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return fmt.Errorf("subscribing: %w", err)
		}
		answer, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
		response.Body.Close()
		switch {
		case err != nil:
			return fmt.Errorf("subscribing: %w", err)
		case response.StatusCode == http.StatusNotFound:
			select {
			case <-ctx.Done():
				return errors.New("nobody broadcasts; the sidecar did not publish")
			case <-time.After(100 * time.Millisecond):
			}
			continue
		case response.StatusCode != http.StatusCreated:
			return fmt.Errorf("subscribing: %s: %s", response.Status, bytes.TrimSpace(answer))
		}
		location, err := url.Parse(response.Header.Get("Location"))
		if err != nil {
			return fmt.Errorf("subscribing: the Location is no address: %w", err)
		}
		w.resource = r.URL.ResolveReference(location).String()
		return w.peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)})
	}
}

// receive makes access units of packets and gives them to the probe.
func (w *Watcher) receive(track *webrtc.TrackRemote) {
	ask := func() {
		_ = w.peer.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(track.SSRC())}})
	}
	// A packet that is missing is asked for again (NACK); one that does not come within 150 packets,
	// some 0.4 s, is given up.
	builder := samplebuilder.New(150, &codecs.H264Packet{}, 90_000)
	ask()
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		builder.Push(packet)
		for sample := builder.Pop(); sample != nil; sample = builder.Pop() {
			if sample.PrevDroppedPackets > 0 {
				ask()
			}
			if err := binary.Write(w.input, binary.BigEndian, uint32(len(sample.Data))); err != nil {
				return
			}
			if _, err := w.input.Write(sample.Data); err != nil {
				return
			}
		}
	}
}

func drain(track *webrtc.TrackRemote) {
	var packet *rtp.Packet
	var err error
	for err == nil {
		packet, _, err = track.ReadRTP()
		_ = packet
	}
}

func (w *Watcher) startProbe(path string) error {
	w.probe = exec.Command(path)
	w.probe.Stderr = os.Stderr
	var err error
	if w.input, err = w.probe.StdinPipe(); err != nil {
		return fmt.Errorf("starting hotseat-probe: %w", err)
	}
	output, err := w.probe.StdoutPipe()
	if err != nil {
		return fmt.Errorf("starting hotseat-probe: %w", err)
	}
	if err := w.probe.Start(); err != nil {
		w.probe = nil
		return fmt.Errorf("starting hotseat-probe: %w (`task build` builds it)", err)
	}
	go func() {
		lines := bufio.NewScanner(output)
		for lines.Scan() {
			var picture report.Picture
			if json.Unmarshal(lines.Bytes(), &picture) == nil {
				w.saw(picture)
			}
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.failed = errors.New("the decoder ended; it says why on standard error")
		w.notify()
	}()
	return nil
}

func (w *Watcher) saw(picture report.Picture) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last.Drawn != 0 && picture.Drawn != 0 {
		w.gap = max(w.gap, time.Duration(picture.Drawn-w.last.Drawn)*time.Millisecond)
	}
	w.last = picture
	w.count++
	w.notify()
}

// notify is called with the lock held.
func (w *Watcher) notify() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// See waits for a picture that is as wanted; count is how many were decoded until then.
func (w *Watcher) See(ctx context.Context, is func(p report.Picture, count int) bool) (report.Picture, error) {
	for {
		w.mu.Lock()
		last, count, changed, failed := w.last, w.count, w.changed, w.failed
		w.mu.Unlock()
		if count > 0 && is(last, count) {
			return last, nil
		}
		if failed != nil {
			return last, failed
		}
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-changed:
		}
	}
}

// ResetGap starts measuring the longest gap anew and returns the one so far.
func (w *Watcher) ResetGap() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	gap := w.gap
	w.gap = 0
	return gap
}

// Close ends the subscription and the decoder.
func (w *Watcher) Close() {
	if w.resource != "" {
		if r, err := http.NewRequest(http.MethodDelete, w.resource, nil); err == nil {
			r.Header.Set("Authorization", "Bearer "+w.token)
			if response, err := http.DefaultClient.Do(r); err == nil {
				response.Body.Close()
			}
		}
	}
	if w.peer != nil {
		_ = w.peer.Close()
	}
	if w.probe != nil {
		_ = w.input.Close()
		_ = w.probe.Wait()
	}
}
