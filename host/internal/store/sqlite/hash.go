package sqlite

import (
	"encoding/binary"
	"errors"

	"github.com/dchest/siphash"
	"zombiezen.com/go/sqlite"
)

// salt is the secret with which a store hashes ids and keys, so that nobody can
// send a lot of them that have one hash.
type salt struct{ k0, k1 uint64 }

func readSalt(conn *sqlite.Conn) (s salt, err error) {
	err = prepare(conn, "SELECT salt FROM salt").each(func(v *values) {
		data := v.blob()
		if len(data) != 16 {
			v.err = damaged(errors.New("its salt is not of 16 bytes"))
			return
		}
		s = salt{binary.LittleEndian.Uint64(data), binary.LittleEndian.Uint64(data[8:])}
	})
	return s, err
}

func (s salt) ofID(id eventID) uint64 {
	var room [128]byte
	data := append(room[:0], id.source...)
	data = append(data, 0) // which is in no source's name
	return siphash.Hash(s.k0, s.k1, append(data, id.id...))
}

func (s salt) ofKey(key string) uint64 {
	var room [128]byte
	return siphash.Hash(s.k0, s.k1, append(room[:0], key...))
}
