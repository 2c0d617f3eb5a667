//go:build !linux

package machine

func setNice(int, int) error { return nil }
