package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// InstallCommand is the command that brings the packages, for a person to type.
func InstallCommand(packages []string) string {
	return sudo() + "apt-get install -y --no-install-recommends " + strings.Join(packages, " ")
}

func sudo() string {
	if os.Geteuid() == 0 {
		return ""
	}
	return "sudo "
}

// Install brings the packages with apt-get, as root or through sudo, and says on out what it does.
// It asks nothing; sudo may ask for a password.
func Install(ctx context.Context, packages []string, out io.Writer) error {
	if len(packages) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return errors.New("this is neither Debian nor Ubuntu (no apt-get); install what corresponds to: " + strings.Join(packages, " "))
	}
	fmt.Fprintf(out, "installing %d packages: %s\n", len(packages), strings.Join(packages, " "))
	if err := apt(ctx, "update"); err != nil {
		return err
	}
	// One name that apt does not know would keep it from installing the others.
	packages = slices.DeleteFunc(slices.Clone(packages), func(name string) bool {
		unknown := exec.CommandContext(ctx, "apt-cache", "show", name).Run() != nil //nolint:gosec // a name of our own list
		if unknown {
			fmt.Fprintf(out, "this system has no package %s: going on without it\n", name)
		}
		return unknown
	})
	if err := ctx.Err(); err != nil { // nothing was looked for any more
		return err
	}
	if len(packages) == 0 {
		return nil
	}
	return apt(ctx, append([]string{"install", "-y", "--no-install-recommends"}, packages...)...)
}

// apt runs apt-get as root. Another one may be running on a machine that has just started: it waits for its lock.
func apt(ctx context.Context, args ...string) error {
	args = append([]string{"-o", "DPkg::Lock::Timeout=300", "-qq"}, args...)
	name := "apt-get"
	if os.Geteuid() != 0 {
		name, args = "sudo", append([]string{"DEBIAN_FRONTEND=noninteractive", "apt-get"}, args...)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	output, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, lastLines(output, 12))
	}
	return nil
}

func lastLines(output []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// Check says what this machine lacks to run a playtest, and how to install it; nil if nothing.
func Check(ctx context.Context) error {
	missing := Missing(Examine(ctx, Run), false)
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("this machine lacks what a playtest needs: %s\n  install it with: %s\n  or see all with:  hotseat doctor",
		strings.Join(missing, ", "), InstallCommand(missing))
}
