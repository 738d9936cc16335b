/* SPDX-License-Identifier: Apache-2.0
 *
 * gallery_file.c: the folder of a gallery. Files come into being whole (base/file.h); the log grows
 * and is cut back on opening to what the groups hold.
 */
#include "analysis/gallery_internal.h"

#include "base/file.h"
#include "he/he_bytes.h"
#include "he/params.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { RECORD = 48, ROWS_MAX = 1 << 26, PATH_ROOM = 4096 };

static mv_status path_of(char out[PATH_ROOM], const mv_gallery *g, const char *what, size_t number,
                         mv_error *err)
{
    const int len = number == SIZE_MAX
                        ? snprintf(out, PATH_ROOM, "%s/%s", g->folder, what)
                        : snprintf(out, PATH_ROOM, "%s/%s-%08zu.mvsr", g->folder, what, number);
    return len > 0 && len < PATH_ROOM
               ? MV_OK
               : mv_fail(err, MV_E_ARGUMENT, "the gallery's folder name is too long");
}

static mv_status damaged(mv_error *err, mv_status st, const char *path)
{
    mv_fail(err, st, "%s: this part of the gallery is damaged", path);
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

static void record_write(uint8_t out[RECORD], uint8_t type, uint64_t row, const uint8_t *id)
{
    memset(out, 0, RECORD);
    out[0] = type;
    mv_store_u64le(out + 8, row);
    if (id != NULL) {
        memcpy(out + 16, id, MV_SEARCH_ROW_ID);
    }
}

mv_status mv_gallery_log(mv_gallery *g, uint8_t type, size_t first, size_t count,
                         const uint8_t *ids, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_ROOM];
    FILE *log = NULL;
    MV_TRY(path_of(path, g, "rows.log", SIZE_MAX, err));
    log = fopen(path, "ab");
    MV_REQUIRE(log != NULL, err, MV_E_IO, "%s: cannot be written", path);
    for (size_t i = 0; i < count; i++) {
        uint8_t record[RECORD];
        record_write(record, type, first + i, ids == NULL ? NULL : ids + i * MV_SEARCH_ROW_ID);
        MV_REQUIRE(fwrite(record, RECORD, 1, log) == 1, err, MV_E_IO, "%s: cannot be written",
                   path);
    }
    MV_REQUIRE(fflush(log) == 0 && fsync(fileno(log)) == 0, err, MV_E_IO, "%s: cannot be written",
               path);
done:
    if (log != NULL) {
        (void)fclose(log);
    }
    return st;
}

/* One record: rows come in order, only known ones are removed. */
static mv_status record_take(mv_gallery *g, const uint8_t *record)
{
    const uint64_t row = mv_load_u64le(record + 8);
    static const uint8_t zero[7] = {0};
    if (memcmp(record + 1, zero, sizeof zero) != 0) {
        return MV_E_FORMAT;
    }
    if (record[0] == MV_GALLERY_ADDED && row == g->rows) {
        return mv_gallery_add_rows(g, record + 16, 1);
    }
    if (record[0] == MV_GALLERY_REMOVED && row < g->rows) {
        g->row[row].removed = 1;
        return MV_OK;
    }
    return MV_E_FORMAT;
}

/* *ragged: the last record was cut off while it was written. */
static mv_status log_read(mv_gallery *g, bool *ragged, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_ROOM];
    mv_buffer bytes = mv_buffer_make((size_t)RECORD * 2 * ROWS_MAX);
    MV_TRY(path_of(path, g, "rows.log", SIZE_MAX, err));
    MV_TRY(mv_file_read(&bytes, path, err));
    *ragged = bytes.len % RECORD != 0;
    for (size_t at = 0; at + RECORD <= bytes.len; at += RECORD) {
        st = record_take(g, bytes.bytes + at);
        if (st != MV_OK) {
            st = damaged(err, st, path);
            goto done;
        }
    }
done:
    mv_buffer_clear(&bytes);
    return st;
}

