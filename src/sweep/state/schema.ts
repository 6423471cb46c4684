/** Of the tables below: a database of another version is refused. */
export const SCHEMA_VERSION = 1;

export const SCHEMA = `
  CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;

  CREATE TABLE logs (
    name TEXT PRIMARY KEY, checkpoint TEXT NOT NULL, keys TEXT NOT NULL, sealed TEXT NOT NULL, next_by TEXT,
    closed INTEGER NOT NULL, seen_at TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE notes (
    observer TEXT NOT NULL, log TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (observer, log)
  ) WITHOUT ROWID;

  CREATE TABLE passes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, round TEXT NOT NULL, log TEXT NOT NULL, shard TEXT NOT NULL,
    started_at TEXT NOT NULL, finished_at TEXT, next_block INTEGER NOT NULL
  );
  CREATE UNIQUE INDEX passes_under_way ON passes (round, log, shard) WHERE finished_at IS NULL;
  CREATE TABLE pass_done (pass INTEGER NOT NULL, manifest INTEGER NOT NULL, PRIMARY KEY (pass, manifest)) WITHOUT ROWID;
  CREATE TABLE pass_found (pass INTEGER NOT NULL, finding TEXT NOT NULL, PRIMARY KEY (pass, finding)) WITHOUT ROWID;

  -- One row an episode: from when a finding opened until it was closed.
  CREATE TABLE findings (
    episode INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, finding TEXT NOT NULL, log TEXT NOT NULL,
    first_seen TEXT NOT NULL, last_seen TEXT NOT NULL, closed_at TEXT,
    -- The subject of the alarm that told of it: its own id, that of an alarm for many, or null where none did.
    told TEXT, reminded INTEGER NOT NULL DEFAULT 0,
    ack_by TEXT, ack_why TEXT, ack_at TEXT, ack_until TEXT
  );
  CREATE UNIQUE INDEX findings_open ON findings (id) WHERE closed_at IS NULL;
  CREATE INDEX findings_by_log ON findings (log) WHERE closed_at IS NULL;
  CREATE INDEX findings_told ON findings (told) WHERE closed_at IS NULL;
  CREATE INDEX findings_closed ON findings (closed_at) WHERE closed_at IS NOT NULL;

  -- Where an open finding was seen, and by which round. Block -1: the log as a whole.
  CREATE TABLE sightings (
    finding TEXT NOT NULL, log TEXT NOT NULL, block INTEGER NOT NULL, round TEXT NOT NULL,
    PRIMARY KEY (finding, log, block, round)
  ) WITHOUT ROWID;
  CREATE INDEX sightings_by_place ON sightings (log, block);

  -- What the sweep under way has told of single findings, and what it holds back for one alarm.
  CREATE TABLE told_now (log TEXT PRIMARY KEY, alarms INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE held_back (finding TEXT PRIMARY KEY, log TEXT NOT NULL) WITHOUT ROWID;

  CREATE TABLE changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT NOT NULL, episode INTEGER NOT NULL
  );
  CREATE TABLE alarms (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, alarm TEXT NOT NULL);
  CREATE TABLE reports (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, line TEXT NOT NULL);
`;
