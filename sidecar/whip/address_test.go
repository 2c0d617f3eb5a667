package whip_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"hotseat/sidecar/teststage"
)

// TestAStageOfThisMachineIsReachedAtWhateverAddressItsMediaHas: `hotseat serve --media` listens for people elsewhere, while
// the sidecar beside it comes by loopback. The addresses are those of a network namespace.
func TestAStageOfThisMachineIsReachedAtWhateverAddressItsMediaHas(t *testing.T) {
	const inside = "HOTSEAT_TEST_MEDIA_ADDRESS"
	if ip := os.Getenv(inside); ip != "" {
		stage := teststage.Start(t, teststage.Options{MediaIP: ip})
		run(t, stage, nil)
		next(t, stage.Frames, "picture")
		return
	}
	if said, err := exec.Command("unshare", "--net", "ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Skipf("no network namespace can be made here: %v %s", err, said)
	}
	for _, ip := range []string{"192.0.2.7/32", "2001:db8::7/128"} {
		t.Run(ip[:strings.IndexByte(ip, '/')], func(t *testing.T) {
			t.Parallel()
			script := "ip link set lo up; ip address add " + ip + " dev lo nodad || ip address add " + ip + ` dev lo && exec "$0" "$@"`
			cmd := exec.Command("unshare", "--net", "sh", "-c", script, os.Args[0], "-test.run=^TestAStageOfThisMachineIsReachedAtWhateverAddressItsMediaHas$")
			cmd.Env = append(os.Environ(), inside+"="+ip[:strings.IndexByte(ip, '/')])
			if said, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, said)
			}
		})
	}
}