mv_status mv_gallery_rewrite_log(const mv_gallery *g, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_ROOM];
    mv_output out = {0};
    MV_TRY(path_of(path, g, "rows.log", SIZE_MAX, err));
    MV_TRY(mv_output_open(&out, path, MV_OUTPUT_FORCE, err));
    for (int pass = MV_GALLERY_ADDED; pass <= MV_GALLERY_REMOVED; pass++) {
        for (size_t i = 0; i < g->rows; i++) {
            uint8_t record[RECORD];
            record_write(record, (uint8_t)pass, i, g->row[i].id);
            if (pass == MV_GALLERY_ADDED || g->row[i].removed) { /* of nameless ones, twice */
                MV_REQUIRE(fwrite(record, RECORD, 1, out.stream) == 1, err, MV_E_IO,
                           "%s: cannot be written", path);
            }
        }
    }
    MV_TRY(mv_output_commit(&out, err));
done:
    mv_output_abort(&out);
    return st;
}

/* ---- Groups ---- */

mv_status mv_gallery_save_group(mv_gallery *g, size_t group, uint32_t count,
                                const mv_cipher *cipher, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_ROOM];
    size_t len = 0;
    const size_t head = MV_SEARCH_HEADER_LEN + 4, size = mv_cipher_size(cipher);
    uint8_t *bytes = malloc(head + size);
    MV_ENSURE(bytes != NULL, MV_E_MEMORY);
    MV_TRY(path_of(path, g, "group", group, err));
    mv_search_header_write(bytes, MV_SEARCH_STORED, &g->owner);
    mv_store_u32le(bytes + MV_SEARCH_HEADER_LEN, count);
    MV_TRY(mv_cipher_write(bytes + head, size, &len, cipher));
    MV_TRY(mv_file_write(path, bytes, head + len, MV_OUTPUT_FORCE, err));
done:
    free(bytes);
    return st;
}

static mv_status group_parse(mv_reader *r, const mv_gallery *g, uint32_t *count, mv_cipher *cipher)
{
    mv_status st = MV_OK;
    mv_search_owner owner;
    MV_TRY(mv_search_header_read(r, MV_SEARCH_STORED, &owner, &g->owner));
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
    char path[PATH_ROOM];
    mv_buffer bytes =
        mv_buffer_make(MV_SEARCH_HEADER_LEN + 4 + mv_search_cipher_len(mv_scan_set(), false));
    MV_TRY(path_of(path, g, "group", group, err));
    MV_TRY(mv_file_read(&bytes, path, err));
    mv_reader r = mv_reader_make(bytes.bytes, bytes.len);
    st = group_parse(&r, g, count, cipher);
    if (st != MV_OK) {
        st = damaged(err, st, path);
    }
done:
    mv_buffer_clear(&bytes);
    return st;
}

static bool exists(const mv_gallery *g, const char *what, size_t number)
{
    char path[PATH_ROOM];
    return path_of(path, g, what, number, NULL) == MV_OK && access(path, F_OK) == 0;
}

void mv_gallery_drop_groups(const mv_gallery *g, size_t before)
{
    char path[PATH_ROOM];
    while (before-- > 0 && path_of(path, g, "group", before, NULL) == MV_OK && unlink(path) == 0) {
    }
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
    return (size_t)MV_SCAN_DIMS * 2 * poly_bytes();
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
    bytes += ((size_t)dim * 2 + poly) * poly_bytes();
    for (uint32_t i = 0; i < limb; i++) {
        bytes += row_bytes(i);
    }
    return row_read(out, set->literal.degree, &set->mod[limb], bytes);
}

mv_status mv_gallery_save_block(mv_gallery *g, size_t block, const uint64_t *rows, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_he_set *set = mv_scan_set();
    char path[PATH_ROOM];
    uint8_t header[MV_SEARCH_HEADER_LEN];
    uint8_t *row = malloc(poly_bytes());
    mv_output out = {0};
    MV_ENSURE(row != NULL, MV_E_MEMORY);
    MV_TRY(path_of(path, g, "block", block, err));
    MV_TRY(mv_output_open(&out, path, MV_OUTPUT_FORCE, err));
    mv_search_header_write(header, MV_SEARCH_BLOCK, &g->owner);
    bool good = fwrite(header, sizeof header, 1, out.stream) == 1;
    for (uint32_t i = 0; i < MV_SCAN_DIMS * 2 * mv_he_data_limbs(set); i++) {
        const uint32_t limb = i % mv_he_data_limbs(set);
        mv_row_write(row, rows + (size_t)i * set->literal.degree, set->literal.degree,
                     set->mod[limb].bits);
        good = good && fwrite(row, row_bytes(limb), 1, out.stream) == 1;
    }
    MV_REQUIRE(good, err, MV_E_IO, "%s: cannot be written", path);
    MV_TRY(mv_output_commit(&out, err));
done:
    mv_output_abort(&out);
    free(row);
    return st;
}

