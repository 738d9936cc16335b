/* SPDX-License-Identifier: Apache-2.0
 *
 * gallery_parts.c: what a gallery's store holds: records of rows, groups, blocks
 * (docs/formats/search.md).
 */
#include "analysis/gallery_internal.h"

#include "he/he_bytes.h"
#include "he/params.h"

#include <inttypes.h>
#include <string.h>

enum { ROWS_MAX = 1 << 26 };

static mv_status damaged(mv_error *err, mv_status st, const char *what, size_t number)
{
    (void)mv_fail(err, st, "%s %zu of the gallery is damaged", what, number);
    mv_hint(err, "let the key holder fill a new gallery");
    return st;
}

/* ---- Rows ---- */

mv_status mv_gallery_add_rows(mv_gallery *g, const uint8_t *ids, size_t count)
{
    if (g->rows + count > ROWS_MAX) {
        return MV_E_LIMIT;
    }
    if (g->rows + count > g->row_cap) {
        const size_t cap = (g->rows + count) * 2;
        gallery_row *more = realloc(g->row, cap * sizeof *more);
        if (more == NULL) {
            return MV_E_MEMORY;
        }
        g->row = more;
        g->row_cap = cap;
    }
    for (size_t i = 0; i < count; i++) {
        gallery_row *row = &g->row[g->rows++];
        memset(row, 0, sizeof *row);
        if (ids != NULL) {
            memcpy(row->id, ids + i * MV_SEARCH_ROW_ID, MV_SEARCH_ROW_ID);
        }
        row->removed = mv_gallery_is_nameless(row->id);
    }
    return MV_OK;
}

void mv_gallery_record(uint8_t out[MV_GALLERY_RECORD], uint8_t type, uint64_t row,
                       const uint8_t *id)
{
    memset(out, 0, MV_GALLERY_RECORD);
    out[0] = type;
    mv_store_u64le(out + 8, row);
    if (id != NULL) {
        memcpy(out + 16, id, MV_SEARCH_ROW_ID);
    }
}

mv_status mv_gallery_record_read(mv_gallery_event *out, const uint8_t record[MV_GALLERY_RECORD],
                                 uint64_t rows)
{
    mv_status st = MV_OK;
    static const uint8_t zero[7] = {0};
    *out = (mv_gallery_event){.added = record[0] == MV_GALLERY_ADDED,
                              .row = mv_load_u64le(record + 8),
                              .id = record + 16};
    MV_ENSURE(out->added || record[0] == MV_GALLERY_REMOVED, MV_E_FORMAT);
    MV_ENSURE(memcmp(record + 1, zero, sizeof zero) == 0, MV_E_FORMAT);
    MV_ENSURE(out->added ? out->row == rows : out->row < rows, MV_E_FORMAT);
done:
    return st;
}

static mv_status record_take(mv_gallery *g, const uint8_t *record)
{
    mv_status st = MV_OK;
    mv_gallery_event e;
    MV_TRY(mv_gallery_record_read(&e, record, g->rows));
    if (e.added) {
        MV_TRY(mv_gallery_add_rows(g, e.id, 1));
    } else {
        g->row[e.row].removed = 1;
    }
done:
    return st;
}

/* ---- Groups ---- */

size_t mv_gallery_group_size(void)
{
    return MV_SEARCH_HEADER_LEN + 4 + mv_search_cipher_len(mv_scan_set(), false);
}

mv_status mv_gallery_write_group(uint8_t *out, size_t *len, const mv_gallery *g, uint32_t count,
                                 const mv_cipher *cipher)
{
    const size_t head = MV_SEARCH_HEADER_LEN + 4;
    mv_search_header_write(out, MV_SEARCH_STORED, &g->owner);
    mv_store_u32le(out + MV_SEARCH_HEADER_LEN, count);
    const mv_status st = mv_cipher_write(out + head, mv_gallery_group_size() - head, len, cipher);
    *len += head;
    return st;
}

mv_status mv_gallery_group_parse(mv_reader *r, const mv_search_owner *want, uint32_t *count,
                                 mv_cipher *cipher)
{
    mv_status st = MV_OK;
    mv_search_owner owner;
    MV_TRY(mv_search_header_read(r, MV_SEARCH_STORED, &owner, want));
    MV_TRY(mv_read_u32le(r, count));
    MV_ENSURE(*count >= 1 && *count <= MV_SEARCH_GROUP_MAX, MV_E_RANGE);
    MV_TRY(mv_cipher_read(cipher, r->next, mv_reader_left(r)));
    MV_ENSURE(mv_cipher_polys(cipher) == 2, MV_E_FORMAT);
    MV_ENSURE(mv_cipher_level(cipher) == mv_he_set_level(mv_scan_set()), MV_E_FORMAT);
done:
    return st;
}

mv_status mv_gallery_read_group(mv_gallery *g, size_t group, uint32_t *count, mv_cipher *cipher,
                                mv_error *err)
{
    mv_status st = MV_OK;
    size_t len = 0;
    const size_t cap = mv_gallery_group_size();
    uint8_t *bytes = malloc(cap);
    MV_ENSURE(bytes != NULL, MV_E_MEMORY);
    MV_TRY(g->ops->read(g->store, MV_GALLERY_GROUP, group, bytes, cap, &len, err));
    mv_reader r = mv_reader_make(bytes, len);
    st = mv_gallery_group_parse(&r, &g->owner, count, cipher);
    if (st != MV_OK) {
        st = damaged(err, st, "group", group);
    }
done:
    free(bytes);
    return st;
}

