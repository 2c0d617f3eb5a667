package capture

/*
#cgo pkg-config: gstreamer-1.0 gstreamer-app-1.0
#include <stdlib.h>
#include <gst/gst.h>
#include <gst/app/gstappsrc.h>

static void hotseat_done(gpointer readers) { g_atomic_int_add((gint *)readers, -1); }
static int hotseat_readers(void *readers) { return g_atomic_int_get((gint *)readers); }

// hotseat_push hands memory to an appsrc without copying it. readers counts the buffers that
// have not been let go of.
static int hotseat_push(void *src, void *data, gsize size, void *readers, guint64 pts, guint64 duration) {
	g_atomic_int_add((gint *)readers, 1);
	GstBuffer *b = gst_buffer_new_wrapped_full(GST_MEMORY_FLAG_READONLY, data, size, 0, size, readers, hotseat_done);
	GST_BUFFER_PTS(b) = pts;
	GST_BUFFER_DURATION(b) = duration;
	return gst_app_src_push_buffer(GST_APP_SRC(src), b);
}

// hotseat_push_copy is for small units: the buffer owns a copy.
static int hotseat_push_copy(void *src, void *data, gsize size, guint64 pts, guint64 duration, int delta) {
	GstBuffer *b = gst_buffer_new_memdup(data, size);
	GST_BUFFER_PTS(b) = pts;
	GST_BUFFER_DURATION(b) = duration;
	if (delta)
		GST_BUFFER_FLAG_SET(b, GST_BUFFER_FLAG_DELTA_UNIT);
	return gst_app_src_push_buffer(GST_APP_SRC(src), b);
}

static guint64 hotseat_level(void *src) { return gst_app_src_get_current_level_bytes(GST_APP_SRC(src)); }

static void hotseat_caps(void *src, const char *text) {
	GstCaps *caps = gst_caps_from_string(text);
	gst_app_src_set_caps(GST_APP_SRC(src), caps);
	gst_caps_unref(caps);
}
*/
import "C"

import (
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/go-gst/go-gst/gst"
)

// slot is memory that holds one picture. The X server writes it, GStreamer reads it in place, and
// it may be written again when no buffer refers to it any more. So a picture is copied once, by
// the X server.
type slot struct {
	data    []byte
	readers unsafe.Pointer // a C int, counted by GStreamer's threads
	shared  int            // id of the System V segment; -1: private memory
	unmap   func([]byte) error

	shown atomic.Bool // it is the last picture, which may be pushed again
	caps  string      // of the picture in it, without the frame rate
	size  int         // bytes of the picture
}

// newSlot takes memory of at least size bytes that an X server on this machine can map. The
// segment disappears with its last user, because it is marked for removal once the X server has it
// (markRemoved).
func newSlot(size int) (*slot, error) {
	id, err := unix.SysvShmGet(unix.IPC_PRIVATE, size, unix.IPC_CREAT|0o600)
	if err != nil {
		return nil, fmt.Errorf("capture: take %d bytes of shared memory: %w", size, err)
	}
	data, err := unix.SysvShmAttach(id, 0, 0)
	if err != nil {
		_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
		return nil, fmt.Errorf("capture: map shared memory: %w", err)
	}
	return &slot{data: data, shared: id, unmap: unix.SysvShmDetach, readers: C.calloc(1, C.sizeof_gint)}, nil
}

// newPrivateSlot is for pictures that come through the socket, and for the placeholder.
func newPrivateSlot(size int) (*slot, error) {
	data, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("capture: take %d bytes of memory: %w", size, err)
	}
	return &slot{data: data, shared: -1, unmap: unix.Munmap, readers: C.calloc(1, C.sizeof_gint)}, nil
}

func (s *slot) markRemoved() {
	if s.shared >= 0 {
		_, _ = unix.SysvShmCtl(s.shared, unix.IPC_RMID, nil)
	}
}

// common says that somebody besides this process has the segment mapped. An X server in another IPC
// namespace (a container that shares /tmp/.X11-unix, ssh -X) attaches what has the same number there,
// which may be the memory of another program.
func (s *slot) common() bool {
	var about unix.SysvShmDesc
	_, err := unix.SysvShmCtl(s.shared, unix.IPC_STAT, &about)
	return err == nil && about.Nattch >= 2
}

// idle says that nobody reads the picture.
func (s *slot) idle() bool { return C.hotseat_readers(s.readers) == 0 }

// free gives the memory back; only an idle slot may be freed.
func (s *slot) free() {
	if s.data == nil {
		return
	}
	_ = s.unmap(s.data)
	C.free(s.readers)
	s.data = nil
}

// appSource is an appsrc.
type appSource struct{ element *gst.Element }

// pushSlot queues a picture.
func (a appSource) pushSlot(s *slot, at, duration time.Duration) gst.FlowReturn {
	return gst.FlowReturn(C.hotseat_push(a.element.Unsafe(), unsafe.Pointer(&s.data[0]), C.gsize(s.size), s.readers,
		C.guint64(at), C.guint64(duration)))
}

// push queues a copy of data.
func (a appSource) push(s Sample, delta bool) gst.FlowReturn {
	flag := C.int(0)
	if delta {
		flag = 1
	}
	return gst.FlowReturn(C.hotseat_push_copy(a.element.Unsafe(), unsafe.Pointer(&s.Data[0]), C.gsize(len(s.Data)),
		C.guint64(s.RunningTime), C.guint64(s.Duration), flag))
}

// level is how many bytes wait in the queue of the appsrc.
func (a appSource) level() uint64 { return uint64(C.hotseat_level(a.element.Unsafe())) }

// setCaps says what the buffers are that are pushed after it.
func (a appSource) setCaps(text string) {
	c := C.CString(text)
	defer C.free(unsafe.Pointer(c))
	C.hotseat_caps(a.element.Unsafe(), c)
}
