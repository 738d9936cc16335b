/* SPDX-License-Identifier: Apache-2.0
 *
 * linear.c: a linear model in integers, as a file, and its labels behind a reply
 * (docs/formats/search.md).
 */
#include "analysis/search_internal.h"

#include <math.h>
#include <sodium.h>
#include <string.h>

enum {
    CLASSES = MV_CLASSIFY_CLASSES_MAX,
    DIM = MV_SEARCH_DIM,
    NAME = MV_LINEAR_NAME_MAX,
    UNIT = 256, /* the length of an embedding in integers */
    HASH = 32,
    CLASS_LEN = 2 * NAME + 4 * DIM + 8,
    MODEL_HEAD = MV_SEARCH_HEADER_LEN + 4 + 4 + 8,
};

_Static_assert(MV_LINEAR_LABELS_LEN == MV_SEARCH_HEADER_LEN + 8 + 8 + CLASSES * 2 * NAME,
               "the header says how long labels are");

/* ---- Integers ---- */

/* The weights times s / 256, the biases times s, rounded; whether all scores fit. */
static bool scaled(mv_linear_model *m, const float *weight, const float *bias, double s)
{
    for (uint32_t c = 0; c < m->labels.classes; c++) {
        for (size_t k = 0; k < DIM; k++) {
            m->weight[c][k] = (int32_t)lrint(s / UNIT * (double)weight[c * DIM + k]);
        }
        m->bias[c] = bias == NULL ? 0 : llrint(s * (double)bias[c]);
        if (!mv_classify_fits(m->weight[c], m->bias[c], m->kind)) {
            return false;
        }
    }
    m->labels.scale = s;
    return true;
}

mv_status mv_linear_quantise(mv_linear_model *model, const float *weight, const float *bias)
{
    mv_status st = MV_OK;
    double most = 0;
    MV_ENSURE(model != NULL && weight != NULL, MV_E_ARGUMENT);
    MV_ENSURE(model->kind == MV_CLASSIFY_PUBLIC_MODEL || model->kind == MV_CLASSIFY_PRIVATE_MODEL,
              MV_E_ARGUMENT);
    MV_ENSURE(model->labels.classes >= 1 && model->labels.classes <= CLASSES, MV_E_ARGUMENT);
    for (uint32_t c = 0; c < model->labels.classes; c++) {
        double length2 = 0, b = bias == NULL ? 0 : fabs((double)bias[c]);
        for (size_t k = 0; k < DIM; k++) {
            length2 += (double)weight[c * DIM + k] * (double)weight[c * DIM + k];
        }
        MV_ENSURE(isfinite(length2) && isfinite(b), MV_E_RANGE);
        most = fmax(most, sqrt(length2) + b);
    }
    MV_ENSURE(most > 0x1p-60 && most < 0x1p60, MV_E_RANGE);
    double s = (double)mv_classify_limit(model->kind) / most;
    while (!scaled(model, weight, bias, s)) {
        s *= 0.995; /* rounding may lengthen a row by sqrt(128) / 2 of at least 78 */
    }
done:
    return st;
}

void mv_linear_scores(int64_t score[MV_CLASSIFY_CLASSES_MAX], const mv_linear_model *model,
                      const int8_t value[MV_SEARCH_DIM])
{
    memset(score, 0, CLASSES * sizeof *score);
    for (uint32_t c = 0; c < model->labels.classes; c++) {
        score[c] = model->bias[c];
        for (size_t k = 0; k < DIM; k++) {
            score[c] += (int64_t)model->weight[c][k] * value[k];
        }
    }
}

/* ---- Fields ---- */

/* Printable bytes, then zeros, at least one of each. */
static mv_status check_text(const char text[NAME])
{
    const size_t len = strnlen(text, NAME);
    mv_status st = MV_OK;
    MV_ENSURE(len > 0 && len < NAME, MV_E_RANGE);
    for (size_t i = 0; i < NAME; i++) {
        const unsigned char c = (unsigned char)text[i];
        MV_ENSURE(i < len ? c >= 0x20 && c != 0x7f : c == 0, MV_E_RANGE);
    }
done:
    return st;
}

static mv_status read_scale(mv_reader *r, double *out)
{
    mv_status st = MV_OK;
    MV_TRY(mv_read_f64le(r, out));
    MV_ENSURE(isfinite(*out) && *out > 0, MV_E_RANGE);
done:
    return st;
}

