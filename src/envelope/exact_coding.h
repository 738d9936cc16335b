/* SPDX-License-Identifier: Apache-2.0
 *
 * exact_coding.h: a file with raw samples as those samples in JPEG-LS or through the pixel coder
 * and everything else as it is, and the file again from that; docs/formats/mv.md, section "Coded
 * originals", has the bytes.
 *
 * The sealer uses a coding only after it has rebuilt the file from it and compared; otherwise the
 * file travels as it is. Both directions work strip by strip (exact_strips.h). Streams of others
 * are decoded in sandboxed children (exact_apart.h), those that the sealer has just made itself in
 * the process.
 */
#ifndef MV_EXACT_CODING_H
#define MV_EXACT_CODING_H

#include "codec/raster.h"
#include "medveil/envelope.h"

#define MV_MAX_ERROR_LIMIT 255u

typedef struct mv_exact_opts {
    uint32_t max_error;     /* not 0: samples may come back different, none by more than that */
    mv_exact_choice choice; /* of coders */
    unsigned threads;       /* of the pixel coder; 0: as many as there are processors */
} mv_exact_opts;

/* mv_exact_encode: source in its coding, into the sink. *coding MV_CODING_NONE: it has no raw
 * samples, or the coding would not be smaller, or does not rebuild; what the sink got is then worth
 * nothing. Else it is MV_CODING_RASTER for MV_EXACT_JPEGLS, MV_CODING_STRIPS for the others.
 * errors: MV_E_MEMORY; with a max_error also MV_E_UNSUPPORTED (no raw samples), MV_E_INTERNAL (not
 * within it); those of source and sink */
MV_MUST_CHECK mv_status mv_exact_encode(uint32_t *coding, uint64_t *coded_len, const mv_sink *out,
                                        const mv_source *source, const mv_exact_opts *opts,
                                        mv_error *err);

/* Takes the coding, piece by piece, and gives the file on. */
typedef struct mv_exact_decoder mv_exact_decoder;

/* mv_exact_decoder_new: coding is MV_CODING_RASTER or MV_CODING_STRIPS; the sink is borrowed.
 * errors: MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_exact_decoder_new(mv_exact_decoder **out, uint32_t coding,
                                             uint64_t file_len, const mv_sink *to);
void mv_exact_decoder_free(mv_exact_decoder **decoder);

/* mv_exact_decoder_write: a sink's write, user is the decoder.
 * errors: MV_E_FORMAT (no such coding), MV_E_LIMIT, MV_E_POLICY (no sandbox), MV_E_MEMORY, those of
 * the sink */
MV_MUST_CHECK mv_status mv_exact_decoder_write(void *decoder, const uint8_t *bytes, size_t len,
                                               mv_error *err);

/* mv_exact_decoder_end: all has come, and the file that was given on is the one that was sealed.
 * errors: MV_E_FORMAT */
MV_MUST_CHECK mv_status mv_exact_decoder_end(mv_exact_decoder *decoder, mv_error *err);

/* For the encoder, whose decoder goes along. mv_exact_decoder_trust: the streams were made in this
 * process a moment ago, and are rebuilt in it. mv_exact_decoder_digest: SHA-256 of the file so far,
 * which goes no further; false: libcrypto failed. */
void mv_exact_decoder_trust(mv_exact_decoder *decoder);
MV_MUST_CHECK bool mv_exact_decoder_digest(uint8_t out[32], const mv_exact_decoder *decoder);

#endif
