package ops

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestATrialMayBeAsLargeAsTheReceiverTakes: what is a little larger the receiver
// itself refuses, as it would the sender.
func TestATrialMayBeAsLargeAsTheReceiverTakes(t *testing.T) {
	for size, want := range map[int]string{
		9 << 20: `{"status":400,`, 10<<20 + 1: `{"status":400,`, // the fake refuses what it does not know
		14 << 20: `{"error":"the body is larger than the 10485760 bytes that receiver pim takes at once: test it with less, or raise its max_body"}`,
	} {
		text, err := json.Marshal(TrialRequest{Body: bytes.Repeat([]byte("a"), size)})
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld()
		w.deps.Receivers = func() []ReceiverStatus { return []ReceiverStatus{{Name: "pim", MaxBody: 10 << 20}} }
		if got := post(t, w, "/v1/receivers/pim/test", string(text)); !strings.HasPrefix(got.Body.String(), want) {
			t.Errorf("%d bytes: %d %.200s", size, got.Code, got.Body)
		}
	}
	got := post(t, newWorld(), "/v1/connectors/shop/retry", `{"keys":["`+strings.Repeat("a", 5<<20)+`"]}`)
	if got.Code != http.StatusRequestEntityTooLarge || !strings.Contains(got.Body.String(), "larger than the 4194304 bytes") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}
