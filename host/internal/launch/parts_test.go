package launch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
)

// output is a log that tests read.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	wake chan struct{}
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.wake != nil {
		close(o.wake)
		o.wake = nil
	}
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func TestPace(t *testing.T) {
	type end struct {
		after time.Duration // since the end before
		ready time.Duration
		crash bool
	}
	repeat := func(n int, e end) []end { return slices.Repeat([]end{e}, n) }
	for name, c := range map[string]struct {
		ends  []end
		wait  time.Duration // before jitter
		blown bool
	}{
		"the first":                    {[]end{{crash: true}}, 250 * time.Millisecond, false},
		"the third":                    {repeat(3, end{crash: true}), time.Second, false},
		"one too few for the fuse":     {repeat(7, end{crash: true}), 16 * time.Second, false},
		"the fuse":                     {repeat(8, end{crash: true}), 32 * time.Second, true},
		"waits have a limit":           {repeat(30, end{}), time.Minute, false},
		"a platform's trouble":         {append(repeat(20, end{}), end{crash: true}), time.Minute, false},
		"spread out":                   {repeat(30, end{after: time.Minute, crash: true}), time.Minute, false},
		"settled in between":           {append(repeat(7, end{crash: true}), end{ready: settled, crash: true}), 32 * time.Second, false},
		"not quite settled in between": {append(repeat(7, end{crash: true}), end{ready: settled - 1, crash: true}), 32 * time.Second, true},
		"calm in between":              {append(repeat(7, end{crash: true}), end{ready: calm, crash: true}), 250 * time.Millisecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var p pace
				var wait time.Duration
				var blown bool
				for _, e := range c.ends {
					time.Sleep(e.after)
					wait, blown = p.failed(time.Now(), e.ready, e.crash)
				}
				if wait > c.wait || wait < c.wait/2 || blown != c.blown {
					t.Errorf("wait %s, blown %v; want up to a half less than %s, %v", wait, blown, c.wait, c.blown)
				}
			})
		})
	}
}

func TestMask(t *testing.T) {
	const key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\n-----END KEY-----\n"
	masker := newMasker([]string{"p@ss/w&rd+\"", "pass", "longer-pass", "abc", "", key})
	for text, want := range map[string]string{
		`p@ss/w&rd+"`:                          "***",
		"?t=p%40ss%2Fw%26rd%2B%22&x":           "?t=***&x",
		"/p@ss%2Fw&rd+%22/x":                   "/***/x",
		`{"t":"p@ss/w\u0026rd+\""}`:            `{"t":"***"}`,
		`{"t":"p@ss/w&rd+\""}`:                 `{"t":"***"}`,
		"Basic cEBzcy93JnJkKyI=":               "Basic ***",
		"a longer-pass, a pass":                "a ***, a ***",
		"abc is too short to be worth hiding":  "abc is too short to be worth hiding",
		"MIIEvQIBADANBg":                       "***",
		"line 2: MIIEvQIBADANBg\nand no other": "line 2: ***\nand no other",
	} {
		if got := masker.Replace(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestParse(t *testing.T) {
	for line, want := range map[string]string{
		`{"@level":"info","@message":"sent","@module":"webhook","@timestamp":"2026-01-01T00:00:00Z","n":12345678901234567890,"k":"v"}`: "[INFO] sent k=v n=12345678901234567890",
		`{"@level":"error","@message":"a\nb"}`: "[ERROR] a\nb",
		`{"@level":"loud","@message":"a"}`:     `[WARN] {"@level":"loud","@message":"a"}`,
		`{"@level":"off","@message":"a"}`:      `[WARN] {"@level":"off","@message":"a"}`,
		`{"message":"a"}`:                      `[WARN] {"message":"a"}`,
		`{"@level":"info"`:                     `[WARN] {"@level":"info"`,
		`panic: no`:                            "[WARN] panic: no",
		``:                                     "[WARN] ",
	} {
		if got := parse([]byte(line), hclog.Warn).String(); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", line, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"@level":"info","@message":"m","a":{"b":["secret",1]}}`))
	f.Add([]byte("panic: secret\x1b[31m"))
	masker := newMasker([]string{"secret"})
	f.Fuzz(func(t *testing.T, line []byte) {
		rec := parse(line, hclog.Warn)
		if rec.level < hclog.Trace || rec.level > hclog.Error || len(rec.args)%2 != 0 {
			t.Fatalf("%+v", rec)
		}
		for _, arg := range rec.args[:len(rec.args)/2*2] {
			shown, err := json.Marshal(clean(arg, masker))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(shown), "secret") {
				t.Errorf("%s shows a secret", shown)
			}
		}
		if message := plain(rec.message); strings.ContainsAny(message, "\n\r\x1b") {
			t.Errorf("%q can forge lines", message)
		}
	})
}

// A flood: what is over the limit is dropped and counted, the last lines are
// kept, and reading slows down to the limit.
func TestFloodIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		dropped := 0
		l := newLogs(hclog.New(&hclog.LoggerOptions{Output: &out}), hclog.NoLevel, func(n int) { dropped += n })
		const lines, length = 100_000, 100
		var flood strings.Builder
		for i := range lines {
			fmt.Fprintf(&flood, "%0*d\n", length-1, i)
		}
		began := time.Now()
		l.drain(strings.NewReader(flood.String()), hclog.Info)
		took := time.Since(began)

		want := time.Duration(lines*length-byteBurst) * time.Second / bytesPerSecond
		if took < want-time.Second || took > want+time.Second {
			t.Errorf("took %s, want about %s", took, want)
		}
		logged := strings.Count(out.String(), "[INFO]")
		if most := lineBurst + linesPerSecond*(int(took.Seconds())+1); logged > most || logged < lineBurst {
			t.Errorf("%d lines logged, want %d to %d", logged, lineBurst, most)
		}
		if logged+dropped != lines {
			t.Errorf("%d logged and %d dropped of %d", logged, dropped, lines)
		}
		last := l.last()
		if len(last) != keptLines || !strings.HasSuffix(last[keptLines-1], fmt.Sprint(lines-1)) {
			t.Errorf("kept %d lines up to %q", len(last), last[len(last)-1])
		}
	})
}

func TestLongLinesAreCut(t *testing.T) {
	var out output
	l := newLogs(hclog.New(&hclog.LoggerOptions{Output: &out}), hclog.NoLevel, nil)
	l.drain(strings.NewReader("short\n"+strings.Repeat("long", 1<<20)+"\nafter\nwithout an end"), hclog.Info)
	var lengths []int
	for _, line := range l.last() {
		lengths = append(lengths, len(line)-len("[INFO] "))
	}
	if diff := cmp.Diff([]int{5, maxLine, 5, 14}, lengths); diff != "" {
		t.Error(diff)
	}
}
