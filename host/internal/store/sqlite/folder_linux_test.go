package sqlite

import (
	"os"
	"syscall"
	"testing"
)

// mount mounts a tmpfs of its own for the test.
func mount(t *testing.T, flags uintptr, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
		need(t, "the right to mount a file system (run it as root): "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// need skips the test for what is missing; where everything must be there, it fails.
func need(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("SYNCHOST_NEED_ALL") == "1" {
		t.Fatalf("this test needs %s", what)
	}
	t.Skipf("this test needs %s", what)
}

func TestAFullFileSystemLosesNothing(t *testing.T) {
	dir := mount(t, 0, "size=2m")
	s := open(t, Options{Dir: dir})
	n := fill(t, s, "a")
	if n == 0 {
		t.Fatal("there was never any room")
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=4m"); err != nil {
		t.Fatal(err)
	}
	if more := fill(t, s, "b"); more == 0 {
		t.Error("it does not go on when there is room")
	}
	total := count(t, s)
	if err := s.Close(); err != nil {
		t.Logf("Close: %v", err) // the log cannot be taken into the file; it stays beside it
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	if again := count(t, open(t, Options{Dir: dir})); again != total {
		t.Errorf("%d events are there after a restart, of %d", again, total)
	}
}

func TestAFullFileSystemAtTheStartIsTold(t *testing.T) {
	dir := mount(t, 0, "size=8k")
	wantError(t, tryOpen(t, dir), dir, "full")
}

func TestAFolderThatCannotBeWrittenIsTold(t *testing.T) {
	var dir string
	if os.Geteuid() == 0 {
		dir = mount(t, syscall.MS_RDONLY, "")
	} else {
		dir = t.TempDir()
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, tryOpen(t, dir), dir, "write", "data_dir")
	wantError(t, tryOpen(t, dir+"/below"), dir, "write", "data_dir")
}
