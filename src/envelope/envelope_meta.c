/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope_meta.c: writing and reading the meta section, field for field.
 */
#include "envelope_meta.h"

#include "base/cbor.h"

#include <string.h>

enum { KEY_FILE_NAME = 1, KEY_EXACT = 2, KEY_SHA256 = 3, KEY_CODE = 4 };
enum { EXACT_LEFT_OUT = 0, EXACT_KEPT = 1 };

/* Inside KEY_CODE: keys 1.. in this order, none missing. */
enum { CODE_FIELDS = 19 };

bool mv_file_name_valid(const char *name)
{
    const size_t len = strlen(name);
    if (len >= MV_FILE_NAME_MAX || !mv_utf8_valid((const uint8_t *)name, len) ||
        strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)name[i], next = (unsigned char)name[i + 1];
        const bool c1 = c == 0xc2 && next >= 0x80 && next <= 0x9f; /* U+0080 to U+009F */
        if (c < 0x20 || c == 0x7f || c1 || c == '/' || c == '\\') {
            return false;
        }
    }
    return true;
}

/* ---- the image and its features ---- */

/* The key of each field is one more than that of the field before. */
static mv_status put_field(mv_buffer *b, uint64_t *key, uint64_t value)
{
    const mv_status st = mv_cbor_put_uint(b, ++*key);
    return st == MV_OK ? mv_cbor_put_uint(b, value) : st;
}

static mv_status put_field_f64(mv_buffer *b, uint64_t *key, double value)
{
    const mv_status st = mv_cbor_put_uint(b, ++*key);
    return st == MV_OK ? mv_cbor_put_f64(b, value) : st;
}

static mv_status put_code(mv_buffer *b, const mv_code_meta *c)
{
    mv_status st = MV_OK;
    uint64_t key = 0;

    MV_TRY(mv_cbor_put_map(b, CODE_FIELDS));
    MV_TRY(put_field(b, &key, c->width));
    MV_TRY(put_field(b, &key, c->height));
    MV_TRY(put_field(b, &key, c->depth));
    MV_TRY(put_field(b, &key, c->channels));
    MV_TRY(put_field(b, &key, (uint64_t)c->type));
    MV_TRY(put_field(b, &key, c->bits));
    MV_TRY(put_field_f64(b, &key, c->slope));
    MV_TRY(put_field_f64(b, &key, c->intercept));
    MV_TRY(mv_cbor_put_uint(b, ++key));
    MV_TRY(mv_cbor_put_array(b, 3));
    for (int i = 0; i < 3; i++) {
        MV_TRY(mv_cbor_put_f64(b, c->spacing_mm[i]));
    }
    MV_TRY(put_field_f64(b, &key, c->range_lo));
    MV_TRY(put_field_f64(b, &key, c->range_hi));
    MV_TRY(mv_cbor_put_uint(b, ++key));
    MV_TRY(mv_cbor_put_bytes(b, c->model_hash, sizeof c->model_hash));
    MV_TRY(mv_cbor_put_uint(b, ++key));
    MV_TRY(mv_cbor_put_text(b, c->model_name));
    MV_TRY(put_field(b, &key, c->frame_slices));
    MV_TRY(put_field(b, &key, c->feature_bits));
    MV_TRY(put_field(b, &key, c->frames));
    MV_TRY(put_field(b, &key, c->feature_height));
    MV_TRY(put_field(b, &key, c->feature_width));
    MV_TRY(put_field(b, &key, c->feature_channels));
    MV_ASSERT(key == CODE_FIELDS);
done:
    return st;
}

static mv_status expect_key(mv_reader *r, uint64_t *key)
{
    uint64_t found = 0;
    const mv_status st = mv_cbor_get_uint(r, &found);
    return st != MV_OK ? st : found == ++*key ? MV_OK : MV_E_FORMAT;
}

static mv_status get_field(mv_reader *r, uint64_t *key, uint32_t *out)
{
    const mv_status st = expect_key(r, key);
    return st == MV_OK ? mv_cbor_get_u32(r, out) : st;
}

static mv_status get_field_f64(mv_reader *r, uint64_t *key, double *out)
{
    const mv_status st = expect_key(r, key);
    return st == MV_OK ? mv_cbor_get_f64(r, out) : st;
}

