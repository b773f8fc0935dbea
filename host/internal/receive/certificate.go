package receive

import (
	"crypto/tls"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// certificate is read again when its file changes, since certificates are
// renewed more often than hosts are restarted. One that cannot be read leaves
// the old one in use.
type certificate struct {
	cert, key string
	log       hclog.Logger

	mu     sync.Mutex
	loaded *tls.Certificate
	of     time.Time // when the file of what is loaded was written
	failed time.Time // when the file that was last complained of was; at first that of what is loaded
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	info, err := os.Stat(c.cert)
	if err == nil && c.loaded != nil && info.ModTime().Equal(c.of) {
		return c.loaded, nil
	}
	var pair tls.Certificate
	var written time.Time
	if err == nil {
		written = info.ModTime()
		pair, err = tls.LoadX509KeyPair(c.cert, c.key)
	}
	if err == nil {
		c.loaded, c.of, c.failed = &pair, written, written
		return c.loaded, nil
	}
	if c.loaded == nil {
		return nil, err
	}
	// It is tried again, since the key may be written after the certificate, but
	// told once.
	if !written.Equal(c.failed) {
		c.failed = written
		c.log.Error("the renewed certificate cannot be used; the old one stays", "error", err)
	}
	return c.loaded, nil
}
