/* SPDX-License-Identifier: Apache-2.0
 *
 * exact_decode.c: a coded original, piece by piece, and the file given on as strips are rebuilt.
 */
#include "base/bytes.h"
#include "base/cpu.h"
#include "base/secret.h"
#include "derive.h"
#include "envelope_io.h"
#include "exact_apart.h"
#include "exact_coding.h"
#include "exact_strips.h"

#include <openssl/evp.h>
#include <string.h>

#define BATCH_LEN ((size_t)4 << 20) /* rebuilt bytes */

typedef enum stage { HEAD, BEFORE, STRIP_HEAD, STRIP, AFTER, DIGEST, DONE } stage;

struct mv_exact_decoder {
    const mv_sink *to;
    uint64_t file_len;
    bool own; /* the encoder's: its streams were made a moment ago, in this process */
    stage stage;
    uint64_t left; /* bytes of this stage still to come */
    uint8_t item[MV_EXACT_DIGEST_LEN];
    uint32_t coding;
    mv_exact_strips strips;
    uint64_t strip; /* the one being taken */
    uint64_t batch_first;
    size_t batch_out; /* bytes that the batch will be */
    mv_buffer batch;  /* strips to rebuild next, whole but for the last */
    uint8_t *rebuilt;
    size_t rebuilt_room;
    EVP_MD_CTX *digest; /* of what has been given on */
    uint8_t wanted[MV_EXACT_DIGEST_LEN];
};

mv_status mv_exact_decoder_new(mv_exact_decoder **out, uint32_t coding, uint64_t file_len,
                               const mv_sink *to)
{
    MV_ASSERT(coding == MV_CODING_RASTER || coding == MV_CODING_STRIPS);
    mv_exact_decoder *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return MV_E_MEMORY;
    }
    d->digest = EVP_MD_CTX_new();
    if (d->digest == NULL || EVP_DigestInit_ex(d->digest, EVP_sha256(), NULL) != 1) {
        mv_exact_decoder_free(&d);
        return MV_E_MEMORY;
    }
    d->to = to;
    d->coding = coding;
    d->file_len = file_len;
    d->left = MV_EXACT_HEAD_LEN;
    d->batch = mv_buffer_make(SIZE_MAX / 2);
    *out = d;
    return MV_OK;
}

void mv_exact_decoder_free(mv_exact_decoder **decoder)
{
    mv_exact_decoder *d = *decoder;
    if (d != NULL) {
        EVP_MD_CTX_free(d->digest);
        mv_buffer_clear(&d->batch);
        mv_wipe(d->rebuilt, d->rebuilt_room);
        free(d->rebuilt);
        free(d);
        *decoder = NULL;
    }
}

static mv_status not_a_coding(mv_error *err)
{
    return mv_fail(err, MV_E_FORMAT, "the coded original inside cannot be rebuilt");
}

static mv_status give_on(mv_exact_decoder *d, const uint8_t *bytes, size_t len, mv_error *err)
{
    return EVP_DigestUpdate(d->digest, bytes, len) == 1 ? d->to->write(d->to->user, bytes, len, err)
                                                        : MV_E_INTERNAL;
}

static mv_status make_room(mv_exact_decoder *d, mv_error *err)
{
    if (d->batch_out > d->rebuilt_room) {
        mv_wipe(d->rebuilt, d->rebuilt_room);
        free(d->rebuilt);
        d->rebuilt = malloc(d->batch_out);
        d->rebuilt_room = d->rebuilt != NULL ? d->batch_out : 0;
    }
    return d->rebuilt != NULL ? MV_OK : mv_fail(err, MV_E_MEMORY, "out of memory for a frame");
}

static mv_status flush_batch(mv_exact_decoder *d, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t len = d->batch_out;

    MV_TRY(make_room(d, err));
    if (!d->own) {
        MV_TRY(mv_exact_rebuild_apart(d->rebuilt, len, &d->strips, d->batch_first, d->batch.bytes,
                                      d->batch.len, err));
    } else if (!mv_exact_rebuild(d->rebuilt, &d->strips, d->batch_first, mv_cpu_count(),
                                 d->batch.bytes, d->batch.len)) {
        st = not_a_coding(err);
        goto done;
    }
    d->batch.len = 0;
    d->batch_out = 0;
    MV_TRY(give_on(d, d->rebuilt, len, err));
done:
    return st;
}

/* Bytes after the last frame. */
static uint64_t rest_len(const mv_exact_decoder *d)
{
    const mv_raster *r = &d->strips.raster;
    return d->file_len - r->at - r->frames * mv_raster_frame_len(r);
}

static void enter(mv_exact_decoder *d, stage next, uint64_t left)
{
    d->stage = next;
    d->left = left;
}

