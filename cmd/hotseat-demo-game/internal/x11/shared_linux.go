package x11

import (
	"github.com/jezek/xgb"
	"github.com/jezek/xgb/shm"
	"github.com/jezek/xgb/xproto"
	"golang.org/x/sys/unix"
)

// segment is memory that the server reads frames from.
// (MIT-SHM: The MIT Shared Memory Extension, X Consortium.)
type segment struct {
	mem []byte
	id  shm.Seg
}

// share makes a segment, or gives nil when the server cannot have one: it runs
// on another machine or in another IPC namespace.
func share(conn *xgb.Conn, size int) *segment {
	if shm.Init(conn) != nil {
		return nil
	}
	key, err := unix.SysvShmGet(unix.IPC_PRIVATE, size, unix.IPC_CREAT|0o600)
	if err != nil {
		return nil
	}
	// Marked for removal at once after both sides are attached (or failed to):
	// the kernel frees it when the last of them goes, however they end.
	defer func() { _, _ = unix.SysvShmCtl(key, unix.IPC_RMID, nil) }()
	mem, err := unix.SysvShmAttach(key, 0, 0)
	if err != nil {
		return nil
	}
	id, err := shm.NewSegId(conn)
	if err == nil {
		err = shm.AttachChecked(conn, id, uint32(key), true).Check()
	}
	if err != nil {
		_ = unix.SysvShmDetach(mem)
		return nil
	}
	return &segment{mem: mem, id: id}
}

// put shows the frame. Check is a round trip, so the server has read the memory
// when it returns (0.1 ms on one machine): no second buffer is needed.
func (s *segment) put(w *Window) error {
	return shm.PutImageChecked(w.conn, xproto.Drawable(w.window), w.gc,
		uint16(w.width), uint16(w.height), 0, 0, uint16(w.width), uint16(w.height), 0, 0,
		w.depth, xproto.ImageFormatZPixmap, 0, s.id, 0).Check()
}

func (s *segment) close() { _ = unix.SysvShmDetach(s.mem) }
