/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope_manifest.c: writing and reading the manifest, field for field.
 */
#include "envelope_manifest.h"

#include "base/cbor.h"
#include "base/secret.h"
#include "identity.h"

#include <string.h>

enum { KEY_MEMBERS = 1, KEY_ARCHIVE = 2, KEY_COLLECTION = 3, KEY_OUTSIDE = 4 };
enum { KEY_GENERATION = 1, KEY_HOLDERS = 2 }; /* of a collection */
/* of a member */
enum { KEY_FILE_NAME = 1, KEY_EXACT, KEY_FEATURES, KEY_CODE, KEY_FURTHER, KEY_CODING };
enum { KEY_CODING_KIND = 1, KEY_CODED_LEN, KEY_MAX_ERROR }; /* of a coding */

/* Inside KEY_CODE: keys 1.. in this order, none missing. */
enum { CODE_FIELDS = 19 };

enum { NAME_PART_MAX = 255 }; /* bytes; what file systems hold */

/* One part of a name, len bytes that do not hold '/'. */
static bool name_part_valid(const char *part, size_t len)
{
    if (len == 0 || len > NAME_PART_MAX || strncmp(part, ".", len) == 0 ||
        (len == 2 && memcmp(part, "..", 2) == 0)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)part[i], next = (unsigned char)part[i + 1];
        const bool c1 = c == 0xc2 && next >= 0x80 && next <= 0x9f; /* U+0080 to U+009F */
        if (c < 0x20 || c == 0x7f || c1 || c == '\\') {
            return false;
        }
    }
    return true;
}

