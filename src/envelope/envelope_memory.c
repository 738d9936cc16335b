/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope_memory.c: one image, sealed and opened in memory: a sealer and an opener in one call.
 */
#include "base/clock.h"
#include "base/secret.h"
#include "envelope_internal.h"

#include <string.h>

void mv_envelope_free_bytes(uint8_t **bytes, size_t len)
{
    if (bytes != NULL && *bytes != NULL) {
        mv_wipe(*bytes, len);
        free(*bytes);
        *bytes = NULL;
    }
}

void mv_content_clear(mv_content *content)
{
    mv_envelope_free_bytes(&content->exact, content->exact_len);
    mv_code_clear(&content->code);
    mv_wipe(content, sizeof *content);
}

/* Bytes on their way into one allocation of a length known before. */
typedef struct filling {
    uint8_t *bytes;
    size_t at, len;
} filling;

static mv_status fill(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    filling *f = user;
    (void)err;
    MV_ASSERT(len <= f->len - f->at);
    if (len != 0) {
        memcpy(f->bytes + f->at, bytes, len);
        f->at += len;
    }
    return MV_OK;
}

/* An empty string is an allocation too, so that NULL keeps its meaning. */
static mv_status filling_new(filling *out, uint64_t len, mv_error *err)
{
    out->at = 0;
    out->len = (size_t)len;
    out->bytes = len > SIZE_MAX / 2 ? NULL : malloc(len == 0 ? 1 : (size_t)len);
    return out->bytes != NULL
               ? MV_OK
               : mv_fail(err, MV_E_MEMORY, "out of memory for %llu bytes", (unsigned long long)len);
}

/* ---- sealing ---- */

static mv_status add_content(mv_sealer *sealer, const mv_content *content, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_source exact = mv_source_memory(content->exact, content->exact_len);

    MV_REQUIRE(memchr(content->file_name, '\0', sizeof content->file_name) != NULL, err,
               MV_E_ARGUMENT, "the file name to send is too long");
    MV_TRY(mv_sealer_add(sealer, content->file_name, &content->code,
                         content->exact == NULL ? NULL : &exact, err));
done:
    return st;
}

mv_status mv_envelope_seal(uint8_t **out, size_t *out_len, mv_envelope_stats *stats,
                           const mv_content *content, const mv_seal_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    mv_sealer *sealer = NULL;
    filling f = {NULL, 0, 0};
    const mv_sink sink = {fill, &f};
    uint64_t len = 0;

    *out = NULL;
    *out_len = 0;
    if (stats != NULL) {
        memset(stats, 0, sizeof *stats);
    }
    MV_TRY(mv_sealer_new(&sealer, opts, err));
    MV_TRY(add_content(sealer, content, err));
    MV_TRY(mv_sealer_len(&len, sealer, err));
    MV_TRY(filling_new(&f, len, err));
    MV_TRY(mv_sealer_finish(sealer, stats, &sink, err));
    *out = f.bytes;
    *out_len = f.len;
    f.bytes = NULL;
done:
    mv_sealer_free(&sealer);
    mv_envelope_free_bytes(&f.bytes, f.len);
    return st;
}

/* ---- opening ---- */

static void fill_stats(mv_envelope_stats *s, const mv_member *m, size_t len)
{
    s->exact_kept = m->exact_kept;
    s->bytes_exact = m->exact_len;
    s->bytes_features = (m->feature_count * m->code.feature_bits + 7) / 8;
    s->bytes_ciphertext = m->ciphertext_len;
    s->bytes_embedding = m->embedding_len;
    s->bytes_total = len;
}

static mv_status give_exact(mv_content *content, mv_opener *opener, mv_error *err)
{
    mv_status st = MV_OK;
    filling f = {NULL, 0, 0};
    const mv_sink sink = {fill, &f};

    MV_TRY(filling_new(&f, mv_opener_member(opener, 0)->exact_len, err));
    MV_TRY(mv_opener_exact(opener, 0, &sink, err));
    content->exact = f.bytes;
    content->exact_len = f.len;
    f.bytes = NULL;
done:
    mv_envelope_free_bytes(&f.bytes, f.len);
    return st;
}

static mv_status give(mv_content *content, mv_opener *opener, mv_envelope_stats *stats,
                      unsigned what, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_member *m = mv_opener_member(opener, 0);
    mv_features_info info;

    if ((what & MV_OPEN_FEATURES) != 0 && m->feature_count != 0) {
        MV_TRY(mv_opener_features(opener, 0, &content->code, &stats->set, &stats->he_ms, err));
    } else if (m->feature_count != 0) {
        MV_TRY(mv_opener_info(opener, 0, &info, err));
        stats->set = info.set;
    }
    content->code.meta = m->code;
    memcpy(content->file_name, m->file_name, sizeof content->file_name);
    if ((what & MV_OPEN_EXACT) != 0 && m->exact_kept) {
        MV_TRY(give_exact(content, opener, err));
    }
done:
    return st;
}

mv_status mv_envelope_open(mv_content *out, mv_sender *sender, mv_envelope_stats *stats,
                           const uint8_t *bytes, size_t len, const mv_identity *identity,
                           unsigned what, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_source source = mv_source_memory(bytes, len);
    mv_opener *opener = NULL;
    mv_content content = {0};
    mv_envelope_stats s = {0};
    const double start_ms = mv_clock_ms();

    memset(out, 0, sizeof *out);
    memset(sender, 0, sizeof *sender);
    MV_TRY(mv_opener_new(&opener, &source, identity, err));
    MV_REQUIRE(mv_opener_count(opener) == 1, err, MV_E_UNSUPPORTED,
               "the envelope holds %zu files, not one", mv_opener_count(opener));
    fill_stats(&s, mv_opener_member(opener, 0), len);
    MV_TRY(give(&content, opener, &s, what, err));
    s.total_ms = mv_clock_ms() - start_ms;
    *sender = *mv_opener_sender(opener);
    *out = content;
    memset(&content, 0, sizeof content);
done:
    if (stats != NULL) {
        *stats = st == MV_OK ? s : (mv_envelope_stats){0};
    }
    mv_content_clear(&content);
    mv_opener_free(&opener);
    return st;
}
