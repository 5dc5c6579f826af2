package daemon

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockFile is the file of the accepted offset between realtime and boottime,
// in nanoseconds. It lies on the tmpfs of the runtime directory: boottime
// begins anew with the next boot, and the file is gone by then.
const clockFile = "clock"

// readAccepted returns the offset that an earlier process of this boot
// accepted, 0 if there is none that can be read.
func readAccepted(runtimeDir string) time.Duration {
	text, err := os.ReadFile(filepath.Join(runtimeDir, clockFile))
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(n)
}

func writeAccepted(runtimeDir string, offset time.Duration) error {
	return replaceFile(filepath.Join(runtimeDir, clockFile), strconv.AppendInt(nil, int64(offset), 10))
}
