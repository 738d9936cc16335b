/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_timing.c: the serial pass: one thread, nothing else running of ours; medians of repeats.
 * Also the same features under three forms of encryption, and statistics of ciphertext bytes.
 */
#include "eval.h"

#include "base/clock.h"
#include "base/status.h"
#include "medveil/ckks.h"
#include "medveil/metrics.h"
#include "ui.h"

#include <math.h>
#include <string.h>

enum { REPEATS_MAX = 64 };

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *value, size_t count)
{
    qsort(value, count, sizeof *value, ascending);
    return (value[(count - 1) / 2] + value[count / 2]) / 2;
}

/* ---- one image under one model ---- */

typedef struct stopwatch {
    double encode[REPEATS_MAX], encrypt[REPEATS_MAX], decrypt[REPEATS_MAX], decode[REPEATS_MAX];
} stopwatch;

static mv_status time_once(stopwatch *w, size_t r, const eval_job *job, const eval_model *model,
                           const mv_image *image, const mv_codec_opts *opts, uint8_t *cipher,
                           size_t cap, uint32_t *back, mv_error *err)
{
    mv_status st = MV_OK;
    mv_code code = {.feature = NULL};
    mv_image out = {0};
    size_t len = 0;

    const double t0 = mv_clock_ms();
    MV_TRY(mv_codec_encode(&code, model->model, image, opts, err));
    const mv_pack_shape shape = {EVAL_BITS, 1, (uint32_t)code.feature_count};
    const double t1 = mv_clock_ms();
    MV_TRY(mv_pack_encrypt(cipher, cap, &len, job->key, &shape, code.feature));
    const double t2 = mv_clock_ms();
    MV_TRY(mv_pack_decrypt(back, code.feature_count, job->key, cipher, len));
    const double t3 = mv_clock_ms();
    MV_TRY(mv_codec_decode(&out, model->model, &code, opts, err));
    const double t4 = mv_clock_ms();
    w->encode[r] = t1 - t0;
    w->encrypt[r] = t2 - t1;
    w->decrypt[r] = t3 - t2;
    w->decode[r] = t4 - t3;
done:
    mv_code_clear(&code);
    mv_image_clear(&out);
    return st;
}

static mv_status time_way(eval_time *out, const eval_job *job, const eval_model *model,
                          const char *path, eval_way way, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_codec_opts opts = eval_codec_opts(job, way);
    mv_image image = {0};
    mv_code code = {.feature = NULL};
    stopwatch w;
    uint8_t *cipher = NULL;
    uint32_t *back = NULL;

    MV_TRY(eval_load(&image, path, way, err));
    MV_TRY(mv_codec_encode(&code, model->model, &image, &opts, err)); /* the shape; warms up */
    const mv_pack_shape shape = {EVAL_BITS, 1, (uint32_t)code.feature_count};
    const size_t cap = mv_pack_size(mv_he_set_find("pack4096"), &shape);
    cipher = malloc(cap + 1);
    back = malloc(code.feature_count * sizeof *back);
    MV_REQUIRE(cipher != NULL && back != NULL, err, MV_E_MEMORY, "out of memory");
    for (size_t r = 0; r < job->repeats; r++) {
        MV_TRY(time_once(&w, r, job, model, &image, &opts, cipher, cap, back, err));
    }
    out->encode = median(w.encode, job->repeats);
    out->encrypt = median(w.encrypt, job->repeats);
    out->decrypt = median(w.decrypt, job->repeats);
    out->decode = median(w.decode, job->repeats);
done:
    free(cipher);
    free(back);
    mv_code_clear(&code);
    mv_image_clear(&image);
    return st;
}

/* ---- three forms of encryption ---- */

static mv_status features_of(mv_code *code, const eval_job *job, size_t s, size_t t, mv_error *err)
{
    mv_status st = MV_OK;
    const eval_set *set = &job->set[s];
    const mv_codec_opts opts = eval_codec_opts(job, EVAL_AFTER);
    mv_image image = {0};
    MV_TRY(eval_load(&image, set->list.image[set->timed[t]].path, EVAL_AFTER, err));
    MV_TRY(mv_codec_encode(code, job->model[0].model, &image, &opts, err));
done:
    mv_image_clear(&image);
    return st;
}

