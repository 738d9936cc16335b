/* SPDX-License-Identifier: Apache-2.0
 *
 * exact_strips.h: the parts of a coded original (docs/formats/mv.md, "Coded originals"):
 *
 *     head 24 | what is before the samples | of each strip: head, stream | what is after | SHA-256
 *
 * A strip of coding 1 is a whole frame in JPEG-LS; one of coding 2 is some rows of a frame, in
 * JPEG-LS or through the pixel coder, whichever is smaller. Its samples are coded as their distance
 * from the strip's lowest value, in as many bits as that needs: two's complement makes no jumps
 * then, and 12-bit values in 16-bit words cost nothing.
 */
#ifndef MV_EXACT_STRIPS_H
#define MV_EXACT_STRIPS_H

#include "codec/picture_coding.h"
#include "codec/raster.h"
#include "medveil/envelope.h"

enum { MV_EXACT_HEAD_LEN = 24, MV_EXACT_STRIP_HEAD_MAX = 9, MV_EXACT_DIGEST_LEN = 32 };
enum { MV_EXACT_KIND_JPEGLS = 1, MV_EXACT_KIND_PIXELS = 2 }; /* of a strip */

/* mv_exact_head_read: false: no such head for a file of this length */
void mv_exact_head_write(uint8_t out[MV_EXACT_HEAD_LEN], const mv_raster *r);
bool mv_exact_head_read(mv_raster *r, const uint8_t in[MV_EXACT_HEAD_LEN], uint64_t file_len);

/* Sample i of a frame as it lies in the file, as a number of its bits; those bits; how many samples
 * a raster of one frame has. */
uint32_t mv_exact_load(const mv_raster *r, const uint8_t *frame, size_t i);
uint32_t mv_exact_mask(const mv_raster *r);
size_t mv_exact_samples(const mv_raster *r);

/* How the frames are cut into strips of whole rows. */
typedef struct mv_exact_strips {
    mv_raster raster;
    uint32_t coding;
    uint32_t rows; /* of a strip; the last of a frame may have fewer */
    uint32_t per_frame;
} mv_exact_strips;

mv_exact_strips mv_exact_strips_of(const mv_raster *raster, uint32_t coding);

/* mv_exact_strip: strip k of the file as a raster of its own, whose place means nothing. */
mv_raster mv_exact_strip(const mv_exact_strips *strips, uint64_t k);
uint64_t mv_exact_strip_count(const mv_exact_strips *strips);

/* A strip's lowest sample as a number of its bits, and how far above it the highest is. */
typedef struct mv_exact_strip_head {
    uint32_t kind; /* KIND_..; in coding 1 it is not written */
    uint32_t len, lowest, range;
} mv_exact_strip_head;

/* mv_exact_strip_head_read: false: no such head for this strip. No stream of either kind is longer
 * than there would be room for in JPEG-LS. */
size_t mv_exact_strip_head_len(uint32_t coding);
void mv_exact_strip_head_write(uint8_t out[MV_EXACT_STRIP_HEAD_MAX], const mv_exact_strip_head *f,
                               uint32_t coding);
bool mv_exact_strip_head_read(mv_exact_strip_head *f, const uint8_t *in, const mv_raster *strip,
                              uint32_t coding);

/* A strip with this range as a picture for JPEG-LS. */
mv_jpegls_frame mv_exact_picture(const mv_raster *strip, uint32_t range);

/* mv_exact_rebuild: whole strips from number first on, each with its head, one after another, into
 * out, which has room for as many as there are heads. Called by the encoder for what it has just
 * made, in the sandboxed child, and by the fuzzer. */
bool mv_exact_rebuild(uint8_t *out, const mv_exact_strips *strips, uint64_t first, unsigned threads,
                      const uint8_t *batch, size_t len);

#endif