/* ---- Blocks ---- */

static size_t row_bytes(uint32_t limb)
{
    const mv_he_set *set = mv_scan_set();
    return mv_row_size(set->literal.degree, set->mod[limb].bits);
}

static size_t poly_bytes(void)
{
    size_t len = 0;
    for (uint32_t i = 0; i < mv_he_data_limbs(mv_scan_set()); i++) {
        len += row_bytes(i);
    }
    return len;
}

size_t mv_gallery_block_bytes(void)
{
    return MV_SEARCH_HEADER_LEN + (size_t)MV_SCAN_DIMS * 2 * poly_bytes();
}

/* As mv_row_read for at most 57 bits, from words that may reach MV_GALLERY_SLACK bytes too far. */
static mv_status row_read(uint64_t *out, size_t count, const mv_modulus *m, const uint8_t *in)
{
    const uint64_t mask = ((uint64_t)1 << m->bits) - 1;
    uint64_t over = 0;
    for (size_t i = 0, at = 0; i < count; i++, at += m->bits) {
        out[i] = mv_load_u64le(in + at / 8) >> at % 8 & mask;
        over |= m->q - 1 - out[i];
    }
    return over >> 63 == 0 ? MV_OK : MV_E_RANGE;
}

mv_status mv_gallery_block_row(uint64_t *out, const uint8_t *bytes, uint32_t dim, uint32_t poly,
                               uint32_t limb)
{
    const mv_he_set *set = mv_scan_set();
    bytes += MV_SEARCH_HEADER_LEN + ((size_t)dim * 2 + poly) * poly_bytes();
    for (uint32_t i = 0; i < limb; i++) {
        bytes += row_bytes(i);
    }
    return row_read(out, set->literal.degree, &set->mod[limb], bytes);
}

void mv_gallery_write_block(uint8_t *out, const mv_gallery *g, const uint64_t *rows)
{
    const mv_he_set *set = mv_scan_set();
    const uint32_t limbs = mv_he_data_limbs(set);
    mv_search_header_write(out, MV_SEARCH_BLOCK, &g->owner);
    out += MV_SEARCH_HEADER_LEN;
    for (uint32_t i = 0; i < MV_SCAN_DIMS * 2 * limbs; i++) {
        mv_row_write(out, rows + (size_t)i * set->literal.degree, set->literal.degree,
                     set->mod[i % limbs].bits);
        out += row_bytes(i % limbs);
    }
}

mv_status mv_gallery_read_block(uint8_t *out, const mv_gallery *g, size_t block, mv_error *err)
{
    mv_status st = MV_OK;
    size_t len = 0;
    mv_search_owner owner;
    const size_t size = mv_gallery_block_bytes();
    MV_TRY(g->ops->read(g->store, MV_GALLERY_BLOCK, block, out, size, &len, err));
    mv_reader r = mv_reader_make(out, len);
    st = len == size ? mv_search_header_read(&r, MV_SEARCH_BLOCK, &owner, &g->owner)
                     : MV_E_TRUNCATED;
    if (st != MV_OK) {
        st = damaged(err, st, "block", block);
    }
done:
    return st;
}

/* ---- Opening ---- */

static mv_status keys_parse(mv_gallery *g, mv_reader *r)
{
    mv_status st = MV_OK;
    mv_he_eval_key *key = NULL;
    const size_t each = mv_he_eval_key_size(mv_scan_set());
    MV_TRY(mv_search_header_read(r, MV_SEARCH_SERVER, &g->owner, NULL));
    MV_ENSURE(mv_reader_left(r) == MV_SCAN_KEYS * each, MV_E_FORMAT);
    for (int i = 0; i < MV_SCAN_KEYS; i++) {
        const uint8_t *bytes = NULL;
        MV_TRY(mv_read_view(r, &bytes, each));
        MV_TRY(mv_he_eval_key_read(&key, bytes, each));
        MV_TRY(mv_he_eval_keys_add(g->keys, &key));
    }
    MV_TRY(mv_scan_keys_check(g->keys));
done:
    mv_he_eval_key_free(&key);
    return st;
}

static mv_status keys_read(mv_gallery *g, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer bytes = mv_buffer_make(mv_search_message_sizes().server_keys);
    MV_TRY(g->ops->keys(g->store, &bytes, err));
    mv_reader r = mv_reader_make(bytes.bytes, bytes.len);
    st = keys_parse(g, &r);
    MV_REQUIRE(st == MV_OK, err, st, "the gallery's keys are damaged");
done:
    mv_buffer_clear(&bytes);
    return st;
}

mv_status mv_gallery_load(mv_gallery *g, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer records = mv_buffer_make((size_t)MV_GALLERY_RECORD * 2 * ROWS_MAX);
    MV_TRY(keys_read(g, err));
    MV_TRY(g->ops->load(g->store, &records, &g->blocks, err));
    for (size_t at = 0; at < records.len; at += MV_GALLERY_RECORD) {
        st = record_take(g, records.bytes + at);
        if (st != MV_OK) {
            st = damaged(err, st, "record", at / MV_GALLERY_RECORD);
            goto done;
        }
    }
    MV_REQUIRE(g->blocks * mv_scan_block_vectors() <= g->rows, err, MV_E_FORMAT,
               "rows are missing in the gallery's log");
done:
    mv_buffer_clear(&records);
    return st;
}