static uint64_t strip_len(const mv_exact_decoder *d, uint64_t k) /* bytes */
{
    const mv_raster strip = mv_exact_strip(&d->strips, k);
    return mv_raster_frame_len(&strip);
}

/* The head of a strip is there: it joins the batch. */
static mv_status begin_strip(mv_exact_decoder *d, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_raster strip = mv_exact_strip(&d->strips, d->strip);
    mv_exact_strip_head head;

    if (!mv_exact_strip_head_read(&head, d->item, &strip, d->coding)) {
        st = not_a_coding(err);
        goto done;
    }
    if (d->batch_out == 0) {
        d->batch_first = d->strip;
    }
    MV_TRY(mv_buffer_append(&d->batch, d->item, mv_exact_strip_head_len(d->coding)));
    enter(d, STRIP, head.len);
done:
    return st;
}

static mv_status end_strip(mv_exact_decoder *d, mv_error *err)
{
    mv_status st = MV_OK;
    d->batch_out += strip_len(d, d->strip);
    d->strip++;
    const bool is_last = d->strip == mv_exact_strip_count(&d->strips);
    if (is_last || d->batch_out + strip_len(d, d->strip) > BATCH_LEN) {
        MV_TRY(flush_batch(d, err));
    }
    enter(d, is_last ? AFTER : STRIP_HEAD,
          is_last ? rest_len(d) : mv_exact_strip_head_len(d->coding));
done:
    return st;
}

/* A stage has got all its bytes: on to the next. */
static mv_status end_stage(mv_exact_decoder *d, mv_error *err)
{
    mv_status st = MV_OK;
    mv_raster raster;

    switch (d->stage) {
    case HEAD:
        if (!mv_exact_head_read(&raster, d->item, d->file_len)) {
            st = not_a_coding(err);
            goto done;
        }
        d->strips = mv_exact_strips_of(&raster, d->coding);
        enter(d, BEFORE, raster.at);
        break;
    case BEFORE:
        enter(d, STRIP_HEAD, mv_exact_strip_head_len(d->coding));
        break;
    case STRIP_HEAD:
        MV_TRY(begin_strip(d, err));
        break;
    case STRIP:
        MV_TRY(end_strip(d, err));
        break;
    case AFTER:
        enter(d, DIGEST, MV_EXACT_DIGEST_LEN);
        break;
    case DIGEST:
        memcpy(d->wanted, d->item, MV_EXACT_DIGEST_LEN);
        enter(d, DONE, 0);
        break;
    case DONE:
        st = not_a_coding(err); /* something follows */
        break;
    }
done:
    return st;
}

static mv_status take(mv_exact_decoder *d, const uint8_t *bytes, size_t len, mv_error *err)
{
    switch (d->stage) {
    case HEAD:
        memcpy(d->item + MV_EXACT_HEAD_LEN - d->left, bytes, len);
        return MV_OK;
    case DIGEST:
        memcpy(d->item + MV_EXACT_DIGEST_LEN - d->left, bytes, len);
        return MV_OK;
    case STRIP_HEAD:
        memcpy(d->item + mv_exact_strip_head_len(d->coding) - d->left, bytes, len);
        return MV_OK;
    case STRIP:
        return mv_buffer_append(&d->batch, bytes, len);
    case BEFORE:
    case AFTER:
        return give_on(d, bytes, len, err);
    case DONE:
        break;
    }
    return not_a_coding(err);
}

mv_status mv_exact_decoder_write(void *decoder, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    mv_exact_decoder *d = decoder;

    while (len != 0) {
        const size_t part = d->left < len ? (size_t)d->left : len;
        if (part != 0) {
            MV_TRY(take(d, bytes, part, err));
            d->left -= part;
            bytes += part;
            len -= part;
        }
        if (d->left == 0 && (part == 0 || d->stage != DONE)) {
            MV_TRY(end_stage(d, err));
        }
    }
done:
    return st;
}

void mv_exact_decoder_trust(mv_exact_decoder *decoder)
{
    decoder->own = true;
}

bool mv_exact_decoder_digest(uint8_t out[MV_EXACT_DIGEST_LEN], const mv_exact_decoder *d)
{
    return EVP_DigestFinal_ex(d->digest, out, NULL) == 1;
}

mv_status mv_exact_decoder_end(mv_exact_decoder *d, mv_error *err)
{
    uint8_t digest[MV_EXACT_DIGEST_LEN];
    return d->stage == DONE && mv_exact_decoder_digest(digest, d) &&
                   mv_equal_ct(digest, d->wanted, MV_EXACT_DIGEST_LEN)
               ? MV_OK
               : not_a_coding(err);
}
