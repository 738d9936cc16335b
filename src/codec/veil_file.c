/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_file.c: the networks' file, and finding it.
 */
#include "codec/veil_file.h"

#include "base/file.h"
#include "codec/model_internal.h"
#include "codec/text_field.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static const uint8_t magic[8] = {'m', 'v', 'v', 'e', 'i', 'l', 0, 1};
static const char name[] = "veil";

static void hash_bytes(uint8_t hash[MV_MODEL_HASH_LEN], const uint8_t *bytes, size_t len)
{
    (void)crypto_generichash(hash, MV_MODEL_HASH_LEN, bytes, len, NULL, 0);
}

mv_status mv_veil_file_write(mv_buffer *out, const mv_veil *veil)
{
    mv_status st = MV_OK;
    const size_t start = out->len;
    uint8_t hash[MV_MODEL_HASH_LEN];

    MV_TRY(mv_buffer_append(out, magic, sizeof magic));
    MV_TRY(mv_text_field_put(out, name, MV_MODEL_NAME_MAX));
    MV_TRY(mv_text_field_put(out, veil->licence, sizeof veil->licence));
    MV_TRY(mv_text_field_put(out, veil->training, sizeof veil->training));
    for (size_t place = 0; place < MV_VEIL_BANDS; place++) {
        MV_TRY(mv_small_write(out, &veil->net[place]));
    }
    hash_bytes(hash, out->bytes + start, out->len - start);
    MV_TRY(mv_buffer_append(out, hash, sizeof hash));
done:
    return st;
}

static mv_status read_file(mv_veil *veil, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    const uint8_t *start = NULL;
    char named[MV_MODEL_NAME_MAX];
    mv_reader in = mv_reader_make(bytes, len);

    MV_TRY(mv_read_view(&in, &start, sizeof magic));
    MV_ENSURE(memcmp(start, magic, sizeof magic) == 0, MV_E_FORMAT);
    MV_ENSURE(len >= MV_VEIL_FILE_LEN, MV_E_TRUNCATED);
    MV_ENSURE(len == MV_VEIL_FILE_LEN, MV_E_FORMAT);
    hash_bytes(veil->hash, bytes, len - sizeof veil->hash);
    MV_ENSURE(memcmp(veil->hash, bytes + len - sizeof veil->hash, sizeof veil->hash) == 0,
              MV_E_FORMAT);
    MV_TRY(mv_text_field_read(&in, named, sizeof named));
    MV_ENSURE(strcmp(named, name) == 0, MV_E_FORMAT);
    MV_TRY(mv_text_field_read(&in, veil->licence, sizeof veil->licence));
    MV_TRY(mv_text_field_read(&in, veil->training, sizeof veil->training));
    for (size_t place = 0; place < MV_VEIL_BANDS; place++) {
        MV_TRY(mv_small_read(&veil->net[place], &in));
    }
done:
    return st;
}

mv_status mv_veil_read(mv_veil **out, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    mv_veil *veil = calloc(1, sizeof *veil);

    *out = NULL;
    MV_REQUIRE(veil != NULL, err, MV_E_MEMORY, "out of memory for the networks of veil");
    st = read_file(veil, bytes, len);
    MV_REQUIRE(st == MV_OK, err, st, "this is not a usable file of veil networks: %s",
               mv_status_sentence(st));
    *out = veil;
    veil = NULL;
done:
    mv_veil_free(&veil);
    return st;
}

mv_status mv_veil_load(mv_veil **out, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer file = mv_buffer_make(MV_VEIL_FILE_LEN);

    *out = NULL;
    MV_TRY(mv_file_read(&file, path, err));
    st = mv_veil_read(out, file.bytes, file.len, NULL);
    MV_REQUIRE(st == MV_OK, err, st, "%s is not a usable file of veil networks: %s", path,
               mv_status_sentence(st));
done:
    mv_buffer_clear(&file);
    return st;
}

void mv_veil_free(mv_veil **veil)
{
    if (veil != NULL) {
        free(*veil);
        *veil = NULL;
    }
}

void mv_veil_describe(mv_model_info *out, const mv_veil *veil)
{
    memset(out, 0, sizeof *out);
    memcpy(out->name, name, sizeof name);
    memcpy(out->hash, veil->hash, sizeof out->hash);
    memcpy(out->licence, veil->licence, sizeof out->licence);
    memcpy(out->training, veil->training, sizeof out->training);
    out->parameter_count = (uint64_t)MV_VEIL_BANDS *
                           (MV_SMALL_IN * MV_SMALL_H1 + MV_SMALL_H1 * MV_SMALL_H2 +
                            MV_SMALL_H2 * MV_SMALL_OUT + MV_SMALL_H1 + MV_SMALL_H2 + MV_SMALL_OUT);
}

/* ---- on the search path ---- */

typedef struct each_info {
    mv_status (*visit)(void *user, const char *path, const mv_model_info *info);
    void *user;
} each_info;

static mv_status visit_file(void *user, const char *path)
{
    const each_info *each = user;
    mv_model_info info;
    mv_veil *veil = NULL;
    mv_status st = MV_OK;
    if (mv_veil_load(&veil, path, NULL) == MV_OK) {
        mv_veil_describe(&info, veil);
        st = each->visit(each->user, path, &info);
    }
    mv_veil_free(&veil);
    return st;
}

mv_status mv_veil_each(mv_status (*visit)(void *user, const char *path, const mv_model_info *info),
                       void *user)
{
    each_info each = {visit, user};
    return mv_model_path_each(".mvv", visit_file, &each);
}

typedef struct wanted {
    const uint8_t *hash; /* or NULL */
    mv_veil *found;
} wanted;

/* Takes the first match and stops the walk with MV_E_EXISTS. */
static mv_status visit_wanted(void *user, const char *path)
{
    wanted *w = user;
    mv_veil *veil = NULL;
    if (mv_veil_load(&veil, path, NULL) == MV_OK &&
        (w->hash == NULL || memcmp(w->hash, veil->hash, sizeof veil->hash) == 0)) {
        w->found = veil;
        return MV_E_EXISTS;
    }
    mv_veil_free(&veil);
    return MV_OK;
}

mv_status mv_veil_find(mv_veil **out, const uint8_t *hash, mv_error *err)
{
    wanted w = {hash, NULL};
    const mv_status st = mv_model_path_each(".mvv", visit_wanted, &w);
    char what[2 * MV_MODEL_HASH_LEN + 24] = "file of veil networks";

    *out = w.found;
    if (st == MV_E_EXISTS) {
        return MV_OK;
    }
    if (st != MV_OK) {
        return mv_fail(err, st, "cannot search for the networks of veil: %s",
                       mv_status_sentence(st));
    }
    for (size_t i = 0; hash != NULL && i < MV_MODEL_HASH_LEN; i++) {
        (void)snprintf(what + (i == 0 ? 0 : 5 + 2 * i), 8, i == 0 ? "veil %02x" : "%02x", hash[i]);
    }
    (void)mv_model_path_none(what, err);
    mv_hint(err, "install the file with medveil model install FILE");
    return MV_E_NOT_FOUND;
}
