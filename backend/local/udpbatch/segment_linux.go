package udpbatch

import (
	"encoding/binary"
	"errors"
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// canSegment asks for the socket option (udp(7), UDP_SEGMENT): a kernel without it does not know the name.
func canSegment(socket *net.UDPConn) (bool, error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return false, err
	}
	var unknown error
	err = raw.Control(func(fd uintptr) {
		_, unknown = unix.GetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT)
	})
	return err == nil && unknown == nil, err
}

// segmentSpace is the size of the control message that has a datagram cut.
var segmentSpace = unix.CmsgSpace(2)

// putSegmentSize writes the control message that has a datagram cut into packets of size bytes, which is at
// most maxDatagram.
func putSegmentSize(message []byte, size int) {
	header := (*unix.Cmsghdr)(unsafe.Pointer(&message[0])) //nolint:gosec // the layout that sendmsg(2) reads
	header.Level, header.Type = unix.SOL_UDP, unix.UDP_SEGMENT
	header.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(message[unix.CmsgLen(0):], uint16(size)) //nolint:gosec // below 1<<16
}

// neverSegments reports whether an error says that this machine cuts no datagrams at all: EIO where the
// device leaves checksums to the sender, EOPNOTSUPP.
func neverSegments(err error) bool {
	return errors.Is(err, unix.EIO) || errors.Is(err, unix.EOPNOTSUPP)
}

// tooLarge reports whether an error says that a packet is larger than the way to its receiver takes, which is
// how datagrams that are to be cut are refused for one receiver.
func tooLarge(err error) bool { return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EMSGSIZE) }
