package store

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// appenderDatabase is the environment variable that makes this test binary an appender (see
// appender_test.go) instead of a test: its value is the path of the database.
const appenderDatabase = "HOTSEAT_STORE_TEST_APPENDER"

func TestMain(m *testing.M) {
	if path := os.Getenv(appenderDatabase); path != "" {
		fmt.Fprintln(os.Stderr, appendForever(path, os.Args[1], os.Stdout))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}