static mv_status bfv_form(eval_form *out, const eval_job *job, const mv_code *code)
{
    mv_status st = MV_OK;
    const mv_pack_shape shape = {EVAL_BITS, 1, (uint32_t)code->feature_count};
    const size_t cap = mv_pack_size(mv_he_set_find("pack4096"), &shape), n = code->feature_count;
    double in[REPEATS_MAX], back[REPEATS_MAX];
    size_t len = 0;
    uint8_t *cipher = malloc(cap + 1);
    uint32_t *feature = malloc(n * sizeof *feature);

    MV_ENSURE(cipher != NULL && feature != NULL, MV_E_MEMORY);
    for (size_t r = 0; r < job->repeats; r++) {
        const double t0 = mv_clock_ms();
        MV_TRY(mv_pack_encrypt(cipher, cap, &len, job->key, &shape, code->feature));
        const double t1 = mv_clock_ms();
        MV_TRY(mv_pack_decrypt(feature, n, job->key, cipher, len));
        in[r] = t1 - t0;
        back[r] = mv_clock_ms() - t1;
    }
    *out = (eval_form){median(in, job->repeats), median(back, job->repeats), (double)len, 0};
    for (size_t k = 0; k < n; k++) {
        out->error = fmax(out->error, fabs((double)feature[k] - (double)code->feature[k]));
    }
done:
    free(cipher);
    free(feature);
    return st;
}

typedef struct ckks_bench {
    const mv_he_set *set;
    mv_he_key *key;
    mv_he_public *public_key; /* NULL: symmetric */
    mv_he_work *work;
    mv_plain *plain;
    mv_cipher *cipher;
    double *value, *back; /* one cipher's slots */
    uint8_t *bytes;
    size_t cap;
} ckks_bench;

static void ckks_clear(ckks_bench *b)
{
    mv_he_key_free(&b->key);
    mv_he_public_free(&b->public_key);
    mv_he_work_free(&b->work);
    mv_plain_free(&b->plain);
    mv_cipher_free(&b->cipher);
    free(b->value);
    free(b->back);
    free(b->bytes);
}

static mv_status ckks_make(ckks_bench *b, const eval_job *job, bool public_key)
{
    mv_status st = MV_OK;
    b->set = mv_he_set_find("real8192");
    const uint32_t slots = mv_he_set_slots(b->set);
    b->cap = (size_t)1 << 20;
    b->value = calloc(slots, sizeof *b->value);
    b->back = calloc(slots, sizeof *b->back);
    b->bytes = malloc(b->cap);
    MV_ENSURE(b->value != NULL && b->back != NULL && b->bytes != NULL, MV_E_MEMORY);
    MV_TRY(mv_he_key_new(&b->key, b->set, job->key_bytes));
    if (public_key) {
        MV_TRY(mv_he_public_new(&b->public_key, b->key));
    }
    MV_TRY(mv_he_work_new(&b->work, b->set));
    MV_TRY(mv_plain_new(&b->plain, b->set));
    MV_TRY(mv_cipher_new(&b->cipher, b->set));
done:
    return st;
}

