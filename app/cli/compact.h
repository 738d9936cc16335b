/* SPDX-License-Identifier: Apache-2.0
 *
 * compact.h: compact mode (medveil/veil.h) for encrypt and decrypt.
 */
#ifndef MV_CLI_COMPACT_H
#define MV_CLI_COMPACT_H

#include "cli.h"
#include "medveil/envelope.h"
#include "medveil/veil.h"
#include "ui.h"

#define COMPACT_OPTIONS                                                                            \
    {"compact", 0, NULL,                                                                           \
     "send a compact image in place of features: far fewer bytes, nothing computed on them"},      \
        {"quality", 0, "Q", "of --compact, 1 to 100: 10 more halve the step (default: 50)"},       \
        {"target-psnr", 0, "DB", "of --compact: the fewest bytes that reach this PSNR"},           \
    {                                                                                              \
        "target-bytes", 0, "N", "of --compact: the best quality in at most N bytes"                \
    }

/* Zero-initialise. One image's compact form at a time. */
typedef struct compact {
    bool wanted; /* --compact was given */
    bool he;     /* and --he, or --form: under homomorphic encryption all the same */
    mv_veil *veil;
    mv_veil_opts opts;
    uint8_t *bytes; /* of the image in hand; NULL: none */
    size_t len;
    mv_veil_stats stats;
} compact;

/* compact_parse: false, with a sentence, when the options do not fit together. */
bool compact_parse(compact *c, const cli_args *args);

/* compact_load: the networks that --model names, or those of the search path. */
MV_MUST_CHECK mv_status compact_load(compact *c, const cli_args *args, mv_error *err);

/* compact_encode: c->bytes, and in code the description of the image; --resize by codec. */
MV_MUST_CHECK mv_status compact_encode(compact *c, mv_code *code, const mv_image *image,
                                       const mv_codec_opts *codec, mv_error *err);
void compact_forget(compact *c); /* the image in hand; wipes */
void compact_clear(compact *c);

json_t *compact_json(const compact *c); /* {"psnr_db", "step", "bytes"}, or null */

/* compact_open: the image of member i's compact form. model: a file, or NULL. */
MV_MUST_CHECK mv_status compact_open(mv_image *out, mv_opener *opener, size_t i, const char *model,
                                     unsigned threads, mv_error *err);

#endif