static mv_status read_class(mv_reader *r, mv_linear_class *out)
{
    mv_status st = MV_OK;
    MV_TRY(mv_read_copy(r, (uint8_t *)out->set, NAME));
    MV_TRY(mv_read_copy(r, (uint8_t *)out->name, NAME));
    MV_TRY(check_text(out->set));
    MV_TRY(check_text(out->name));
done:
    return st;
}

static void write_class(uint8_t out[2 * NAME], const mv_linear_class *in)
{
    memset(out, 0, 2 * NAME);
    memcpy(out, in->set, strnlen(in->set, NAME - 1));
    memcpy(out + NAME, in->name, strnlen(in->name, NAME - 1));
}

/* ---- The model ---- */

size_t mv_linear_size(const mv_linear_model *model)
{
    return MODEL_HEAD + (size_t)model->labels.classes * CLASS_LEN + HASH;
}

static void write_row(uint8_t *out, const mv_linear_model *m, uint32_t c)
{
    write_class(out, &m->labels.class_of[c]);
    for (size_t k = 0; k < DIM; k++) {
        mv_store_u32le(out + 2 * NAME + 4 * k, (uint32_t)m->weight[c][k]);
    }
    mv_store_u64le(out + 2 * NAME + 4 * DIM, (uint64_t)m->bias[c]);
}

mv_status mv_linear_write(uint8_t *out, size_t cap, const mv_linear_model *model)
{
    mv_status st = MV_OK;
    mv_search_owner nobody = {0};
    MV_ENSURE(out != NULL && model != NULL, MV_E_ARGUMENT);
    MV_ENSURE(model->labels.classes >= 1 && model->labels.classes <= CLASSES, MV_E_ARGUMENT);
    const size_t size = mv_linear_size(model);
    MV_ENSURE(cap >= size, MV_E_SPACE);
    memcpy(nobody.head_hash, model->head_hash, HASH);
    mv_search_header_write(out, MV_LINEAR_MODEL, &nobody);
    mv_store_u32le(out + MV_SEARCH_HEADER_LEN, (uint32_t)model->kind);
    mv_store_u32le(out + MV_SEARCH_HEADER_LEN + 4, model->labels.classes);
    mv_store_f64le(out + MV_SEARCH_HEADER_LEN + 8, model->labels.scale);
    for (uint32_t c = 0; c < model->labels.classes; c++) {
        write_row(out + MODEL_HEAD + (size_t)c * CLASS_LEN, model, c);
    }
    (void)crypto_generichash(out + size - HASH, HASH, out, size - HASH, NULL, 0);
done:
    return st;
}

static mv_status read_row(mv_reader *r, mv_linear_model *m, uint32_t c)
{
    mv_status st = MV_OK;
    uint64_t bias = 0;
    MV_TRY(read_class(r, &m->labels.class_of[c]));
    for (size_t k = 0; k < DIM; k++) {
        uint32_t w = 0;
        MV_TRY(mv_read_u32le(r, &w));
        m->weight[c][k] = (int32_t)w;
    }
    MV_TRY(mv_read_u64le(r, &bias));
    m->bias[c] = (int64_t)bias;
    MV_ENSURE(mv_classify_fits(m->weight[c], m->bias[c], m->kind), MV_E_RANGE);
done:
    return st;
}

static mv_status check_hash(const uint8_t *bytes, size_t len)
{
    uint8_t hash[HASH];
    (void)crypto_generichash(hash, HASH, bytes, len - HASH, NULL, 0);
    return memcmp(hash, bytes + len - HASH, HASH) == 0 ? MV_OK : MV_E_FORMAT;
}

static mv_status read_model(mv_linear_model *m, mv_reader *r, size_t len, const uint8_t *bytes)
{
    mv_status st = MV_OK;
    static const mv_search_owner nobody; /* a model is no collection's: zeroes */
    mv_search_owner owner;
    uint32_t kind = 0;
    MV_TRY(mv_search_header_read(r, MV_LINEAR_MODEL, &owner, NULL));
    MV_ENSURE(memcmp(owner.key_id, nobody.key_id, sizeof nobody.key_id) == 0, MV_E_FORMAT);
    memcpy(m->head_hash, owner.head_hash, HASH);
    MV_TRY(mv_read_u32le(r, &kind));
    MV_ENSURE(kind <= MV_CLASSIFY_PRIVATE_MODEL, MV_E_RANGE);
    m->kind = (mv_classify_kind)kind;
    MV_TRY(mv_read_u32le(r, &m->labels.classes));
    MV_ENSURE(m->labels.classes >= 1 && m->labels.classes <= CLASSES, MV_E_RANGE);
    MV_ENSURE(len >= mv_linear_size(m), MV_E_TRUNCATED);
    MV_ENSURE(len == mv_linear_size(m), MV_E_FORMAT);
    MV_TRY(check_hash(bytes, len));
    MV_TRY(read_scale(r, &m->labels.scale));
    for (uint32_t c = 0; c < m->labels.classes; c++) {
        MV_TRY(read_row(r, m, c));
    }
done:
    return st;
}

