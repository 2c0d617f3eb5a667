//go:build linux && cgo

package main

import (
	"context"
	"errors"
	"fmt"

	"hotseat/cmd/hotseat-instance/internal/player"
	"hotseat/cmd/hotseat-instance/internal/sound"
	"hotseat/sidecar/capture"
)

// openSource captures the instance's display for the player. It runs only while a
// client is there, and a moment longer (feed): capturing and encoding take a quarter
// of a core.
func (i *Instance) openSource() (source, error) {
	config := capture.Config{
		Display: i.display.Name,
		Width:   i.start.Width, Height: i.start.Height,
		Framerate: i.start.Framerate, BitrateKbps: i.start.BitrateKbps,
		Encoder: i.start.Encoder,
		Log:     i.log,
	}
	if i.sound != nil {
		config.Audio, config.PulseServer, config.PulseDevice = true, i.sound.Address, sound.Monitor
	}
	pipeline, err := capture.Open(config)
	if err != nil {
		return nil, err
	}
	if err := pipeline.Start(); err != nil {
		pipeline.Close()
		return nil, err
	}
	return &captured{pipeline: pipeline, failed: make(chan struct{})}, nil
}

// captured is a capture pipeline as the player's source.
type captured struct {
	pipeline *capture.Pipeline
	failed   chan struct{} // closed by Video, the one reader of Err
}

var errCaptureEnded = errors.New("the capture has ended")

func (c *captured) Video(ctx context.Context) (player.Sample, error) {
	select {
	case sample := <-c.pipeline.Video():
		return player.Sample{Data: sample.Data, RunningTime: sample.RunningTime, KeyFrame: sample.KeyFrame}, nil
	case err := <-c.pipeline.Err():
		close(c.failed)
		return player.Sample{}, fmt.Errorf("capture the display: %w", err)
	case <-ctx.Done():
		return player.Sample{}, ctx.Err()
	}
}

func (c *captured) Audio(ctx context.Context) (player.Sample, error) {
	select {
	case sample := <-c.pipeline.Audio():
		return player.Sample{Data: sample.Data, RunningTime: sample.RunningTime}, nil
	case <-c.failed:
		return player.Sample{}, errCaptureEnded
	case <-ctx.Done():
		return player.Sample{}, ctx.Err()
	}
}

func (c *captured) broken() bool {
	select {
	case <-c.failed:
		return true
	default:
		return false
	}
}

func (c *captured) ForceKeyFrame() { c.pipeline.ForceKeyFrame() }
func (c *captured) Close()         { c.pipeline.Close() }
