package capture

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheSoundsOwnConfigurationIsKept(t *testing.T) {
	home := t.TempDir()
	env := map[string]string{"HOME": home}
	is := func(when, want string) {
		t.Helper()
		if got := clientConfig(func(name string) string { return env[name] }); got != want {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
	}
	put := func(file string) {
		t.Helper()
		file = filepath.Join(home, file)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(".config/pulse/client.conf")
	put(".config/pulse/client.conf.d/20-b.conf")
	put(".config/pulse/client.conf.d/10-a.conf")
	put(".config/pulse/client.conf.d/readme")
	own := ".include " + home + "/.config/pulse/client.conf"
	is("the user's", own+"\n"+own+".d/10-a.conf\n"+own+".d/20-b.conf\nenable-shm = no\n")
	put("elsewhere/pulse/client.conf")
	env["XDG_CONFIG_HOME"] = home + "/elsewhere"
	is("the one of XDG_CONFIG_HOME", ".include "+home+"/elsewhere/pulse/client.conf\nenable-shm = no\n")
	env[clientConfigVariable] = "/srv/client.conf"
	is("the one that is named", ".include /srv/client.conf\nenable-shm = no\n")
}
