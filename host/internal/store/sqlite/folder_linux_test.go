package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
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

// A host that died, and whose disk has no room to take its log over, starts when
// there is some.
func TestALogThatDoesNotFitAtTheStartIsKept(t *testing.T) {
	s := open(t, Options{})
	for i := range 20 {
		accept(t, s, described(fmt.Sprint(i), 10, 5_000))
	}
	dir := mount(t, 0, "size=2m")
	if err := os.CopyFS(dir, os.DirFS(copied(t, s.options.Dir))); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		wantError(t, tryOpen(t, dir), dir, "full")
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, open(t, Options{Dir: dir})); n != 200 {
		t.Errorf("%d events are there, want 200", n)
	}
}

func TestTheFolderMayBeALink(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		s := open(t, Options{Dir: link, flushBytes: 1})
		accept(t, s, described(fmt.Sprint(i), 3, 10))
		settle(t, s)
		if !s.log.inPlace() {
			t.Error("the log is said to be gone")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
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
