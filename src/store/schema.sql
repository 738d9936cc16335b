-- SPDX-License-Identifier: Apache-2.0
--
-- schema.sql: what the relay knows of its files. One text for SQLite and PostgreSQL. Each "-- step"
-- is one version; migrate.c runs those that a store lacks, in order, each in a transaction.
-- Hashes, tags and names of uploads are 32 bytes.

-- step
CREATE TABLE counter (name TEXT PRIMARY KEY, value BIGINT NOT NULL);
INSERT INTO counter VALUES ('bytes', 0), ('served_s', 0), ('clock_s', 0);
-- bytes is what the files of a mailbox count, next_seq the number of its next file
CREATE TABLE mailbox (epoch BIGINT NOT NULL, tag BYTEA NOT NULL, next_seq BIGINT NOT NULL,
                      bytes BIGINT NOT NULL, PRIMARY KEY (epoch, tag));
-- one row for each file in blobs/; refs is how many rows of file name it
CREATE TABLE blob (hash BYTEA PRIMARY KEY, bytes BIGINT NOT NULL, refs BIGINT NOT NULL);
-- arrived_s in seconds that the relay has served, not by the wall clock
CREATE TABLE file (epoch BIGINT NOT NULL, tag BYTEA NOT NULL, seq BIGINT NOT NULL,
                   hash BYTEA NOT NULL, bytes BIGINT NOT NULL, arrived_s BIGINT NOT NULL,
                   PRIMARY KEY (epoch, tag, seq), UNIQUE (epoch, tag, hash));
CREATE INDEX file_hash ON file (hash);
CREATE INDEX file_arrived ON file (arrived_s);

-- step
CREATE TABLE receipt (epoch BIGINT NOT NULL, tag BYTEA NOT NULL, hash BYTEA NOT NULL,
                      body BYTEA NOT NULL, arrived_s BIGINT NOT NULL,
                      PRIMARY KEY (epoch, tag, hash));
-- uploads in parts, on their way; their bytes are in incoming/
CREATE TABLE upload (id BYTEA PRIMARY KEY, epoch BIGINT NOT NULL, tag BYTEA NOT NULL,
                     hash BYTEA NOT NULL, bytes BIGINT NOT NULL, arrived_s BIGINT NOT NULL);

-- step
-- live streams; hash is 32 zeros until a stream has ended, bytes what room is kept for it until then
CREATE TABLE stream (id BYTEA PRIMARY KEY, epoch BIGINT NOT NULL, tag BYTEA NOT NULL,
                     seq BIGINT NOT NULL, hash BYTEA NOT NULL, bytes BIGINT NOT NULL);