static mv_status get_code(mv_reader *r, mv_code_meta *c)
{
    mv_status st = MV_OK;
    uint64_t key = 0, count = 0;
    uint32_t type = 0;

    MV_TRY(mv_cbor_get_map(r, &count));
    MV_ENSURE(count == CODE_FIELDS, MV_E_FORMAT);
    MV_TRY(get_field(r, &key, &c->width));
    MV_TRY(get_field(r, &key, &c->height));
    MV_TRY(get_field(r, &key, &c->depth));
    MV_TRY(get_field(r, &key, &c->channels));
    MV_TRY(get_field(r, &key, &type));
    MV_ENSURE(type >= MV_SAMPLE_U8 && type <= MV_SAMPLE_I8, MV_E_RANGE);
    c->type = (mv_sample_type)type;
    MV_TRY(get_field(r, &key, &c->bits));
    MV_TRY(get_field_f64(r, &key, &c->slope));
    MV_TRY(get_field_f64(r, &key, &c->intercept));
    MV_TRY(expect_key(r, &key));
    MV_TRY(mv_cbor_get_array(r, &count));
    MV_ENSURE(count == 3, MV_E_FORMAT);
    for (int i = 0; i < 3; i++) {
        MV_TRY(mv_cbor_get_f64(r, &c->spacing_mm[i]));
    }
    MV_TRY(get_field_f64(r, &key, &c->range_lo));
    MV_TRY(get_field_f64(r, &key, &c->range_hi));
    MV_TRY(expect_key(r, &key));
    MV_TRY(mv_cbor_get_exactly(r, c->model_hash, sizeof c->model_hash));
    MV_TRY(expect_key(r, &key));
    MV_TRY(mv_cbor_get_text(r, c->model_name, sizeof c->model_name));
    MV_TRY(get_field(r, &key, &c->frame_slices));
    MV_TRY(get_field(r, &key, &c->feature_bits));
    MV_TRY(get_field(r, &key, &c->frames));
    MV_TRY(get_field(r, &key, &c->feature_height));
    MV_TRY(get_field(r, &key, &c->feature_width));
    MV_TRY(get_field(r, &key, &c->feature_channels));
done:
    return st;
}

/* ---- the section ---- */

mv_status mv_meta_write(mv_buffer *out, const mv_envelope_meta *meta, mv_error *err)
{
    mv_status st = MV_OK;

    MV_REQUIRE(mv_file_name_valid(meta->file_name), err, MV_E_ARGUMENT,
               "the file name to send is not a plain name in UTF-8");
    MV_TRY(mv_cbor_put_map(out, 2u + meta->exact_kept + meta->described));
    MV_TRY(mv_cbor_put_uint(out, KEY_FILE_NAME));
    MV_TRY(mv_cbor_put_text(out, meta->file_name));
    MV_TRY(mv_cbor_put_uint(out, KEY_EXACT));
    MV_TRY(mv_cbor_put_uint(out, meta->exact_kept ? EXACT_KEPT : EXACT_LEFT_OUT));
    if (meta->exact_kept) {
        MV_TRY(mv_cbor_put_uint(out, KEY_SHA256));
        MV_TRY(mv_cbor_put_bytes(out, meta->exact_sha256, sizeof meta->exact_sha256));
    }
    if (meta->described) {
        MV_TRY(mv_cbor_put_uint(out, KEY_CODE));
        MV_TRY(put_code(out, &meta->code));
    }
done:
    return st;
}

static mv_status get_meta(mv_reader *r, mv_envelope_meta *m)
{
    mv_status st = MV_OK;
    uint64_t count = 0, key = 0, exact = 0;

    MV_TRY(mv_cbor_get_map(r, &count));
    MV_ENSURE(count >= 2 && count <= 4, MV_E_FORMAT);
    MV_TRY(expect_key(r, &key));
    MV_TRY(mv_cbor_get_text(r, m->file_name, sizeof m->file_name));
    MV_ENSURE(mv_file_name_valid(m->file_name), MV_E_RANGE);
    MV_TRY(expect_key(r, &key));
    MV_TRY(mv_cbor_get_uint(r, &exact));
    MV_ENSURE(exact == EXACT_KEPT || exact == EXACT_LEFT_OUT, MV_E_RANGE);
    m->exact_kept = exact == EXACT_KEPT;
    for (uint64_t i = 2; i < count; i++) {
        MV_TRY(mv_cbor_get_key(r, &key));
        MV_ENSURE(key == KEY_SHA256 || key == KEY_CODE, MV_E_FORMAT);
        if (key == KEY_SHA256) {
            MV_ENSURE(m->exact_kept, MV_E_FORMAT);
            MV_TRY(mv_cbor_get_exactly(r, m->exact_sha256, sizeof m->exact_sha256));
        } else {
            m->described = true;
            MV_TRY(get_code(r, &m->code));
        }
    }
    MV_ENSURE(count == 2u + m->exact_kept + m->described, MV_E_FORMAT); /* no hash missing */
    MV_ENSURE(mv_reader_left(r) == 0, MV_E_FORMAT);
done:
    return st;
}

mv_status mv_meta_read(mv_envelope_meta *out, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    mv_reader r = mv_reader_make(bytes, len);

    memset(out, 0, sizeof *out);
    st = get_meta(&r, out);
    MV_REQUIRE(st == MV_OK, err, st, "the description inside the envelope is damaged: %s",
               mv_status_sentence(st));
    if (out->described) {
        MV_TRY(mv_code_expect(&out->feature_count, &out->code, err));
    }
done:
    if (st != MV_OK) {
        memset(out, 0, sizeof *out);
    }
    return st;
}