bool mv_file_name_valid(const char *name)
{
    const size_t len = strlen(name);
    if (len >= MV_FILE_NAME_MAX || !mv_utf8_valid((const uint8_t *)name, len)) {
        return false;
    }
    for (const char *part = name; len != 0; part++) {
        const size_t part_len = strcspn(part, "/");
        if (!name_part_valid(part, part_len)) {
            return false;
        }
        part += part_len;
        if (*part == '\0') {
            break;
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

/* ---- a member ---- */

static mv_status put_coding(mv_buffer *b, const mv_member *m)
{
    mv_status st = MV_OK;

    MV_TRY(mv_cbor_put_uint(b, KEY_CODING));
    MV_TRY(mv_cbor_put_map(b, 2u + (m->max_error != 0)));
    MV_TRY(mv_cbor_put_uint(b, KEY_CODING_KIND));
    MV_TRY(mv_cbor_put_uint(b, m->exact_coding));
    MV_TRY(mv_cbor_put_uint(b, KEY_CODED_LEN));
    MV_TRY(mv_cbor_put_uint(b, m->coded_len));
    if (m->max_error != 0) {
        MV_TRY(mv_cbor_put_uint(b, KEY_MAX_ERROR));
        MV_TRY(mv_cbor_put_uint(b, m->max_error));
    }
done:
    return st;
}

static mv_status put_member(mv_buffer *b, const mv_member *m)
{
    mv_status st = MV_OK;

    MV_TRY(mv_cbor_put_map(b, 1u + m->exact_kept + (m->feature_count != 0) + m->described +
                                  (m->further_count != 0) + (m->exact_coding != 0)));
    MV_TRY(mv_cbor_put_uint(b, KEY_FILE_NAME));
    MV_TRY(mv_cbor_put_text(b, m->file_name));
    if (m->exact_kept) {
        MV_TRY(mv_cbor_put_uint(b, KEY_EXACT));
        MV_TRY(mv_cbor_put_uint(b, m->exact_len));
    }
    if (m->feature_count != 0) {
        MV_TRY(mv_cbor_put_uint(b, KEY_FEATURES));
        MV_TRY(mv_cbor_put_uint(b, m->ciphertext_len));
    }
    if (m->described) {
        MV_TRY(mv_cbor_put_uint(b, KEY_CODE));
        MV_TRY(put_code(b, &m->code));
    }
    if (m->further_count != 0) {
        MV_TRY(mv_cbor_put_uint(b, KEY_FURTHER));
        MV_TRY(mv_cbor_put_map(b, m->further_count));
        for (uint32_t i = 0; i < m->further_count; i++) {
            MV_TRY(mv_cbor_put_uint(b, m->further[i].kind));
            MV_TRY(mv_cbor_put_uint(b, m->further[i].len));
        }
    }
    if (m->exact_coding != 0) {
        MV_TRY(put_coding(b, m));
    }
done:
    return st;
}

static mv_status get_length(mv_reader *r, uint64_t *out)
{
    uint64_t len = 0;
    const mv_status st = mv_cbor_get_uint(r, &len);
    if (st == MV_OK && len > MV_ENVELOPE_LEN_MAX) {
        return MV_E_LIMIT;
    }
    *out = len;
    return st;
}

static mv_status get_further(mv_reader *r, mv_member *m)
{
    mv_status st = MV_OK;
    uint64_t count = 0, kind = 0;

    MV_TRY(mv_cbor_get_map(r, &count));
    MV_ENSURE(count != 0, MV_E_FORMAT);
    MV_ENSURE(count <= MV_MEMBER_FURTHER_MAX, MV_E_LIMIT);
    for (uint32_t i = 0; i < count; i++) {
        MV_TRY(mv_cbor_get_key(r, &kind));
        MV_ENSURE(kind <= UINT32_MAX, MV_E_RANGE);
        m->further[i].kind = (uint32_t)kind;
        MV_TRY(get_length(r, &m->further[i].len));
        if (kind == MV_SECTION_EMBEDDING) {
            m->embedding_len = m->further[i].len;
        }
        if (kind == MV_SECTION_COMPACT || kind == MV_SECTION_COMPACT_HE) {
            MV_ENSURE(m->compact_len == 0 && m->further[i].len != 0, MV_E_FORMAT);
            m->compact_len = m->further[i].len;
            m->compact_he = kind == MV_SECTION_COMPACT_HE;
        }
        m->further_count++;
    }
done:
    return st;
}

static mv_status get_coding(mv_reader *r, mv_member *m)
{
    mv_status st = MV_OK;
    uint64_t count = 0, key = 0;

    MV_TRY(mv_cbor_get_map(r, &count));
    MV_ENSURE(count == 2 || count == 3, MV_E_FORMAT);
    MV_TRY(expect_key(r, &key));
    MV_TRY(mv_cbor_get_u32(r, &m->exact_coding));
    MV_TRY(expect_key(r, &key));
    MV_TRY(get_length(r, &m->coded_len));
    if (count == 3) {
        MV_TRY(expect_key(r, &key));
        MV_TRY(mv_cbor_get_u32(r, &m->max_error));
        MV_ENSURE(m->max_error != 0, MV_E_RANGE);
    }
    MV_ENSURE(m->exact_coding != 0, MV_E_RANGE);
done:
    return st;
}

static mv_status get_member_field(mv_reader *r, uint64_t key, mv_member *m)
{
    switch (key) {
    case KEY_EXACT:
        m->exact_kept = true;
        return get_length(r, &m->exact_len);
    case KEY_FEATURES:
        return get_length(r, &m->ciphertext_len);
    case KEY_CODE:
        m->described = true;
        return get_code(r, &m->code);
    case KEY_FURTHER:
        return get_further(r, m);
    case KEY_CODING:
        return get_coding(r, m);
    default:
        return MV_E_FORMAT;
    }
}

static mv_status get_member(mv_reader *r, mv_member *m)
{
    mv_status st = MV_OK;
    uint64_t count = 0, key = 0;

    MV_TRY(mv_cbor_get_map(r, &count));
    MV_TRY(expect_key(r, &key));
    MV_TRY(mv_cbor_get_text(r, m->file_name, sizeof m->file_name));
    MV_ENSURE(mv_file_name_valid(m->file_name), MV_E_RANGE);
    for (uint64_t i = 1; i < count; i++) {
        MV_TRY(mv_cbor_get_key(r, &key));
        MV_TRY(get_member_field(r, key, m));
    }
    if (m->described) {
        MV_TRY(mv_code_expect(&m->feature_count, &m->code, NULL));
    }
    MV_ENSURE((m->feature_count != 0) == (m->ciphertext_len != 0), MV_E_FORMAT);
    MV_ENSURE(mv_member_has_image(m), MV_E_FORMAT);
    MV_ENSURE(m->compact_len == 0 || (m->described && m->feature_count == 0), MV_E_FORMAT);
    MV_ENSURE(m->exact_kept || m->exact_coding == 0, MV_E_FORMAT);
done:
    return st;
}

/* ---- names ---- */

/* '/' stands before every other byte, so that a name is followed by all names beneath it. */
static int name_rank(char c)
{
    return c == '/' ? 1 : c == '\0' ? 0 : (unsigned char)c + 1;
}

static int compare_names(const void *left, const void *right)
{
    const char *a = *(const char *const *)left, *b = *(const char *const *)right;
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return name_rank(*a) - name_rank(*b);
}

/* Whether one file would stand in the way of the other: the same name, or the other's folder. */
static bool names_clash(const char *name, const char *next)
{
    const size_t len = strlen(name);
    return strncmp(name, next, len) == 0 && (next[len] == '\0' || next[len] == '/');
}

/* Several members: each has a name, no two clash. */
static mv_status check_names(const mv_manifest *m)
{
    mv_status st = MV_OK;
    const char **name = NULL;

    if (m->count < 2) {
        return MV_OK;
    }
    name = malloc(m->count * sizeof *name);
    MV_ENSURE(name != NULL, MV_E_MEMORY);
    for (size_t i = 0; i < m->count; i++) {
        name[i] = m->member[i].file_name;
    }
    qsort(name, m->count, sizeof *name, compare_names);
    MV_ENSURE(name[0][0] != '\0', MV_E_FORMAT);
    for (size_t i = 1; i < m->count; i++) {
        MV_ENSURE(!names_clash(name[i - 1], name[i]), MV_E_FORMAT);
    }
done:
    free(name);
    return st;
}

/* ---- the whole ---- */

void mv_manifest_clear(mv_manifest *manifest)
{
    mv_wipe(manifest->member, manifest->cap * sizeof *manifest->member);
    free(manifest->member);
    free(manifest->holder);
    memset(manifest, 0, sizeof *manifest);
}

mv_status mv_manifest_grow(mv_manifest *manifest, mv_member **out)
{
    if (manifest->count == MV_ENVELOPE_MEMBERS_MAX) {
        return MV_E_LIMIT;
    }
    if (manifest->count == manifest->cap) {
        const size_t cap = manifest->cap == 0 ? 1 : 2 * manifest->cap;
        mv_member *more = calloc(cap, sizeof *more);
        if (more == NULL) {
            return MV_E_MEMORY;
        }
        if (manifest->count != 0) {
            memcpy(more, manifest->member, manifest->count * sizeof *more);
        }
        mv_wipe(manifest->member, manifest->count * sizeof *more);
        free(manifest->member);
        manifest->member = more;
        manifest->cap = cap;
    }
    *out = &manifest->member[manifest->count++];
    return MV_OK;
}

static mv_status put_collection(mv_buffer *b, const mv_manifest *m)
{
    mv_status st = MV_OK;
    MV_TRY(mv_cbor_put_uint(b, KEY_COLLECTION));
    MV_TRY(mv_cbor_put_map(b, 2));
    MV_TRY(mv_cbor_put_uint(b, KEY_GENERATION));
    MV_TRY(mv_cbor_put_uint(b, m->generation));
    MV_TRY(mv_cbor_put_uint(b, KEY_HOLDERS));
    MV_TRY(mv_cbor_put_array(b, m->holder_count));
    for (size_t i = 0; i < m->holder_count; i++) {
        MV_TRY(mv_cbor_put_bytes(b, m->holder[i].bytes, m->holder[i].bytes_len));
    }
done:
    return st;
}

mv_status mv_manifest_write(mv_buffer *out, const mv_manifest *m, mv_error *err)
{
    mv_status st = check_names(m);

    MV_REQUIRE(st != MV_E_FORMAT, err, MV_E_ARGUMENT,
               "the files of one envelope need names, each its own");
    MV_TRY(st);
    MV_TRY(mv_cbor_put_map(out, 1u + m->archived + (m->generation != 0) + m->outside));
    MV_TRY(mv_cbor_put_uint(out, KEY_MEMBERS));
    MV_TRY(mv_cbor_put_array(out, m->count));
    for (size_t i = 0; i < m->count; i++) {
        MV_TRY(put_member(out, &m->member[i]));
    }
    if (m->archived) {
        MV_TRY(mv_cbor_put_uint(out, KEY_ARCHIVE));
        MV_TRY(mv_cbor_put_bytes(out, m->archive, sizeof m->archive));
    }
    if (m->generation != 0) {
        MV_TRY(put_collection(out, m));
    }
    if (m->outside) {
        MV_TRY(mv_cbor_put_uint(out, KEY_OUTSIDE));
        MV_TRY(mv_cbor_put_bytes(out, m->collection_id, sizeof m->collection_id));
    }
done:
    return st;
}

static mv_status get_members(mv_reader *r, mv_manifest *m)
{
    mv_status st = MV_OK;
    uint64_t count = 0;
    mv_member *member = NULL;

    MV_TRY(mv_cbor_get_array(r, &count));
    MV_ENSURE(count <= MV_ENVELOPE_MEMBERS_MAX, MV_E_LIMIT);
    for (uint64_t i = 0; i < count; i++) {
        MV_TRY(mv_manifest_grow(m, &member));
        MV_TRY(get_member(r, member));
    }
    MV_TRY(check_names(m));
done:
    return st;
}

static mv_status get_collection(mv_reader *r, mv_manifest *m)
{
    mv_status st = MV_OK;
    uint64_t count = 0, key = 0;
    const uint8_t *bytes = NULL;
    size_t len = 0;

    MV_TRY(mv_cbor_get_map(r, &count));
    MV_ENSURE(count == 2, MV_E_FORMAT);
    MV_TRY(expect_key(r, &key));
    MV_TRY(mv_cbor_get_u32(r, &m->generation));
    MV_TRY(expect_key(r, &key));
    MV_TRY(mv_cbor_get_array(r, &count));
    MV_ENSURE(m->generation != 0 && count != 0, MV_E_RANGE);
    MV_ENSURE(count <= MV_ENVELOPE_RECIPIENTS_MAX, MV_E_LIMIT);
    m->holder = calloc((size_t)count, sizeof *m->holder);
    MV_ENSURE(m->holder != NULL, MV_E_MEMORY);
    for (uint64_t i = 0; i < count; i++) {
        MV_TRY(mv_cbor_get_bytes(r, &bytes, &len));
        MV_TRY(mv_card_decode(&m->holder[m->holder_count++], bytes, len, NULL));
    }
done:
    return st;
}

static mv_status get_manifest_field(mv_reader *r, uint64_t key, mv_manifest *m)
{
    switch (key) {
    case KEY_ARCHIVE:
        m->archived = true;
        return mv_cbor_get_exactly(r, m->archive, sizeof m->archive);
    case KEY_COLLECTION:
        return get_collection(r, m);
    case KEY_OUTSIDE:
        m->outside = true;
        return mv_cbor_get_exactly(r, m->collection_id, sizeof m->collection_id);
    default:
        return MV_E_FORMAT;
    }
}

static mv_status get_manifest(mv_reader *r, mv_manifest *m)
{
    mv_status st = MV_OK;
    uint64_t count = 0, key = 0;

    MV_TRY(mv_cbor_get_map(r, &count));
    MV_TRY(expect_key(r, &key));
    MV_TRY(get_members(r, m));
    for (uint64_t i = 1; i < count; i++) {
        MV_TRY(mv_cbor_get_key(r, &key));
        MV_TRY(get_manifest_field(r, key, m));
    }
    MV_ENSURE((m->count == 0) == (m->generation != 0), MV_E_FORMAT);
    MV_ENSURE(!m->outside || m->count != 0, MV_E_FORMAT);
    MV_ENSURE(mv_reader_left(r) == 0, MV_E_FORMAT);
done:
    return st;
}

mv_status mv_manifest_read(mv_manifest *out, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    mv_reader r = mv_reader_make(bytes, len);

    memset(out, 0, sizeof *out);
    st = get_manifest(&r, out);
    MV_REQUIRE(st == MV_OK, err, st, "the manifest inside the envelope is damaged: %s",
               mv_status_sentence(st));
done:
    if (st != MV_OK) {
        mv_manifest_clear(out);
    }
    return st;
}
