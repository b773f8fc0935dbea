package receive

import (
	"net/http"
	"sync/atomic"
	"time"
)

// room is the memory that all requests may take together, their headers and bodies.
// Whom they are from is not known while they are read: without it a stranger who keeps
// many connections open would have the host use up the machine's memory.
type room struct {
	most  int64
	taken atomic.Int64
}

// roomForAll lets each of the usual max_connections bring a small body. The process
// takes up to two and a half times as much, until garbage is collected.
const roomForAll = 256 << 20

// take has a request that holds some bytes hold more. Who is alone is let in,
// however large max_body is.
func (m *room) take(held, more int64) error {
	if taken := m.taken.Add(more); taken <= m.most || taken == held+more {
		return nil
	}
	m.taken.Add(-more)
	no := refuse(http.StatusServiceUnavailable, "busy", "More requests are in hand than there is memory for. Send it again later.")
	no.after = time.Second
	return no
}

func (m *room) leave(held int64) { m.taken.Add(-held) }
