package sdk

import "os"

// dieWithParent ends the process when the host that started it is no longer
// there, so that no connector goes on writing unseen.
func dieWithParent() {
	parent, err := os.FindProcess(os.Getppid())
	if err == nil {
		_, err = parent.Wait() // on Windows any process can be waited for
	}
	if err == nil {
		os.Exit(1)
	}
}
