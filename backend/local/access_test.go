package local

import "testing"

func TestClientsElsewhereAreToldThePublicAddress(t *testing.T) {
	for public, want := range map[string][3]string{
		"http://127.0.0.1:8470":     {"http://127.0.0.1:8470/cognito", "ws://127.0.0.1:8470/event/realtime", "127.0.0.1:8470"},
		"https://playtests.example": {"https://playtests.example/cognito", "wss://playtests.example/event/realtime", "playtests.example"},
		"http://10.0.0.7:80":        {"http://10.0.0.7:80/cognito", "ws://10.0.0.7:80/event/realtime", "10.0.0.7:80"},
	} {
		a := Access{EdgeHost: "127.0.0.1:8470", PublicURL: public}
		got := [3]string{a.Public("http://127.0.0.1:8470/cognito"), a.Public("ws://127.0.0.1:8470/event/realtime"), a.PublicHost()}
		if got != want {
			t.Errorf("%s: %v, want %v", public, got, want)
		}
		if other := "http://127.0.0.1:9999/x"; a.Public(other) != other {
			t.Errorf("%s: %s became %s", public, other, a.Public(other))
		}
	}
}
