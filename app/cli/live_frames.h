/* SPDX-License-Identifier: Apache-2.0
 *
 * live_frames.h: where the frames of a live stream go as they come: pictures in a folder, or raw
 * samples on standard output.
 */
#ifndef MV_CLI_LIVE_FRAMES_H
#define MV_CLI_LIVE_FRAMES_H

#include "medveil/live.h"
#include "paths.h"

#include <stdio.h>

/* Zero-initialise. A folder gets 000000.png, 000001.png, .. and embeddings.csv. */
typedef struct live_frames {
    char folder[PATH_SIZE]; /* "": standard output */
    bool json;              /* one line for each frame on standard output */
    bool quiet;             /* nothing is written at all: the frames are only looked at */
    FILE *embeddings;
    uint64_t embedded;
} live_frames;

/* live_frames_begin: folder NULL: standard output. errors: MV_E_IO, MV_E_LIMIT */
MV_MUST_CHECK mv_status live_frames_begin(live_frames *f, const char *folder, mv_error *err);
mv_live_watch live_frames_watch(live_frames *f);

/* live_frames_end: all of it is on disk. errors: MV_E_IO */
MV_MUST_CHECK mv_status live_frames_end(live_frames *f, mv_error *err);
void live_frames_clear(live_frames *f);

/* live_frames_check: the stream has its signed end; else MV_E_TRUNCATED with a sentence. */
MV_MUST_CHECK mv_status live_frames_check(const mv_live_info *info, mv_error *err);

/* live_frames_file: all of a live stream in the file at path into f; *info: how far that was.
 * errors: as mv_live_opener_write, MV_E_NOT_FOUND, MV_E_IO; not MV_E_TRUNCATED */
MV_MUST_CHECK mv_status live_frames_file(live_frames *f, mv_live_info *info, const char *path,
                                         const mv_identity *identity, mv_error *err);

/* live_frames_is_stream: whether the file at path begins like a live stream. */
bool live_frames_is_stream(const char *path);

#endif
