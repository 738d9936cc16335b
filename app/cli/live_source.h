/* SPDX-License-Identifier: Apache-2.0
 *
 * live_source.h: where the frames of a live stream come from: raw samples on standard input, as
 * they come, or the slices or frames of an image file at a steady pace.
 */
#ifndef MV_CLI_LIVE_SOURCE_H
#define MV_CLI_LIVE_SOURCE_H

#include "cli.h"
#include "medveil/live.h"

/* Zero-initialise; every path ends in live_source_close. */
typedef struct live_source {
    mv_live_format format;
    mv_image file;    /* of a file; else no samples */
    uint8_t *samples; /* room for a frame of standard input */
    double frame_ms;  /* of a file: from one frame to the next; 0: as fast as it goes */
    double started_ms;
    uint64_t next;
    bool broke; /* standard input ended in the middle of a frame */
} live_source;

/* live_source_open: path "-" is standard input, in the shape that --size, --channels and --bits
 * say. errors: MV_E_ARGUMENT (an option), MV_E_UNSUPPORTED (samples with a sign or real numbers),
 * those of mv_image_load */
MV_MUST_CHECK mv_status live_source_open(live_source *s, const cli_args *args, const char *path,
                                         mv_error *err);

/* live_source_next: waits for the next frame; *frame borrows from s. False: there is none, or the
 * user has interrupted. errors: MV_E_IO */
MV_MUST_CHECK mv_status live_source_next(live_source *s, mv_live_frame *frame, bool *there,
                                         mv_error *err);
uint64_t live_source_time_us(const live_source *s); /* since the first call of next */
void live_source_close(live_source *s);

#endif
