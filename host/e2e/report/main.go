// Command report reads the events of "go test -json" and tells people what
// matters: each package as it ends, whatever failed with its output, what was
// skipped and why, and one closing line.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// event is one line of "go test -json"; see "go doc test2json".
type event struct {
	Action     string
	Package    string
	ImportPath string // of build output
	Test       string
	Output     string
	Elapsed    float64
}

func main() {
	r := report{out: os.Stdout, output: map[string][]string{}}
	r.read(os.Stdin)
	if r.close(); r.failed > 0 {
		os.Exit(1)
	}
}

type report struct {
	out                     io.Writer
	output                  map[string][]string // of tests that run, by package and name
	skips                   []string
	passed, failed, skipped int
}

func (r *report) read(from io.Reader) {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		if json.Unmarshal(line, &e) == nil {
			r.take(e)
		} else if len(line) > 0 {
			fmt.Fprintf(r.out, "%s", line) // not an event: the go command itself speaks
		}
		if err != nil {
			return
		}
	}
}

func (r *report) take(e event) {
	id := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		r.output[id] = append(r.output[id], e.Output)
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.ended(e, id)
		} else {
			r.count(e, id)
		}
		delete(r.output, id)
	}
}

func (r *report) count(e event, id string) {
	switch e.Action {
	case "pass":
		r.passed++
	case "fail":
		r.failed++
		fmt.Fprintf(r.out, "--- FAIL %s\n%s", id, strings.Join(r.output[id], ""))
	case "skip":
		r.skipped++
		r.skips = append(r.skips, fmt.Sprintf("%s: %s", id, reason(r.output[id])))
	}
}

func (r *report) ended(e event, id string) {
	switch e.Action {
	case "pass":
		fmt.Fprintf(r.out, "ok    %s %.1fs\n", e.Package, e.Elapsed)
	case "fail":
		fmt.Fprintf(r.out, "FAIL  %s %.1fs\n%s", e.Package, e.Elapsed, strings.Join(r.output[id], ""))
		if r.failed == 0 {
			r.failed++ // a package that does not build has no test to fail
		}
	}
}

func (r *report) close() {
	if len(r.skips) > 0 {
		fmt.Fprintf(r.out, "\nSkipped, each for the reason beside it:\n  %s\n", strings.Join(r.skips, "\n  "))
	}
	fmt.Fprintf(r.out, "\n%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
}

// reason is what a skipped test said.
func reason(output []string) string {
	for _, line := range output {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			if _, text, found := strings.Cut(line, ".go:"); found {
				if _, said, found := strings.Cut(text, ": "); found {
					return said
				}
			}
			return line
		}
	}
	return "no reason given"
}
