package launch

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// stage copies a connector's binary into dir and answers the copy and the
// SHA-256 of its content. The copy is what runs: nobody but us can write to dir,
// so what was hashed is what is run, whatever becomes of the original meanwhile.
func stage(binary, dir string) (copied, sum string, err error) {
	path, err := filepath.EvalSymlinks(binary)
	if err != nil {
		return "", "", err
	}
	src, err := os.Open(path)
	if err != nil {
		return "", "", err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return "", "", err
	}
	if !info.Mode().IsRegular() {
		return "", "", fmt.Errorf("%s is not a file: name the connector's binary", path)
	}
	if err := trusted(path, info); err != nil {
		return "", "", err
	}

	copied = filepath.Join(dir, filepath.Base(binary))
	hash := sha256.New()
	if err := write(copied, io.TeeReader(src, hash)); err != nil {
		return "", "", &machineTrouble{err}
	}
	return copied, hex.EncodeToString(hash.Sum(nil)), nil
}

// machineTrouble is what keeps a process from starting and is neither its fault
// nor the configuration's, such as a full disk: it passes.
type machineTrouble struct{ error }

func (e *machineTrouble) Unwrap() error { return e.error }

// write makes an executable file. No process may be forked while it is open for
// writing: the child would hold it open a moment longer, and executing it would
// fail with "text file busy".
func write(name string, from io.Reader) (err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	to, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		return err
	}
	return to.Close()
}
