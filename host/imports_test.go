package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/synchost/synchost/"

// walls are the packages of this module that each of its packages may import
// beside sdk. One that is not named here needs a decision.
var walls = map[string][]string{
	"sdk":         {"sdk/proto"},
	"sdk/proto":   {},
	"sdk/rest":    {},
	"sdk/sdktest": {},

	"plugins/": {"sdk/rest"}, // each of them

	"host/internal/event":           {},
	"host/internal/cron":            {},
	"host/internal/config":          {"host/internal/cron"},
	"host/internal/schedule":        {"host/internal/cron", "host/internal/store"},
	"host/internal/store":           {"host/internal/event"},
	"host/internal/store/sqlite":    {"host/internal/event", "host/internal/store"},
	"host/internal/store/storetest": {"host/internal/event", "host/internal/store"},
	"host/internal/simtest":         {},
	"host/internal/expression":      {"host/internal/event"},
	"host/internal/plan":            {"host/internal/event", "host/internal/expression"},
	"host/internal/receive":         {"host/internal/config", "host/internal/event", "host/internal/expression", "host/internal/store", "sdk/rest"},
	"host/internal/echo":            {"host/internal/follow", "host/internal/deliver", "host/internal/event", "host/internal/plan", "host/internal/store"},
	"host/internal/deliver":         {"host/internal/event", "host/internal/plan", "host/internal/store"},
	"host/internal/reconcile":       {"host/internal/deliver", "host/internal/event", "host/internal/pages", "host/internal/plan", "host/internal/store"},
	"host/internal/pages":           {},
	"host/internal/follow":          {"host/internal/event", "host/internal/store"},
	"host/internal/watch":           {"host/internal/event", "host/internal/follow", "host/internal/pages", "host/internal/store"},
	"host/internal/launch":          {"host/internal/config", "sdk/proto"},
	"host/internal/ops":             {"host/internal/event", "host/internal/ops/inspect", "host/internal/schedule", "host/internal/store"},
	"host/internal/ops/cli":         {"host/internal/config", "host/internal/ops", "host/internal/ops/inspect", "host/internal/store"},
	"host/internal/ops/inspect":     {"sdk/rest"},
	"host/e2e/":                     {},
	"host/e2e/bench":                {"host/internal/config", "host/internal/launch"}, // it calls a connector itself
	"host":                          {"host/internal/"},                               // it wires them all
}

// owners are the only packages that may import a library.
var owners = map[string][]string{
	"github.com/hashicorp/go-plugin":      {"host/internal/launch", "sdk", "sdk/sdktest"},
	"zombiezen.com/go/sqlite":             {"host/internal/store/sqlite"},
	"github.com/robfig/cron":              {"host/internal/cron"},
	"github.com/BurntSushi/toml":          {"host/internal/config", "host/internal/ops/cli"},
	"github.com/spf13/cobra":              {"host/internal/ops/cli"},
	"github.com/expr-lang/expr":           {"host/internal/expression"},
	"google.golang.org/grpc":              {"host/internal/launch", "sdk", "sdk/proto"},
	"github.com/gofrs/flock":              {"host/internal/launch", "host/internal/store/sqlite"},
	"github.com/prometheus/client_golang": {"host", "host/internal/deliver", "host/internal/echo", "host/internal/launch", "host/internal/ops", "host/internal/receive", "host/internal/schedule", "host/internal/store/sqlite"},
	"github.com/hashicorp/go-hclog":       {"host", "host/e2e/bench", "host/internal/deliver", "host/internal/echo", "host/internal/launch", "host/internal/pages", "host/internal/receive", "host/internal/reconcile", "host/internal/schedule", "host/internal/store/sqlite", "host/internal/watch", "plugins/", "sdk", "sdk/sdktest"},
}

// pure are the packages that have no clock, no input and output and no logger.
var pure = []string{"host/internal/expression", "host/internal/plan"}

// impure is what they may not import, with all below it but net/url, which only
// reads text.
var impure = []string{"os", "io", "net", "log", "math/rand", "math/rand/v2", "crypto/rand", "context", "sync", "syscall"}

func TestImportWalls(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		imports := strings.Fields(line)
		pkg := strings.TrimPrefix(imports[0], module)
		wall, allowed := find(pkg)
		if wall == "" {
			t.Errorf("%s has no wall: say in this test what it may import", pkg)
		}
		seen[wall] = true
		for _, path := range imports[1:] {
			own, isOwn := strings.CutPrefix(path, module)
			if isOwn && own != "sdk" && !slices.ContainsFunc(allowed, func(a string) bool { return within(own, a) }) {
				t.Errorf("%s imports %s", pkg, own)
			}
			for library, users := range owners {
				if within(path, library+"/") && !slices.ContainsFunc(users, func(user string) bool { return within(pkg, user) }) {
					t.Errorf("%s imports %s, which is for %s", pkg, path, strings.Join(users, ", "))
				}
			}
			if slices.Contains(pure, pkg) && path != "net/url" && slices.ContainsFunc(impure, func(one string) bool { return within(path, one+"/") }) {
				t.Errorf("%s imports %s: it is to be pure", pkg, path)
			}
		}
	}
	for wall := range walls {
		if !seen[wall] {
			t.Errorf("there is no package %s behind its wall", wall)
		}
	}
}

// The same decision must come of the same state, whenever it is asked for.
func TestPurePackagesHaveNoClock(t *testing.T) {
	var files []string
	for _, pkg := range pure {
		some, err := filepath.Glob(strings.TrimPrefix(pkg, "host/") + "/*.go")
		if err != nil || len(some) == 0 {
			t.Fatal("there are no files: ", err)
		}
		files = append(files, some...)
	}
	clock := regexp.MustCompile(`\btime\.(Now|Since|Until|After|AfterFunc|Sleep|Tick|New\w+)\(`)
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found := clock.Find(source); found != nil && !strings.HasSuffix(file, "_test.go") {
			t.Errorf("%s calls %s…)", file, found)
		}
	}
}

// find is the wall of a package: its own, or that of the folder it is in.
func find(pkg string) (wall string, allowed []string) {
	if allowed, ok := walls[pkg]; ok {
		return pkg, allowed
	}
	for wall, allowed := range walls {
		if strings.HasSuffix(wall, "/") && within(pkg, wall) {
			return wall, allowed
		}
	}
	return "", nil
}

// within says whether a path is another, or below it where that ends in a slash.
func within(path, other string) bool {
	return path == strings.TrimSuffix(other, "/") || strings.HasSuffix(other, "/") && strings.HasPrefix(path, other)
}
