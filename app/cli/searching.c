/* SPDX-License-Identifier: Apache-2.0
 *
 * searching.c: what the gallery and search commands share.
 */
#include "searching.h"

#include "base/file.h"
#include "base/secret.h"
#include "medveil/image.h"
#include "paths.h"
#include "people.h"
#include "sealed.h"
#include "show.h"
#include "ui.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

static const uint8_t vectors_hash[MV_SEARCH_HASH_LEN] = "vectors of 128 numbers";

mv_status searching_source_open(searching_source *source, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    mv_head_info info;
    memcpy(source->hash, vectors_hash, sizeof source->hash);
    if (!cli_flag(args, "vectors")) {
        MV_TRY(path_load_model(&source->model, cli_value(args, "model"), err));
        MV_TRY(mv_head_find_for(&source->head, source->model, err));
        mv_head_describe(&info, source->head);
        memcpy(source->hash, info.hash, sizeof source->hash);
    }
done:
    return st;
}

void searching_source_close(searching_source *source)
{
    mv_head_free(&source->head);
    mv_model_free(&source->model);
}

mv_status searching_need(const cli_args *args, const char *option, const char **out, mv_error *err)
{
    *out = cli_value(args, option);
    return *out != NULL ? MV_OK
                        : mv_fail(err, MV_E_ARGUMENT, "%s needs --%s", args->command->name, option);
}

mv_status searching_collection(mv_collection **out, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    const char *who = NULL, *path = NULL;
    mv_identity *identity = NULL;
    *out = NULL;
    MV_TRY(searching_need(args, "identity", &who, err));
    MV_TRY(searching_need(args, "collection", &path, err));
    MV_TRY(people_identity(&identity, args, who, err));
    MV_TRY(sealed_load_collection(out, path, identity, err));
done:
    mv_identity_free(&identity);
    return st;
}

mv_status searching_key(mv_search_key **out, mv_gallery_access *access, const cli_args *args,
                        const searching_source *source, mv_error *err)
{
    mv_status st = MV_OK;
    mv_collection *collection = NULL;
    MV_TRY(searching_collection(&collection, args, err));
    MV_TRY(mv_gallery_access_make(access, mv_collection_key(collection), source->hash));
    MV_TRY(mv_search_key_new(out, mv_collection_key(collection), source->hash));
done:
    mv_collection_free(&collection);
    return st;
}

/* ---- Images ---- */

enum { ORIGINAL_MAX = 1 << 30, CHECK_MAX = 1 << 24 };

static mv_status collect(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    const mv_status st = mv_buffer_append(user, bytes, len);
    return st == MV_OK ? MV_OK : mv_fail(err, st, "the image inside is too large");
}

/* A .mv with one file inside, by --identity. */
static mv_status open_sealed(sealed_file *out, const cli_args *args, const char *path,
                             mv_error *err)
{
    mv_status st = MV_OK;
    const char *who = NULL;
    mv_identity *identity = NULL;
    MV_TRY(searching_need(args, "identity", &who, err));
    MV_TRY(people_identity(&identity, args, who, err));
    MV_TRY(sealed_open(out, path, identity, NULL, err));
    MV_REQUIRE(mv_opener_count(out->opener) == 1, err, MV_E_ARGUMENT,
               "%s does not hold one image; open it with medveil decrypt first", path);
    if (mv_opener_member(out->opener, 0)->embedding_len != 0) {
        MV_TRY(sealed_collection(out, cli_value(args, "collection"), identity, err));
    }
done:
    mv_identity_free(&identity);
    return st;
}

static mv_status exact_image(mv_image *out, const sealed_file *sealed, const char *path,
                             mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer whole = mv_buffer_make(ORIGINAL_MAX);
    const mv_sink sink = {collect, &whole};
    MV_REQUIRE(mv_opener_member(sealed->opener, 0)->exact_kept, err, MV_E_ARGUMENT,
               "%s holds no exact image; open it with medveil decrypt --reconstruct first", path);
    MV_TRY(mv_opener_exact(sealed->opener, 0, &sink, err));
    const mv_image_files files = {whole.bytes, whole.len, NULL, 0};
    MV_TRY(mv_image_decode_files(out, &files, "the image inside", err));
done:
    mv_buffer_clear(&whole);
    return st;
}

static bool is_sealed(const char *path)
{
    return strcmp(path_extension(path), ".mv") == 0;
}