/* Features first .. first + count through bytes and back; adds to out. */
static mv_status ckks_part(eval_form *out, ckks_bench *b, const uint32_t *feature, size_t count)
{
    mv_status st = MV_OK;
    size_t len = 0;
    for (size_t k = 0; k < count; k++) {
        b->value[k] = feature[k] / 255.0;
    }
    const double t0 = mv_clock_ms();
    MV_TRY(mv_ckks_encode(b->work, b->plain, b->value, NULL, count, 1));
    if (b->public_key != NULL) {
        MV_TRY(mv_he_encrypt_public(b->work, b->cipher, b->public_key, b->plain));
    } else {
        MV_TRY(mv_he_encrypt(b->work, b->cipher, b->key, b->plain));
    }
    MV_TRY(mv_cipher_write(b->bytes, b->cap, &len, b->cipher));
    const double t1 = mv_clock_ms();
    MV_TRY(mv_cipher_read(b->cipher, b->bytes, len));
    MV_TRY(mv_ckks_decrypt(b->work, b->back, NULL, count, b->key, b->cipher));
    out->encrypt_ms += t1 - t0;
    out->decrypt_ms += mv_clock_ms() - t1;
    out->bytes += (double)len;
    for (size_t k = 0; k < count; k++) {
        out->error = fmax(out->error, fabs(b->back[k] - b->value[k]) * 255);
    }
done:
    return st;
}

static mv_status ckks_form(eval_form *out, const eval_job *job, const mv_code *code,
                           bool public_key)
{
    mv_status st = MV_OK;
    ckks_bench b = {.set = NULL};
    double in[REPEATS_MAX], back[REPEATS_MAX], error = 0;

    MV_TRY(ckks_make(&b, job, public_key));
    const size_t slots = mv_he_set_slots(b.set);
    for (size_t r = 0; r < job->repeats; r++) {
        *out = (eval_form){0, 0, 0, 0};
        for (size_t k = 0; k < code->feature_count; k += slots) {
            const size_t left = code->feature_count - k;
            MV_TRY(ckks_part(out, &b, code->feature + k, left < slots ? left : slots));
        }
        in[r] = out->encrypt_ms;
        back[r] = out->decrypt_ms;
        error = fmax(error, out->error);
    }
    *out = (eval_form){median(in, job->repeats), median(back, job->repeats), out->bytes, error};
done:
    ckks_clear(&b);
    return st;
}

static mv_status measure_forms(eval_job *job, size_t s, size_t t, mv_error *err)
{
    mv_status st = MV_OK;
    eval_form *form = job->set[s].form + t * EVAL_FORMS;
    mv_code code = {.feature = NULL};

    if (form[EVAL_BFV].bytes != 0) {
        return MV_OK; /* from the journal */
    }
    MV_TRY(features_of(&code, job, s, t, err));
    MV_TRY(bfv_form(&form[EVAL_BFV], job, &code));
    MV_TRY(ckks_form(&form[EVAL_CKKS_SYM], job, &code, false));
    MV_TRY(ckks_form(&form[EVAL_CKKS_PK], job, &code, true));
    MV_TRY(eval_journal_set(job, s, t));
done:
    mv_code_clear(&code);
    return st;
}

/* ---- statistics of ciphertext bytes ---- */

enum { HEADER = 48 }; /* bytes of a packed ciphertext before its residues: docs/formats/he.md */

static void fill_stats(eval_cipher_stats *x, const uint8_t *plain, size_t plain_len,
                       const uint8_t *a, const uint8_t *b, const uint8_t *other, size_t len)
{
    uint64_t bin[256];
    x->entropy[0] = mv_bytes_entropy(plain, plain_len);
    x->entropy[1] = mv_bytes_entropy(a, len);
    x->chi_square[0] = mv_bytes_chi_square(plain, plain_len);
    x->chi_square[1] = mv_bytes_chi_square(a, len);
    x->correlation[0] = mv_bytes_correlation(plain, plain_len, 1);
    x->correlation[1] = mv_bytes_correlation(a, len, 1);
    x->npcr = mv_bytes_npcr(a, b, len);
    x->uaci = mv_bytes_uaci(a, b, len);
    x->key_npcr = mv_bytes_npcr(a, other, len);
    x->mean_bin = (double)len / 256;
    mv_histogram_bytes(bin, a, len);
    for (int v = 0; v < 256; v++) {
        x->bins = fmax(x->bins, fabs((double)bin[v] - x->mean_bin));
    }
}

/* The image's own samples, its features twice under one key, once under a key one bit away, and
 * what that key makes of the first ciphertext. */
