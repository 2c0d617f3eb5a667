package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hotseat/backend/events"
)

// A program that hears one session and says something in it.
func ExampleClient() {
	client, err := events.NewClient(events.Config{
		RealtimeURL: "ws://127.0.0.1:8470/event/realtime",
		Token: func(context.Context) (string, time.Time, error) {
			return "the ID token of the person", time.Time{}, nil
		},
		OnState:     func(state events.State) { fmt.Println(state.Phase, state.Err) },
		OnReconnect: func(context.Context) { /* read the log after the last seq that was seen */ },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go client.Run(ctx)

	sub, err := client.Subscribe("/playtest/s-7h2k9x4q1m", func(m events.Message) { fmt.Println(string(m.Event)) })
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := sub.Wait(ctx); err != nil {
		fmt.Println("not allowed to listen:", err)
		return
	}
	// Now nothing is missed: read the log up to here.
	err = client.Publish(ctx, "/playtest/s-7h2k9x4q1m", json.RawMessage(`{"action":"USER_CHAT_MESSAGE","message":"hello"}`))
	var refusal *events.RefusedError
	if errors.As(err, &refusal) {
		fmt.Println(refusal.Message)
	}
}