mv_status searching_write(const cli_args *args, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    const char *path = NULL;
    MV_TRY(searching_need(args, "output", &path, err));
    MV_TRY(mv_file_write(path, bytes, len, cli_flag(args, "force") ? MV_OUTPUT_FORCE : 0, err));
    if (strcmp(path, "-") == 0) {
        return MV_OK;
    }
    if (cli_flag(args, "json")) {
        ui_json(json_pack("{s:s, s:I}", "out", path, "bytes", (json_int_t)len));
    } else {
        ui_say("wrote %s, %zu bytes", path, len);
    }
done:
    return st;
}

mv_status searching_image(mv_image *out, const cli_args *args, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    sealed_file sealed = {0};
    if (!is_sealed(path)) {
        return mv_image_load(out, path, err);
    }
    MV_TRY(open_sealed(&sealed, args, path, err));
    MV_TRY(exact_image(out, &sealed, path, err));
done:
    sealed_close(&sealed);
    return st;
}

/* The embedding that travels with the image, if it is of this head; else it is made again. */
static mv_status embed_sealed(mv_embedding *out, const cli_args *args,
                              const searching_source *source, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    sealed_file sealed = {0};
    mv_image image = {0};
    MV_REQUIRE(source->head != NULL, err, MV_E_ARGUMENT, "%s is not a file of 128 numbers", path);
    MV_TRY(open_sealed(&sealed, args, path, err));
    if (mv_opener_member(sealed.opener, 0)->embedding_len != 0) {
        MV_TRY(mv_opener_embedding(sealed.opener, 0, out, err));
        if (memcmp(out->head_hash, source->hash, sizeof source->hash) == 0) {
            goto done;
        }
    }
    MV_TRY(exact_image(&image, &sealed, path, err));
    MV_TRY(mv_head_embed_image(out, NULL, source->head, source->model, &image, err));
done:
    mv_image_clear(&image);
    sealed_close(&sealed);
    return st;
}

static mv_status vector_embed(mv_embedding *out, const mv_image *given, const char *path,
                              mv_error *err)
{
    mv_status st = MV_OK;
    const mv_image image = *given;
    float unit[MV_EMBEDDING_DIM];
    double norm = 0;
    MV_REQUIRE(mv_image_sample_count(&image) == MV_EMBEDDING_DIM, err, MV_E_ARGUMENT,
               "%s: an embedding has %d numbers, not %zu", path, MV_EMBEDDING_DIM,
               mv_image_sample_count(&image));
    for (size_t i = 0; i < MV_EMBEDDING_DIM; i++) {
        norm += mv_image_get(&image, i) * mv_image_get(&image, i);
    }
    MV_REQUIRE(norm > 0 && isfinite(norm), err, MV_E_RANGE, "%s: this vector has no direction",
               path);
    for (size_t i = 0; i < MV_EMBEDDING_DIM; i++) {
        unit[i] = (float)(mv_image_get(&image, i) / sqrt(norm));
    }
    MV_TRY(mv_embedding_quantise(out, unit));
    memcpy(out->head_hash, vectors_hash, sizeof out->head_hash);
done:
    return st;
}

mv_status searching_embed(mv_embedding *out, const cli_args *args, const searching_source *source,
                          const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image image = {0};
    if (is_sealed(path)) {
        return embed_sealed(out, args, source, path, err);
    }
    MV_TRY(mv_image_load(&image, path, err));
    MV_TRY(source->head == NULL
               ? vector_embed(out, &image, path, err)
               : mv_head_embed_image(out, NULL, source->head, source->model, &image, err));
done:
    mv_image_clear(&image);
    return st;
}

/* ---- What the key holder keeps ---- */

/* "gallery/" is "gallery", so that the files lie beside it. */
static mv_status beside(char out[PATH_SIZE], const char *folder, const char *suffix, mv_error *err)
{
    size_t len = strlen(folder);
    while (len > 1 && folder[len - 1] == '/') {
        len--;
    }
    const int n = snprintf(out, PATH_SIZE, "%.*s%s", (int)len, folder, suffix);
    return n > 0 && n < PATH_SIZE
               ? MV_OK
               : mv_fail(err, MV_E_LIMIT, "the gallery's folder name is too long");
}

