package ops

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestAnswersThatCannotBeTold: what no JSON can hold, such as a time of the year
// 10000, is a failure, and not an answer of nothing.
func TestAnswersThatCannotBeTold(t *testing.T) {
	w := httptest.NewRecorder()
	respond(w, Receivers{Since: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}, nil)
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), `"error"`) {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}