mv_status mv_linear_read(mv_linear_model *out, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    mv_reader r = mv_reader_make(bytes, len);
    MV_ENSURE(out != NULL && bytes != NULL, MV_E_ARGUMENT);
    memset(out, 0, sizeof *out);
    st = read_model(out, &r, len, bytes);
    if (st != MV_OK) {
        memset(out, 0, sizeof *out);
    }
done:
    return st;
}

/* ---- Labels ---- */

mv_status mv_linear_labels_write(uint8_t out[MV_LINEAR_LABELS_LEN], const mv_linear_labels *labels,
                                 const uint8_t *reply, size_t reply_len)
{
    mv_status st = MV_OK;
    mv_search_owner owner;
    mv_reader r = mv_reader_make(reply, reply_len);
    MV_ENSURE(out != NULL && labels != NULL && reply != NULL, MV_E_ARGUMENT);
    MV_ENSURE(labels->classes >= 1 && labels->classes <= CLASSES, MV_E_ARGUMENT);
    MV_TRY(mv_search_header_read(&r, MV_CLASSIFY_REPLY, &owner, NULL));
    memset(out, 0, MV_LINEAR_LABELS_LEN);
    mv_search_header_write(out, MV_LINEAR_LABELS, &owner);
    mv_store_u32le(out + MV_SEARCH_HEADER_LEN, labels->classes);
    mv_store_f64le(out + MV_SEARCH_HEADER_LEN + 8, labels->scale);
    for (uint32_t c = 0; c < labels->classes; c++) {
        write_class(out + MV_SEARCH_HEADER_LEN + 16 + (size_t)c * 2 * NAME, &labels->class_of[c]);
    }
done:
    return st;
}

static mv_status read_labels(mv_linear_labels *out, mv_reader *r)
{
    mv_status st = MV_OK;
    mv_search_owner owner;
    uint32_t zero = 0;
    MV_TRY(mv_search_header_read(r, MV_LINEAR_LABELS, &owner, NULL));
    MV_TRY(mv_read_u32le(r, &out->classes));
    MV_TRY(mv_read_u32le(r, &zero));
    MV_ENSURE(out->classes >= 1 && out->classes <= CLASSES && zero == 0, MV_E_RANGE);
    MV_TRY(read_scale(r, &out->scale));
    for (uint32_t c = 0; c < out->classes; c++) {
        MV_TRY(read_class(r, &out->class_of[c]));
    }
    for (const uint8_t *p = r->next; p < r->end; p++) {
        MV_ENSURE(*p == 0, MV_E_FORMAT);
    }
done:
    return st;
}

mv_status mv_linear_labels_read(mv_linear_labels *out, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    mv_reader r = mv_reader_make(bytes, len);
    MV_ENSURE(out != NULL && bytes != NULL, MV_E_ARGUMENT);
    memset(out, 0, sizeof *out);
    MV_ENSURE(len >= MV_LINEAR_LABELS_LEN, MV_E_TRUNCATED);
    MV_ENSURE(len == MV_LINEAR_LABELS_LEN, MV_E_FORMAT);
    st = read_labels(out, &r);
    if (st != MV_OK) {
        memset(out, 0, sizeof *out);
    }
done:
    return st;
}

mv_status mv_classify_query_owner(uint8_t out[MV_CLASSIFY_OWNER_LEN], const uint8_t *query,
                                  size_t len)
{
    mv_status st = MV_OK;
    mv_search_owner owner;
    mv_reader r = mv_reader_make(query, len);
    MV_ENSURE(out != NULL && query != NULL, MV_E_ARGUMENT);
    MV_TRY(mv_search_header_read(&r, MV_CLASSIFY_QUERY, &owner, NULL));
    memcpy(out, owner.key_id, MV_CLASSIFY_OWNER_LEN);
done:
    return st;
}