static mv_status cipher_stats(eval_job *job, size_t s, mv_error *err)
{
    mv_status st = MV_OK;
    const eval_set *set = &job->set[s];
    eval_cipher_stats *x = &job->set[s].stats;
    uint8_t flipped[MV_COLLECTION_KEY_LEN], *bytes = NULL;
    mv_he_key *other = NULL;
    mv_code code = {.feature = NULL};
    mv_image image = {0};
    uint32_t *wrong = NULL;
    size_t len = 0, equal = 0;

    if (x->entropy[1] != 0 || set->timed_count == 0) {
        return MV_OK;
    }
    memcpy(flipped, job->key_bytes, sizeof flipped);
    flipped[0] ^= 1;
    MV_TRY(mv_he_key_new(&other, mv_he_set_find("pack4096"), flipped));
    MV_TRY(eval_load(&image, set->list.image[set->timed[0]].path, EVAL_AFTER, err));
    MV_TRY(features_of(&code, job, s, 0, err));
    const mv_pack_shape shape = {EVAL_BITS, 1, (uint32_t)code.feature_count};
    const size_t cap = mv_pack_size(mv_he_set_find("pack4096"), &shape);
    bytes = malloc(3 * cap + 1);
    wrong = calloc(code.feature_count, sizeof *wrong);
    MV_REQUIRE(bytes != NULL && wrong != NULL, err, MV_E_MEMORY, "out of memory");
    MV_TRY(mv_pack_encrypt(bytes, cap, &len, job->key, &shape, code.feature));
    MV_TRY(mv_pack_encrypt(bytes + cap, cap, &len, job->key, &shape, code.feature));
    MV_TRY(mv_pack_encrypt(bytes + 2 * cap, cap, &len, other, &shape, code.feature));
    fill_stats(x, image.sample, mv_image_sample_count(&image), bytes + HEADER, bytes + cap + HEADER,
               bytes + 2 * cap + HEADER, len - HEADER);
    MV_TRY(mv_pack_decrypt(wrong, code.feature_count, other, bytes, len));
    for (size_t k = 0; k < code.feature_count; k++) {
        equal += wrong[k] == code.feature[k];
    }
    x->key_equal = (double)equal / (double)code.feature_count;
    MV_TRY(eval_journal_stats(job, s));
done:
    mv_he_key_free(&other);
    mv_image_clear(&image);
    mv_code_clear(&code);
    free(bytes);
    free(wrong);
    return st;
}

/* ---- the pass ---- */

static mv_status time_image(eval_job *job, size_t m, size_t s, size_t t, mv_error *err)
{
    mv_status st = MV_OK;
    const eval_set *set = &job->set[s];
    const char *path = set->list.image[set->timed[t]].path;
    eval_time *time = job->model[m].time[s][t];

    if (time[EVAL_BEFORE].encode != 0) {
        return MV_OK; /* from the journal */
    }
    for (int way = 0; way < EVAL_WAYS; way++) {
        MV_TRY(time_way(&time[way], job, &job->model[m], path, (eval_way)way, err));
    }
    MV_TRY(eval_journal_time(job, m, s, t));
done:
    return st;
}

mv_status eval_timing_pass(eval_job *job, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_progress progress = ui_progress();
    size_t done = 0, total = 0;

    for (size_t s = 0; s < job->set_count; s++) {
        total += job->set[s].timed_count * (job->model_count + 1);
    }
    for (size_t s = 0; s < job->set_count; s++) {
        for (size_t t = 0; t < job->set[s].timed_count; t++) {
            for (size_t m = 0; m < job->model_count; m++, done++) {
                MV_TRY(progress.step(progress.user, "timing", done, total));
                MV_TRY(time_image(job, m, s, t, err));
            }
            MV_TRY(measure_forms(job, s, t, err));
            done++;
        }
        MV_TRY(cipher_stats(job, s, err));
    }
done:
    ui_progress_end();
    if (st == MV_E_INTERRUPTED) {
        mv_hint(err, "give the same command again to go on");
    }
    return st;
}
