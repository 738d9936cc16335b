/* SPDX-License-Identifier: Apache-2.0
 *
 * loss.c: what a picture lost, measured by the sender, told by the receiver.
 */
#include "loss.h"

#include "base/status.h"
#include "image/preprocess.h"
#include "show.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static mv_status rebuild(mv_image *out, const compact *c, const mv_code *code,
                         const mv_model *model, const mv_codec_opts *codec, mv_error *err)
{
    return c->bytes != NULL ? mv_veil_decode(out, c->veil, c->bytes, c->len, &code->meta,
                                             codec->threads, codec->progress, err)
                            : mv_codec_decode(out, model, code, codec, err);
}

/* A picture that a head cannot judge has no scores; that is no reason not to send it. */
static mv_status score(mv_fidelity *record, const mv_head *head, const mv_model *model,
                       const mv_image *image, const mv_image *rebuilt, mv_error *err)
{
    mv_error reason = {0};
    mv_status st = MV_OK;
    if (head != NULL) {
        st = mv_fidelity_score(record, head, model, image, rebuilt, &reason);
    }
    if (mv_status_category(st) == MV_CATEGORY_RESOURCE || st == MV_E_INTERRUPTED) {
        *err = reason;
        return st;
    }
    return MV_OK;
}

mv_status loss_of(loss *out, const compact *c, const mv_code *code, const mv_model *model,
                  const mv_head *head, const mv_image *image, const mv_codec_opts *codec,
                  mv_error *err)
{
    mv_status st = MV_OK;
    mv_image resized = {0}, rebuilt = {0};

    if (codec->resize_width != 0) {
        MV_TRY(mv_image_resize(&resized, image, codec->resize_width, codec->resize_height, err));
        image = &resized;
    }
    MV_TRY(rebuild(&rebuilt, c, code, model, codec, err));
    st = mv_fidelity_measure(&out->record, image, &rebuilt);
    MV_REQUIRE(st == MV_OK, err, st, "what the picture lost cannot be measured: %s",
               mv_status_sentence(st));
    if (c->bytes != NULL) {
        st = mv_fidelity_judge(&out->record, c->veil, image);
        MV_REQUIRE(st == MV_OK, err, st, "whether the model knows such pictures cannot be told: %s",
                   mv_status_sentence(st));
    }
    MV_TRY(score(&out->record, head, model, image, &rebuilt, err));
    out->there = true;
done:
    mv_image_clear(&rebuilt);
    mv_image_clear(&resized);
    return st;
}

/* ---- the receiver's side ---- */

typedef struct bytes_in {
    uint8_t bytes[MV_FIDELITY_LEN];
    size_t len;
} bytes_in;

static mv_status take(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    bytes_in *in = user;
    if (len > sizeof in->bytes - in->len) {
        return mv_fail(err, MV_E_FORMAT, "the record of what the picture lost is too long");
    }
    memcpy(in->bytes + in->len, bytes, len);
    in->len += len;
    return MV_OK;
}

enum { VERDICT_SIZE = 96 };

static bool is_inside(const mv_member *m)
{
    bool found = false;
    for (uint32_t k = 0; k < m->further_count; k++) {
        found = found || m->further[k].kind == MV_SECTION_FIDELITY;
    }
    return found;
}

mv_status loss_read(loss *out, mv_opener *opener, size_t i, mv_error *err)
{
    mv_status st = MV_OK;
    bytes_in in = {.len = 0};
    const mv_sink sink = {take, &in};

    *out = (loss){.there = false};
    if (!is_inside(mv_opener_member(opener, i))) {
        return MV_OK;
    }
    MV_TRY(mv_opener_further(opener, i, MV_SECTION_FIDELITY, &sink, err));
    st = mv_fidelity_read(&out->record, in.bytes, in.len);
    MV_REQUIRE(st == MV_OK, err, st, "the record of what the picture lost is not usable: %s",
               mv_status_sentence(st));
    out->there = true;
done:
    return st;
}

static void verdict_text(char out[VERDICT_SIZE], const mv_fidelity *f)
{
    const bool familiar = mv_fidelity_familiar(f);
    out[0] = '\0';
    if (f->judged) {
        (void)snprintf(out, VERDICT_SIZE,
                       familiar ? "; like those of training (%.2f, of which 1 is the limit)"
                                : ". A picture unlike those the model knows: %.2f, where 1 is the "
                                  "limit",
                       f->unlikeness);
    } else if (!familiar) {
        (void)snprintf(out, VERDICT_SIZE, ". Below 30 dB: a picture unlike those the model knows");
    }
}

void loss_text(char out[LOSS_TEXT_SIZE], const mv_fidelity *record)
{
    const mv_fidelity *f = record;
    char scores[96] = "", verdict[VERDICT_SIZE];
    verdict_text(verdict, f);
    if (f->max_error == 0) {
        (void)snprintf(out, LOSS_TEXT_SIZE, "nothing was lost, says the sender%s", verdict);
        return;
    }
    if (f->scored) {
        (void)snprintf(scores, sizeof scores, "; class probabilities moved by up to %.3f%s",
                       f->score_drift, f->class_changed ? ", to another class" : "");
    }
    (void)snprintf(out, LOSS_TEXT_SIZE,
                   "PSNR %.1f dB, greatest error %.6g of a range of %.6g, worst tile %.1f dB at "
                   "(%u, %u) of slice %u%s, says the sender%s",
                   f->psnr_db, f->max_error, f->range, f->worst_psnr_db, (unsigned)f->worst_x,
                   (unsigned)f->worst_y, (unsigned)f->worst_slice, scores, verdict);
}

static json_t *psnr_json(double db)
{
    return isfinite(db) ? json_real(db) : json_null();
}

json_t *loss_json(const loss *l)
{
    const mv_fidelity *f = &l->record;
    json_t *scores = NULL;
    char hash[SHOW_HEX_SIZE];
    if (!l->there) {
        return json_null();
    }
    show_hex(hash, f->head_hash, sizeof f->head_hash);
    scores = f->scored ? json_pack("{s:s, s:f, s:b}", "head_hash", hash, "drift", f->score_drift,
                                   "class_changed", f->class_changed)
                       : json_null();
    return json_pack("{s:f, s:f, s:o, s:b, s:o, s:{s:i, s:I, s:I, s:I, s:o}, s:o}", "range",
                     f->range, "max_error", f->max_error, "psnr_db", psnr_json(f->psnr_db),
                     "familiar", mv_fidelity_familiar(f), "unlikeness",
                     f->judged ? json_real(f->unlikeness) : json_null(), "worst_tile", "side",
                     MV_FIDELITY_TILE, "x", (json_int_t)f->worst_x, "y", (json_int_t)f->worst_y,
                     "slice", (json_int_t)f->worst_slice, "psnr_db", psnr_json(f->worst_psnr_db),
                     "scores", scores);
}
