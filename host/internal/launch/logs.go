package launch

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/time/rate"
)

// What a connector may log. Beyond linesPerSecond lines are counted and
// dropped; beyond bytesPerSecond they are not even read, so that a flood blocks
// the process that makes it and costs the host next to nothing.
const (
	maxLine        = 8 << 10
	linesPerSecond = 200
	lineBurst      = 2000
	bytesPerSecond = 2 << 20
	byteBurst      = 4 << 20
	keptLines      = 100
)

// logs takes what a connector's process writes: it passes it on to the host's
// log with secrets masked, and keeps the last lines for the crash report.
type logs struct {
	log   hclog.Logger
	level hclog.Level // what is below it is dropped
	lines *rate.Limiter
	bytes *rate.Limiter
	drop  func(n int) // told how many lines were dropped

	mu      sync.Mutex
	mask    *strings.Replacer
	tail    []string  // the last keptLines lines, not masked
	told    time.Time // of what was dropped
	dropped int       // since last told
}

func newLogs(log hclog.Logger, level hclog.Level, drop func(n int)) *logs {
	return &logs{
		log:   log,
		level: level,
		lines: rate.NewLimiter(linesPerSecond, lineBurst),
		bytes: rate.NewLimiter(bytesPerSecond, byteBurst),
		drop:  drop,
		mask:  newMasker(nil),
	}
}

// hide masks these texts from now on, also in lines that are already kept.
func (l *logs) hide(secrets []string) {
	masker := newMasker(secrets)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mask = masker
}

// masked is a text of one or more lines as it may be shown.
func (l *logs) masked(text string) string {
	l.mu.Lock()
	masker := l.mask
	l.mu.Unlock()
	text = masker.Replace(text)
	if strings.IndexFunc(text, func(r rune) bool { return drives(r) && r != '\n' }) < 0 {
		return text
	}
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = plain(lines[i])
	}
	return strings.Join(lines, "\n")
}

// last are the last lines that the process wrote, masked.
func (l *logs) last() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := make([]string, len(l.tail))
	for i, line := range l.tail {
		lines[i] = plain(l.mask.Replace(line))
	}
	return lines
}

// lastWords are the few of a dead process's last lines that tell most of why:
// the end of them, or the beginning of a panic, which the stack comes after.
func lastWords(lines []string) []string {
	const most = 10
	for i, line := range lines {
		if strings.HasPrefix(line, "[WARN] panic: ") || strings.HasPrefix(line, "[WARN] fatal error: ") {
			return lines[i:min(i+most, len(lines))]
		}
	}
	return lines[max(0, len(lines)-most):]
}

// forget drops the kept lines: those of a process before this one.
func (l *logs) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = nil
}

// drain reads lines from r until it ends. Lines that are no log records count
// as written at level other.
func (l *logs) drain(r io.Reader, other hclog.Level) {
	reader := bufio.NewReaderSize(r, maxLine)
	for cut := false; ; {
		line, err := reader.ReadSlice('\n')
		if len(line) > 0 {
			// The wait is short, and cannot fail: a line is less than the burst.
			_ = l.bytes.WaitN(context.Background(), len(line))
		}
		if !cut && len(line) > 0 {
			l.take(bytes.TrimRight(line, "\r\n"), other)
		}
		cut = errors.Is(err, bufio.ErrBufferFull) // the rest of a long line is skipped
		if err != nil && !cut {
			break
		}
	}
	l.tellDropped(true)
}

// take handles one line.
func (l *logs) take(line []byte, other hclog.Level) {
	rec := parse(line, other)
	l.mu.Lock()
	l.tail = append(l.tail, rec.String())
	if len(l.tail) > keptLines {
		l.tail = slices.Delete(l.tail, 0, 1)
	}
	masker := l.mask
	l.mu.Unlock()

	if rec.level < l.level || rec.level < l.log.GetLevel() {
		return
	}
	if !l.lines.Allow() {
		l.mu.Lock()
		l.dropped++
		l.mu.Unlock()
		return
	}
	l.tellDropped(false)
	args := make([]any, len(rec.args))
	for i, arg := range rec.args {
		args[i] = clean(arg, masker)
	}
	l.log.Log(rec.level, plain(masker.Replace(rec.message)), args...)
}

// tellDropped tells how many lines were dropped since it last did: once a
// second at most, unless the process has ended.
func (l *logs) tellDropped(ended bool) {
	l.mu.Lock()
	if !ended && time.Since(l.told) < time.Second {
		l.mu.Unlock()
		return
	}
	n := l.dropped
	if l.dropped = 0; n > 0 {
		l.told = time.Now()
	}
	l.mu.Unlock()
	if n > 0 {
		l.drop(n)
		l.log.Warn("log lines dropped: the connector writes too many", "lines", n, "limit", fmt.Sprintf("%d/s", linesPerSecond))
	}
}

// record is one line that a connector wrote.
type record struct {
	level   hclog.Level
	message string
	args    []any // keys and values in turn, by key
}

// parse reads a line as hclog writes it in JSON; any other line is a record of
// level other.
func parse(line []byte, other hclog.Level) record {
	raw := record{level: other, message: string(line)}
	if !bytes.HasPrefix(line, []byte("{")) {
		return raw
	}
	var fields map[string]any
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	if err := dec.Decode(&fields); err != nil {
		return raw
	}
	name, _ := fields["@level"].(string)
	rec := record{level: hclog.LevelFromString(name)}
	if rec.level < hclog.Trace || rec.level > hclog.Error {
		return raw
	}
	rec.message, _ = fields["@message"].(string)
	for _, own := range []string{"@level", "@message", "@timestamp", "@module"} {
		delete(fields, own) // the host's logger adds its own
	}
	keys := make([]string, 0, len(fields))
	for key := range fields {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		rec.args = append(rec.args, key, fields[key])
	}
	return rec
}

// String is the record as one line for people.
func (r record) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "[%s] %s", strings.ToUpper(r.level.String()), r.message)
	for i := 0; i+1 < len(r.args); i += 2 {
		fmt.Fprintf(&b, " %v=%v", r.args[i], r.args[i+1])
	}
	return b.String()
}

// clean is a value of a record as it may be shown.
func clean(v any, masker *strings.Replacer) any {
	switch v := v.(type) {
	case string:
		return plain(masker.Replace(v))
	case json.Number:
		return masker.Replace(v.String())
	case []any:
		shown := make([]any, len(v))
		for i, item := range v {
			shown[i] = clean(item, masker)
		}
		return shown
	case map[string]any:
		shown := make(map[string]any, len(v))
		for key, item := range v {
			shown[plain(masker.Replace(key))] = clean(item, masker)
		}
		return shown
	}
	return v
}

// plain takes out what would let a text forge log lines or drive a terminal.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if drives(r) {
			return ' '
		}
		return r
	}, text)
}

// drives says whether r does something rather than show something.
func drives(r rune) bool { return unicode.IsControl(r) && r != '\t' }
