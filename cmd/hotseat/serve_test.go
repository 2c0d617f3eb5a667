package main

import (
	"strings"
	"testing"
)

func TestServeRefusesAddressesThatNobodyCouldBeSentTo(t *testing.T) {
	for _, c := range []struct{ listen, public, says string }{
		{"127.0.0.1:8470", "", ""},
		{"127.0.0.1:0", "https://playtests.example", ""},
		{"0.0.0.0:8470", "https://playtests.example:8443/", ""},
		{"0.0.0.0:8470", "", "--public-url"},
		{":8470", "", "--public-url"},
		{"[::]:8470", "", "--public-url"},
		{"8470", "", "host:port"},
		{"127.0.0.1:8470", "playtests.example", "https://host"},
		{"127.0.0.1:8470", "https://playtests.example/here", "https://host"},
		{"127.0.0.1:8470", "https://me:secret@playtests.example", "https://host"},
		{"127.0.0.1:8470", "ftp://playtests.example", "https://host"},
	} {
		err := serveOptions{listen: c.listen, public: c.public}.check()
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("--listen %s --public-url %s: %v, want %q", c.listen, c.public, err, c.says)
		}
	}
}
