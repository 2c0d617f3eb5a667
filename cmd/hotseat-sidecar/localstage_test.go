package main

import (
	"bytes"
	"encoding/binary"
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
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media/oggwriter"

	"hotseat/backend/local/stage"
	"hotseat/sidecar/capture"
)

// localStage is the stage of the local backend.
type localStage struct {
	url string

	mu     sync.Mutex
	tokens map[string]stage.Token
}

const stageID = "st"

func startLocalStage(t *testing.T) *localStage {
	t.Helper()
	s := &localStage{tokens: map[string]stage.Token{}}
	mux := http.NewServeMux()
	front := httptest.NewServer(mux)
	s.url = front.URL + "/whip"
	server, err := stage.New(stage.Config{PublicURL: s.url, Verify: s.verify, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/whip/", http.StripPrefix("/whip", server.Handler()))
	mux.Handle("/whip", http.StripPrefix("/whip", server.Handler()))
	t.Cleanup(func() {
		front.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *localStage) verify(token string) (stage.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found, ok := s.tokens[token]; ok {
		return found, nil
	}
	return stage.Token{}, errors.New("not a token of this stage")
}

func (s *localStage) token(participant string, publish bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw := fmt.Sprintf("token-%d", len(s.tokens))
	s.tokens[raw] = stage.Token{
		ParticipantID: participant, StageID: stageID, Publish: publish, Subscribe: !publish, Expires: time.Now().Add(stage.MaxDuration),
	}
	return raw
}

// watcher receives a broadcast. Between recordings it throws away what comes.
type watcher struct {
	t        testing.TB
	x, y     int // where the picture flashes
	launcher string
	folder   string
	pc       *webrtc.PeerConnection

	mu        sync.Mutex // protects the rest
	recording bool
	video     []stampedUnit
	audio     []*rtp.Packet
	reports   map[webrtc.RTPCodecType]*rtcp.SenderReport // the newest
	pictures  int                                        // since the start
}

// stampedUnit is an access unit and its RTP time stamp.
type stampedUnit struct {
	data  []byte
	stamp uint32
}

func (s *localStage) watch(t *testing.T, participant string, x, y int, launcher string) *watcher {
	t.Helper()
	return watchAt(t, s.url+"/"+stageID+"/subscribe/"+participant, s.token("viewer", false), x, y, launcher)
}

// watchAt asks a server for what it has by WHEP.
func watchAt(t *testing.T, url, token string, x, y int, launcher string) *watcher {
	t.Helper()
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetIPFilter(net.IP.IsLoopback)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	w := &watcher{t: t, x: x, y: y, launcher: launcher, folder: t.TempDir(), pc: pc, reports: map[webrtc.RTPCodecType]*rtcp.SenderReport{}}
	pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		go w.hearReports(track.Kind(), receiver)
		w.receive(track)
	})
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	var answer []byte
	until(t, "the stage has the broadcast", func() bool {
		r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(pc.LocalDescription().SDP))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/sdp")
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, _ = io.ReadAll(resp.Body)
		return resp.StatusCode == http.StatusCreated
	})
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *watcher) hearReports(kind webrtc.RTPCodecType, receiver *webrtc.RTPReceiver) {
	for {
		packets, _, err := receiver.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok {
				w.mu.Lock()
				w.reports[kind] = sr
				w.mu.Unlock()
			}
		}
	}
}

func (w *watcher) receive(track *webrtc.TrackRemote) {
	var unit []byte
	var h264 codecs.H264Packet
	for {
		p, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		w.mu.Lock()
		if track.Kind() == webrtc.RTPCodecTypeAudio {
			if w.recording {
				w.audio = append(w.audio, p)
			}
			w.mu.Unlock()
			continue
		}
		if part, err := h264.Unmarshal(p.Payload); err == nil {
			unit = append(unit, part...)
		}
		if p.Marker {
			w.pictures++
			if w.recording {
				w.video = append(w.video, stampedUnit{unit, p.Timestamp})
			}
			unit = nil
		}
		w.mu.Unlock()
	}
}

func (w *watcher) count() int { w.mu.Lock(); defer w.mu.Unlock(); return w.pictures }

// record returns what came in a while.
func (w *watcher) record(length time.Duration) (video []stampedUnit, audio []*rtp.Packet, reports map[webrtc.RTPCodecType]*rtcp.SenderReport) {
	w.mu.Lock()
	w.recording, w.video, w.audio = true, nil, nil
	w.mu.Unlock()
	<-time.After(length)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.recording = false
	reports = map[webrtc.RTPCodecType]*rtcp.SenderReport{}
	for k, v := range w.reports {
		reports[k] = v
	}
	return w.video, w.audio, reports
}

