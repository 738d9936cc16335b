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

-- step
-- galleries of encrypted embeddings; name is the key that their holder signs with, sender the one
-- of those who may add rows. version counts the changes of log and parts
CREATE TABLE gallery (name BYTEA PRIMARY KEY, sender BYTEA NOT NULL, blocks BIGINT NOT NULL,
                      version BIGINT NOT NULL);
CREATE TABLE gallery_record (name BYTEA NOT NULL, seq BIGINT NOT NULL, body BYTEA NOT NULL,
                             PRIMARY KEY (name, seq));
-- each has a reference on a blob, and is charged to the mailbox of epoch 0 and this name; kind 0:
-- keys, 1: group, 2: block, 3: key for private models
CREATE TABLE gallery_part (name BYTEA NOT NULL, kind BIGINT NOT NULL, number BIGINT NOT NULL,
                           hash BYTEA NOT NULL, bytes BIGINT NOT NULL,
                           PRIMARY KEY (name, kind, number));
-- questions that a key has asked: of a gallery (about all zeros), or of a model by its hash
CREATE TABLE gallery_asked (name BYTEA NOT NULL, about BYTEA NOT NULL, questions BIGINT NOT NULL,
                            PRIMARY KEY (name, about));
