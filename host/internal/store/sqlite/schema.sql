-- Positions and times are integers: a place in the journal, and microseconds
-- since 1970. Lists of field paths are text, one path a line. Products are in
-- the wire form of the connector contract (message Product).

CREATE TABLE events (
  seq      INTEGER PRIMARY KEY,
  source   TEXT NOT NULL,
  id       TEXT NOT NULL,
  key      TEXT NOT NULL,
  op       TEXT NOT NULL,
  time     INTEGER NOT NULL, -- by the source's clock
  accepted INTEGER NOT NULL, -- by ours
  hint     INTEGER NOT NULL, -- 0: it is news; 1: a hint; hints from a destination: 2: an echo, 3: a change there
  deleted  INTEGER NOT NULL, -- the product is gone at its source
  fields   TEXT NOT NULL,    -- what this event changed
  product  BLOB NOT NULL,    -- as of this event, after the merge
  raw      BLOB              -- JSON, of events that map to no product
) STRICT;

-- Where in the journal an id or a key is: see runs.go. Each event is in one run.
CREATE TABLE runs (
  last  INTEGER PRIMARY KEY, -- positions: from first to last
  first INTEGER NOT NULL,
  count INTEGER NOT NULL,
  bits  INTEGER NOT NULL -- of a hash that choose its bucket
) STRICT;
CREATE TABLE buckets (
  id   INTEGER PRIMARY KEY, -- of the run, whether by id or by key, and of the hash
  refs BLOB NOT NULL        -- hashes with positions, sorted
) STRICT;

-- The catalog says where in the journal each product's latest state is. That
-- entry is never pruned.
CREATE TABLE products (
  key     TEXT NOT NULL UNIQUE,
  seq     INTEGER NOT NULL, -- of its last change
  changed INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  known   TEXT NOT NULL  -- field paths that the source has ever spoken of
) STRICT;
CREATE INDEX products_seq ON products (seq);

CREATE TABLE lanes (
  connector TEXT PRIMARY KEY,
  cursor    INTEGER NOT NULL,
  open      BLOB NOT NULL,    -- positions up to the cursor that are not done: differences as varints
  state     TEXT NOT NULL,
  reason    TEXT NOT NULL,
  policy    TEXT NOT NULL
) STRICT;

CREATE TABLE links (
  connector TEXT NOT NULL,
  key       TEXT NOT NULL,
  remote    TEXT NOT NULL,
  version   TEXT NOT NULL,
  base      BLOB, -- as the platform stores what it has from us
  sent      BLOB, -- as we sent it, where that differs
  archived  INTEGER NOT NULL,
  state     TEXT NOT NULL,
  seq       INTEGER NOT NULL,
  attempts  INTEGER NOT NULL,
  next      INTEGER NOT NULL,
  unknown   INTEGER NOT NULL,
  reason    TEXT NOT NULL,
  edited    TEXT NOT NULL, -- field paths that are left to the person who changed them there
  restore   BLOB,          -- JSON, what an operator wants back
  contended BLOB,          -- JSON, how often it was found otherwise than it was written
  changed   INTEGER NOT NULL,
  UNIQUE (connector, key)
) STRICT;
CREATE INDEX links_remote ON links (connector, remote) WHERE remote <> '';
CREATE INDEX links_behind ON links (connector, state, next) WHERE state <> '';
CREATE INDEX links_contended ON links (connector, key) WHERE contended IS NOT NULL;
CREATE INDEX links_needing ON links (key, seq) WHERE state <> ''; -- what pruning leaves to them

CREATE TABLE deliveries (
  id        INTEGER PRIMARY KEY,
  connector TEXT NOT NULL,
  key       TEXT NOT NULL,
  seq       INTEGER NOT NULL,
  change_id TEXT NOT NULL,
  op        TEXT NOT NULL,
  fields    TEXT NOT NULL,
  attempt   INTEGER NOT NULL,
  at        INTEGER NOT NULL,
  took      INTEGER NOT NULL,
  outcome   TEXT NOT NULL,
  kind      TEXT NOT NULL,
  message   TEXT NOT NULL,
  request   TEXT NOT NULL,
  response  TEXT NOT NULL,
  status    INTEGER NOT NULL,
  before    BLOB,
  wanted    BLOB
) STRICT;
-- By seq, which grows, rather than by key, which would touch a page of the index
-- for each row; a product's deliveries are found through its events.
CREATE INDEX deliveries_seq ON deliveries (seq);

