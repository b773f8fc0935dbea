//go:build unix

package launch

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/synchost/synchost/sdk"
)

// What is hashed is what is run, even if the binary is overwritten in place,
// as by cp, between the two.
func TestSwappedBinary(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "tool")
	const before, after = "#!/bin/sh\necho before\n", "#!/bin/sh\necho after\n"
	if err := os.WriteFile(binary, []byte(before), 0o755); err != nil {
		t.Fatal(err)
	}
	copied, sum, err := stage(binary, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, []byte(after), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), copied).Output()
	if err != nil || string(out) != "before\n" {
		t.Errorf("%q ran, %v", out, err)
	}
	if want := sha256.Sum256([]byte(before)); sum != hex.EncodeToString(want[:]) {
		t.Errorf("hash %s", sum)
	}
}

// A link that is turned while the process runs changes the next start only,
// and a pinned one not even that.
func TestTurnedLink(t *testing.T) {
	s := spec(t, "good", `{}`)
	p := run(t, s, nil)
	p.ready(t)
	s.Connector.SHA256 = p.Status().SHA256
	other := filepath.Join(filepath.Dir(s.Binary), "crashing-other")
	if err := os.WriteFile(other, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.Binary); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, s.Binary); err != nil {
		t.Fatal(err)
	}
	err := Probe(t.Context(), s, hclog.NewNullLogger(), func(*sdk.Client) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "connectors.shop.sha256") {
		t.Errorf("got %v", err)
	}
}

func TestUntrustedBinaries(t *testing.T) {
	for name, c := range map[string]struct {
		file, folder, above os.FileMode
		want                string // part of the error; empty: fine
	}{
		"fine":                 {0o755, 0o755, 0o755, ""},
		"group-writable":       {0o775, 0o775, 0o775, ""},
		"below a sticky one":   {0o755, 0o755, 0o777 | os.ModeSticky, ""},
		"file":                 {0o757, 0o755, 0o755, "every user may write to"},
		"folder":               {0o755, 0o757, 0o755, "every user may write to the folder"},
		"sticky folder":        {0o755, 0o777 | os.ModeSticky, 0o755, "every user may write to the folder"},
		"folder above":         {0o755, 0o755, 0o777, "every user may write to the folder"},
		"not to be executed":   {0o644, 0o755, 0o755, "chmod +x"},
		"through a link, file": {0o757, 0o755, 0o755, "every user may write to"},
	} {
		t.Run(name, func(t *testing.T) {
			above := filepath.Join(t.TempDir(), "above")
			folder := filepath.Join(above, "folder")
			binary := filepath.Join(folder, "tool")
			if err := os.MkdirAll(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(binary, []byte("#!/bin/sh\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			for path, mode := range map[string]os.FileMode{binary: c.file, folder: c.folder, above: c.above} {
				if err := os.Chmod(path, mode); err != nil {
					t.Fatal(err)
				}
			}
			if strings.HasPrefix(name, "through a link") {
				link := filepath.Join(t.TempDir(), "link")
				if err := os.Symlink(binary, link); err != nil {
					t.Fatal(err)
				}
				binary = link
			}
			_, _, err := stage(binary, t.TempDir())
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestSweep(t *testing.T) {
	root := t.TempDir()
	mine, err := newFolder(root)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(mine.path)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("%v, %v", info, err)
	}
	dead := filepath.Join(root, folderPrefix+"1")
	for _, path := range []string{dead + ".lock", filepath.Join(dead, "plugin1"), filepath.Join(root, "other", "file")} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := sweep(root); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{dead: false, dead + ".lock": false, mine.path: true, mine.path + ".lock": true, filepath.Join(root, "other", "file"): true} {
		if exists(path) != want {
			t.Errorf("%s is there: %v", path, !want)
		}
	}
	if err := mine.remove(); err != nil {
		t.Fatal(err)
	}
	if exists(mine.path) || exists(mine.path+".lock") {
		t.Error("removed, and still there")
	}
}