mv_status searching_beside_is_free(const char *folder, mv_error *err)
{
    static const char *const suffix[] = {".pub", ".check", ".names"};
    mv_status st = MV_OK;
    char path[PATH_SIZE];
    for (size_t i = 0; i < sizeof suffix / sizeof suffix[0]; i++) {
        MV_TRY(beside(path, folder, suffix[i], err));
        if (access(path, F_OK) == 0) {
            st = mv_fail(err, MV_E_EXISTS, "%s exists already", path);
            mv_hint(err, "it belongs to a gallery: name the new one with --gallery NAME");
            goto done;
        }
    }
done:
    return st;
}

mv_status searching_check_load(mv_search_check **out, const char *folder, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE], *bytes = NULL;
    size_t len = 0;
    *out = NULL;
    MV_TRY(beside(path, folder, ".check", err));
    if (access(path, F_OK) != 0) {
        return MV_OK;
    }
    bytes = malloc(CHECK_MAX);
    MV_ENSURE(bytes != NULL, MV_E_MEMORY);
    MV_TRY(mv_private_read(bytes, CHECK_MAX, &len, path, "check", err));
    st = mv_search_check_read(out, (const uint8_t *)bytes, len);
    MV_REQUIRE(st == MV_OK, err, st, "%s is damaged", path);
done:
    if (bytes != NULL) {
        mv_wipe(bytes, len);
        free(bytes);
    }
    return st;
}

mv_status searching_check_save(const mv_search_check *check, const char *folder, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE];
    const size_t len = mv_search_check_size(check);
    uint8_t *bytes = malloc(len);
    MV_ENSURE(bytes != NULL, MV_E_MEMORY);
    MV_TRY(mv_search_check_write(bytes, len, check));
    MV_TRY(beside(path, folder, ".check", err));
    MV_TRY(mv_file_write(path, bytes, len, MV_OUTPUT_FORCE | MV_OUTPUT_PRIVATE, err));
done:
    if (bytes != NULL) {
        mv_wipe(bytes, len);
        free(bytes);
    }
    return st;
}

static mv_status names_read(mv_buffer *out, const char *folder, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE];
    MV_TRY(beside(path, folder, ".names", err));
    FILE *there = fopen(path, "rb");
    if (there != NULL) {
        (void)fclose(there);
        MV_TRY(mv_file_read(out, path, err));
    }
done:
    return st;
}

mv_status searching_names_add(const char *folder, const uint8_t id[MV_SEARCH_ROW_ID],
                              const char *name, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE], line[PATH_SIZE], hex[SHOW_HEX_SIZE];
    mv_buffer all = mv_buffer_make(1 << 28);
    MV_TRY(beside(path, folder, ".names", err));
    MV_TRY(names_read(&all, folder, err));
    show_hex(hex, id, MV_SEARCH_ROW_ID);
    const int len = snprintf(line, sizeof line, "%s %s\n", hex, path_base(name));
    MV_REQUIRE(len > 0 && len < (int)sizeof line && strchr(path_base(name), '\n') == NULL, err,
               MV_E_ARGUMENT, "%s: this name cannot be kept", name);
    MV_TRY(mv_buffer_append(&all, (const uint8_t *)line, (size_t)len));
    MV_TRY(mv_file_write(path, all.bytes, all.len, MV_OUTPUT_FORCE | MV_OUTPUT_PRIVATE, err));
done:
    mv_buffer_clear(&all);
    return st;
}

void searching_name(char *out, const char *folder, const uint8_t id[MV_SEARCH_ROW_ID])
{
    enum { HEX = 2 * MV_SEARCH_ROW_ID };
    mv_buffer all = mv_buffer_make(1 << 28);
    show_hex(out, id, MV_SEARCH_ROW_ID);
    const mv_status st = names_read(&all, folder, NULL);
    for (size_t at = 0; st == MV_OK && at < all.len;) {
        const char *line = (const char *)all.bytes + at;
        const char *end = memchr(line, '\n', all.len - at);
        const size_t len = end == NULL ? all.len - at : (size_t)(end - line);
        if (len > HEX + 1 && len - HEX - 1 < PATH_SIZE && memcmp(line, out, HEX) == 0) {
            memcpy(out, line + HEX + 1, len - HEX - 1);
            out[len - HEX - 1] = '\0';
            break;
        }
        at += len + 1;
    }
    mv_buffer_clear(&all);
}