-- What listings of sources and destinations have seen.
CREATE TABLE listings (
  connector  TEXT NOT NULL,
  purpose    TEXT NOT NULL,
  run        INTEGER NOT NULL,
  started    INTEGER NOT NULL,
  ended      INTEGER NOT NULL, -- 0: it is under way
  cursor     TEXT NOT NULL,
  pages      INTEGER NOT NULL,
  items      INTEGER NOT NULL,
  catalog    INTEGER NOT NULL,
  plan       INTEGER NOT NULL,
  last_items INTEGER NOT NULL,
  since      INTEGER NOT NULL,
  whole      INTEGER NOT NULL,
  PRIMARY KEY (connector, purpose)
) STRICT, WITHOUT ROWID;
CREATE TABLE sightings (
  connector TEXT NOT NULL,
  purpose   TEXT NOT NULL,
  remote    TEXT NOT NULL,
  key       TEXT NOT NULL, -- empty: none of ours
  run       INTEGER NOT NULL,
  at        INTEGER NOT NULL,
  PRIMARY KEY (connector, purpose, remote)
) STRICT, WITHOUT ROWID;
CREATE INDEX sightings_key ON sightings (connector, purpose, key) WHERE key <> '';

-- Codes as they are compared for adoption, by the rule that made them.
CREATE TABLE codings (
  connector TEXT PRIMARY KEY,
  rule      TEXT NOT NULL,
  upto      INTEGER NOT NULL -- position in the catalog
) STRICT;
CREATE TABLE codes (
  connector TEXT NOT NULL,
  key       TEXT NOT NULL,
  code      TEXT NOT NULL,
  PRIMARY KEY (connector, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX codes_code ON codes (connector, code);

CREATE TABLE plans (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  connector TEXT NOT NULL,
  started   INTEGER NOT NULL,
  made      INTEGER NOT NULL, -- 0: it is being made
  state     TEXT NOT NULL,
  reason    TEXT NOT NULL,
  first     INTEGER NOT NULL,
  hash      TEXT NOT NULL,
  product   TEXT NOT NULL,
  only      TEXT NOT NULL
) STRICT;
CREATE TABLE plan_items (
  plan    INTEGER NOT NULL,
  key     TEXT NOT NULL,
  remote  TEXT NOT NULL,
  name    TEXT NOT NULL,
  code    TEXT NOT NULL,
  kind    TEXT NOT NULL,
  op      TEXT NOT NULL,
  seq     INTEGER NOT NULL,
  finding BLOB NOT NULL,
  state   TEXT NOT NULL,
  reason  TEXT NOT NULL,
  PRIMARY KEY (plan, key, remote)
) STRICT, WITHOUT ROWID;

-- The last run of each scheduled job.
CREATE TABLE jobs (
  job       TEXT PRIMARY KEY,
  schedule  TEXT NOT NULL,
  due       INTEGER NOT NULL,
  passed    INTEGER NOT NULL, -- its times up to here are done with
  started   INTEGER NOT NULL, -- 0: it has not run yet
  ended     INTEGER NOT NULL, -- 0: it is running, or the host died meanwhile
  outcome   TEXT NOT NULL,
  message   TEXT NOT NULL,
  attempt   INTEGER NOT NULL,
  skipped   INTEGER NOT NULL,
  succeeded INTEGER NOT NULL
) STRICT;

-- Up to which segment of the log the tables have taken it over.
CREATE TABLE log (segment INTEGER NOT NULL) STRICT;
INSERT INTO log VALUES (0);

-- What keeps others from choosing ids whose hashes are the same.
CREATE TABLE salt (salt BLOB NOT NULL) STRICT;
INSERT INTO salt VALUES (randomblob(16));