// offsets records for a while and says how much later than each flash its beep is, on the clock of the
// sender reports, as players compute it (RFC 3550 section 6.4.1).
func (w *watcher) offsets(length time.Duration) ([]time.Duration, error) {
	video, audio, reports := w.record(length)
	vr, ar := reports[webrtc.RTPCodecTypeVideo], reports[webrtc.RTPCodecTypeAudio]
	if vr == nil || ar == nil {
		return nil, errors.New("the stage sent no sender reports for sound and picture")
	}
	flashes, err := w.flashes(video, vr)
	if err != nil {
		return nil, err
	}
	beeps, err := w.beeps(audio, ar)
	if err != nil {
		return nil, err
	}
	var offsets []time.Duration
	for _, f := range flashes {
		for _, b := range beeps {
			if d := b.Sub(f); d.Abs() < 400*time.Millisecond {
				offsets = append(offsets, d)
			}
		}
	}
	return offsets, nil
}

// senderTime is when a time stamp was, by a report.
func senderTime(stamp uint32, sr *rtcp.SenderReport, rate int) time.Time {
	const ntpEpoch = 2208988800 // 1900 to 1970 (RFC 5905 section 6)
	at := time.Unix(int64(sr.NTPTime>>32)-ntpEpoch, int64(float64(sr.NTPTime&0xffffffff)/(1<<32)*1e9))
	return at.Add(time.Duration(int64(int32(stamp-sr.RTPTime)) * int64(time.Second) / int64(rate)))
}

// flashes decodes from the first key frame on.
func (w *watcher) flashes(video []stampedUnit, sr *rtcp.SenderReport) (at []time.Time, err error) {
	for len(video) > 0 && !hasIDR(video[0].data) {
		video = video[1:]
	}
	d, err := capture.NewDecoder()
	if err != nil {
		return nil, err
	}
	defer d.Close()
	fed := make(chan error, 1)
	go func() {
		for _, u := range video {
			if err := d.Feed(u.data); err != nil {
				fed <- err
				return
			}
		}
		d.End()
		fed <- nil
	}()
	bright := true // one that is on at first began at an unknown time
	for i := range video {
		p, err := d.Next(2 * time.Second)
		if errors.Is(err, capture.ErrNoPicture) {
			break // the decoder keeps the last ones
		}
		if err != nil {
			return nil, err
		}
		now := p.Luma[w.y*p.Width+w.x] > 128
		if now && !bright {
			at = append(at, senderTime(video[i].stamp, sr, 90000))
		}
		bright = now
	}
	return at, <-fed
}

func hasIDR(unit []byte) bool {
	for i := 0; i+3 < len(unit); i++ {
		if unit[i] == 0 && unit[i+1] == 0 && unit[i+2] == 1 && unit[i+3]&0x1f == 5 {
			return true
		}
	}
	return false
}

// beeps decodes by way of an Ogg file and gst-launch-1.0.
func (w *watcher) beeps(audio []*rtp.Packet, sr *rtcp.SenderReport) (at []time.Time, err error) {
	if len(audio) == 0 {
		return nil, errors.New("there is no sound")
	}
	ogg, pcm := filepath.Join(w.folder, "sound.ogg"), filepath.Join(w.folder, "sound.pcm")
	file, err := oggwriter.New(ogg, 48000, 2)
	if err != nil {
		return nil, err
	}
	for _, p := range audio {
		if err := file.WriteRTP(p); err != nil {
			return nil, err
		}
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	out, err := exec.Command(w.launcher, "-q", "filesrc", "location="+ogg, "!", "oggdemux", "!", "opusdec", "!", "audioconvert", "!", "audioresample", "!",
		"audio/x-raw,format=S16LE,rate=48000,channels=1", "!", "filesink", "location="+pcm).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("decode the sound: %w: %s", err, bytes.TrimSpace(out))
	}
	samples, err := os.ReadFile(pcm)
	if err != nil {
		return nil, err
	}
	const (
		preSkip = 3840 // samples that the file's header says are not to be played
		frame   = 960  // samples of a packet
	)
	last := -48000
	for i := 0; i+1 < len(samples); i += 2 {
		if v := int16(binary.LittleEndian.Uint16(samples[i:])); v < 3000 && v > -3000 {
			continue
		}
		n := i / 2
		if n-last > 48000*3/10 && n > 48000/10 {
			// By the packet's own stamp: those of packets after a lost one, or one that was tied anew, jump.
			if i := (n + preSkip) / frame; i < len(audio) {
				at = append(at, senderTime(audio[i].Timestamp+uint32((n+preSkip)%frame), sr, 48000))
			}
		}
		last = n
	}
	return at, nil
}
