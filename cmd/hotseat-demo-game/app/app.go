// Package app is the application folder of the demo game: what GameLift Streams
// would be given to start. The hotseat command writes it into its data folder.
// It knows nothing about the game but the name of its command.
package app

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
)

// ScriptName is the launch script, named as in the article's sample.
const ScriptName = "run_broadcaster_background.sh"

//go:embed run_broadcaster_background.sh
var script []byte

// Title of the application, for lists.
const Title = "Hotseat Runner"

// Write puts the application into a folder, which is made when it does not
// exist. The script finds hotseat-sidecar and hotseat-demo-game by PATH. A file
// from an earlier version is replaced in one step, so that an instance starting
// meanwhile reads either.
func Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write demo application: %w", err)
	}
	temp, err := os.CreateTemp(dir, ".launch-*")
	if err != nil {
		return fmt.Errorf("write demo application: %w", err)
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(script)
	if err == nil {
		err = temp.Chmod(0o755)
	}
	if closed := temp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temp.Name(), filepath.Join(dir, ScriptName))
	}
	if err != nil {
		return fmt.Errorf("write demo application: %w", err)
	}
	return nil
}
