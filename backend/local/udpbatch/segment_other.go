//go:build !linux

package udpbatch

import "net"

// Elsewhere nothing cuts datagrams: every packet is one of its own.

const segmentSpace = 0

func canSegment(*net.UDPConn) (bool, error) { return false, nil }

func putSegmentSize([]byte, int) {}

func neverSegments(error) bool { return false }

func tooLarge(error) bool { return false }