mv_status mv_gallery_read_block(uint8_t *out, const mv_gallery *g, size_t block, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_ROOM];
    uint8_t header[MV_SEARCH_HEADER_LEN], more = 0;
    mv_search_owner owner;
    FILE *file = NULL;
    const size_t len = mv_gallery_block_bytes();
    MV_TRY(path_of(path, g, "block", block, err));
    file = fopen(path, "rb");
    MV_REQUIRE(file != NULL, err, MV_E_IO, "%s: cannot be read", path);
    (void)setvbuf(file, NULL, _IONBF, 0);
    const bool whole = fread(header, sizeof header, 1, file) == 1 &&
                       fread(out, 1, len, file) == len && fread(&more, 1, 1, file) == 0;
    mv_reader r = mv_reader_make(header, sizeof header);
    st = whole ? mv_search_header_read(&r, MV_SEARCH_BLOCK, &owner, &g->owner) : MV_E_TRUNCATED;
    if (st != MV_OK) {
        st = damaged(err, st, path);
    }
done:
    if (file != NULL) {
        (void)fclose(file);
    }
    return st;
}

/* ---- Opening ---- */

mv_status mv_gallery_lock(mv_gallery *g, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_ROOM];
    MV_TRY(path_of(path, g, "keys.mvsr", SIZE_MAX, err));
    g->guard = open(path, O_RDONLY | O_CLOEXEC);
    if (g->guard < 0) {
        st = mv_fail(err, MV_E_NOT_FOUND, "%s is not a gallery", g->folder);
        mv_hint(err, "the key holder makes one with: medveil gallery new");
        return st;
    }
    MV_REQUIRE(flock(g->guard, LOCK_EX | LOCK_NB) == 0, err, MV_E_BUSY,
               "%s: somebody else is using this gallery", g->folder);
done:
    return st;
}

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
    char path[PATH_ROOM];
    mv_buffer bytes = mv_buffer_make(mv_search_message_sizes().server_keys);
    MV_TRY(path_of(path, g, "keys.mvsr", SIZE_MAX, err));
    MV_TRY(mv_file_read(&bytes, path, err));
    mv_reader r = mv_reader_make(bytes.bytes, bytes.len);
    st = keys_parse(g, &r);
    if (st != MV_OK) {
        st = damaged(err, st, path);
    }
done:
    mv_buffer_clear(&bytes);
    return st;
}

/* How many rows the files hold: finished blocks, then groups, of which the last may be open. */
static mv_status rows_in_files(mv_gallery *g, size_t *rows, mv_error *err)
{
    mv_status st = MV_OK;
    while (exists(g, "block", g->blocks)) {
        g->blocks++;
    }
    const size_t first = g->blocks * MV_SCAN_GROUPS;
    size_t group = first;
    mv_gallery_drop_groups(g, first);
    *rows = g->blocks * mv_scan_block_vectors();
    while (exists(g, "group", group)) {
        group++;
    }
    if (group > first) {
        uint32_t count = 0;
        MV_TRY(mv_gallery_read_group(g, group - 1, &count, g->open, err));
        *rows = (group - 1) * MV_SEARCH_GROUP_MAX + count;
    }
done:
    return st;
}

mv_status mv_gallery_load(mv_gallery *g, mv_error *err)
{
    mv_status st = MV_OK;
    size_t rows = 0;
    bool ragged = false;
    MV_TRY(keys_read(g, err));
    MV_TRY(log_read(g, &ragged, err));
    MV_TRY(rows_in_files(g, &rows, err));
    MV_REQUIRE(rows <= g->rows, err, MV_E_FORMAT, "%s: rows are missing in the gallery's log",
               g->folder);
    if (rows < g->rows || ragged) { /* an append was interrupted */
        g->rows = rows;
        MV_TRY(mv_gallery_rewrite_log(g, err));
    }
done:
    return st;
}
