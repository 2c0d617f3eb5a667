//go:build !linux

package capture

// trim has nothing to do where the C library gives memory back by itself.
func trim() {}
