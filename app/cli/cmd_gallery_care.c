/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_gallery_care.c: what the key holder does for a gallery now and then: learning the rows of
 * other senders, so that answers about them are checked too, and repacking.
 */
#include "base/file.h"
#include "base/secret.h"
#include "commands.h"
#include "people.h"
#include "place.h"
#include "scratch.h"
#include "show.h"
#include "ui.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const cli_option learn_options[] = {
    SEARCHING_KEY_OPTIONS,
    PLACE_OPTIONS,
    {NULL, 0, NULL, NULL},
};

static const cli_option repack_options[] = {
    SEARCHING_KEY_OPTIONS,
    PLACE_OPTIONS,
    {NULL, 0, NULL, NULL},
};

/* The holder at work. */
typedef struct holder {
    const cli_args *args;
    place place;
    mv_search_key *key;
    mv_search_check *check;
    searching_source source;
    scratch scratch;
} holder;

static void holder_clear(holder *h)
{
    place_close(&h->place);
    mv_search_key_free(&h->key);
    mv_search_check_free(&h->check);
    searching_source_close(&h->source);
    scratch_remove(&h->scratch);
}

static mv_status holder_open(holder *h, mv_error *err)
{
    mv_status st = MV_OK;
    mv_gallery_access access = {{0}, {0}, {0}};
    MV_TRY(place_name(&h->place, h->args, err));
    MV_TRY(searching_source_open(&h->source, h->args, err));
    MV_TRY(searching_key(&h->key, &access, h->args, &h->source, err));
    MV_TRY(searching_check_load(&h->check, h->place.name, err));
    MV_REQUIRE(h->check != NULL, err, MV_E_NOT_FOUND, "there is no %s.check here", h->place.name);
    MV_TRY(place_open(&h->place, &access, err));
    MV_TRY(place_rows(&h->place, err));
    MV_REQUIRE(mv_search_check_rows(h->check) <= h->place.rows, err, MV_E_AUTH,
               "the gallery has fewer rows than it had");
    MV_TRY(mv_search_check_skip(h->check, h->place.rows));
    MV_TRY(scratch_make(&h->scratch, h->place.name, err));
done:
    mv_wipe(&access, sizeof access);
    return st;
}

/* ---- gallery learn ---- */

/* The embedding of this sealed image, which authenticates itself, is the row's. */
static mv_status learn_one(holder *h, size_t row, const char *sealed, mv_error *err)
{
    mv_status st = MV_OK;
    mv_embedding e;
    char hex[SHOW_HEX_SIZE];
    MV_TRY(searching_embed(&e, h->args, &h->source, sealed, err));
    MV_TRY(mv_search_check_learn(h->check, row, e.value));
    show_hex(hex, h->place.id + row * MV_SEARCH_ROW_ID, MV_SEARCH_ROW_ID);
    if (cli_flag(h->args, "json")) {
        ui_json(json_pack("{s:s}", "id", hex));
    } else {
        printf("%s\n", hex);
    }
done:
    return st;
}

/* From files that are here: a row's id is the hash of its image. */
static mv_status learn_files(holder *h, mv_error *err)
{
    mv_status st = MV_OK;
    for (size_t i = 0; i < h->args->operand_count; i++) {
        mv_client_file file;
        const char *path = h->args->operand[i];
        MV_TRY(mv_client_hash_file(&file, path, err));
        const size_t row = place_find(&h->place, file.hash);
        MV_REQUIRE(row < h->place.rows, err, MV_E_NOT_FOUND, "%s is the image of no row", path);
        if (!mv_search_check_knows(h->check, row)) {
            MV_TRY(learn_one(h, row, path, err));
        }
    }
done:
    return st;
}

/* All that the relay has; rows without an image there stay as they are. */
static mv_status learn_fetched(holder *h, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE];
    MV_TRY(path_join(path, sizeof path, h->scratch.path, "image", ".mv", err));
    for (size_t row = 0; row < h->place.rows; row++) {
        if (h->place.removed[row] || mv_search_check_knows(h->check, row)) {
            continue;
        }
        st = place_image(&h->place, path, h->place.id + row * MV_SEARCH_ROW_ID, err);
        if (st == MV_E_NOT_FOUND) {
            *err = (mv_error){0};
            continue;
        }
        MV_TRY(st);
        MV_TRY(learn_one(h, row, path, err));
        (void)unlink(path);
    }
    st = MV_OK;
done:
    return st;
}

static mv_status learn(holder *h, mv_error *err)
{
    mv_status st = MV_OK;
    MV_REQUIRE(h->args->operand_count != 0 || cli_flag(h->args, "relay"), err, MV_E_ARGUMENT,
               "gallery learn needs sealed images, or --relay, which has them");
    MV_TRY(holder_open(h, err));
    st = h->args->operand_count != 0 ? learn_files(h, err) : learn_fetched(h, err);
    const mv_status saved = searching_check_save(h->check, h->place.name, st == MV_OK ? err : NULL);
    st = st == MV_OK ? saved : st;
done:
    return st;
}

static int run_learn(const cli_args *args)
{
    mv_error err = {0};
    holder h = {.args = args};
    const mv_status st = learn(&h, &err);
    holder_clear(&h);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

/* ---- gallery repack ---- */

/* The rows as the keeper holds them, and those that stay. */
typedef struct rows {
    int8_t *value;  /* [rows][128] */
    uint32_t *kept; /* their numbers */
    size_t count;   /* of them */
} rows;

static void rows_free(rows *r, size_t all)
{
    if (r->value != NULL) {
        mv_wipe(r->value, all * MV_SEARCH_DIM);
    }
    free(r->value);
    free(r->kept);
}

/* Part after part: each begins at a multiple of 64 rows, and may hold fewer. */
static mv_status read_rows(holder *h, rows *out, mv_error *err)
{
    enum { BLOCK = 8192 };
    mv_status st = MV_OK;
    const size_t all = h->place.rows;
    uint8_t *bytes = NULL;
    size_t len = 0, count = 0;
    out->value = calloc(all + BLOCK, MV_SEARCH_DIM);
    out->kept = calloc(all + 1, sizeof *out->kept);
    MV_ENSURE(out->value != NULL && out->kept != NULL, MV_E_MEMORY);
    for (size_t at = 0, part = 0; at < all; part++) {
        MV_TRY(place_part(&h->place, part, &bytes, &len, err));
        st = mv_search_unpack(h->key, out->value + at * MV_SEARCH_DIM, BLOCK, &count, bytes, len);
        MV_REQUIRE(st == MV_OK, err, st, "part %zu of the gallery is damaged", part);
        free(bytes);
        bytes = NULL;
        at += (count + MV_SEARCH_GROUP_MAX - 1) / MV_SEARCH_GROUP_MAX * MV_SEARCH_GROUP_MAX;
    }
    st = mv_search_check_same(h->check, out->value, all);
    MV_REQUIRE(st == MV_OK, err, st, "the gallery's rows are not those that were added");
    for (size_t i = 0; i < all; i++) {
        if (!h->place.removed[i]) {
            out->kept[out->count++] = (uint32_t)i;
        }
    }
done:
    free(bytes);
    return st;
}

/* Group number `first` / 64 of those that stay: ids, message. */
static mv_status pack_group(holder *h, const rows *r, size_t first, uint8_t *ids, uint32_t *count,
                            uint8_t *message)
{
    int8_t value[MV_SEARCH_GROUP_MAX * MV_SEARCH_DIM];
    const size_t left = r->count - first;
    *count = (uint32_t)(left < MV_SEARCH_GROUP_MAX ? left : MV_SEARCH_GROUP_MAX);
    for (uint32_t i = 0; i < *count; i++) {
        const size_t row = r->kept[first + i];
        memcpy(value + (size_t)i * MV_SEARCH_DIM, r->value + row * MV_SEARCH_DIM, MV_SEARCH_DIM);
        memcpy(ids + (size_t)i * MV_SEARCH_ROW_ID, h->place.id + row * MV_SEARCH_ROW_ID,
               MV_SEARCH_ROW_ID);
    }
    const mv_status st =
        mv_search_pack(h->key, message, mv_search_message_sizes().group, value, *count);
    mv_wipe(value, sizeof value);
    return st;
}

/* All groups into a gallery, or, gallery NULL, one after the other into out. */
static mv_status write_groups(holder *h, const rows *r, mv_gallery *gallery, FILE *out,
                              mv_error *err)
{
    mv_status st = MV_OK;
    const size_t size = mv_search_message_sizes().group;
    uint8_t ids[MV_SEARCH_GROUP_MAX * MV_SEARCH_ROW_ID], head[4], *message = malloc(size);
    uint32_t count = 0;
    MV_ENSURE(message != NULL, MV_E_MEMORY);
    for (size_t first = 0; first < r->count; first += MV_SEARCH_GROUP_MAX) {
        MV_TRY(pack_group(h, r, first, ids, &count, message));
        if (gallery != NULL) {
            MV_TRY(mv_gallery_append_group(gallery, ids, count, message, size, err));
            continue;
        }
        mv_store_u32le(head, count);
        MV_REQUIRE(fwrite(head, sizeof head, 1, out) == 1 &&
                       fwrite(ids, MV_SEARCH_ROW_ID, count, out) == count &&
                       fwrite(message, size, 1, out) == 1,
                   err, MV_E_IO, "the repacked gallery cannot be written");
    }
done:
    free(message);
    return st;
}

static mv_status repack_folder(holder *h, const rows *r, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t size = mv_search_message_sizes().server_keys;
    mv_gallery *fresh = NULL;
    uint8_t *keys = malloc(size);
    MV_ENSURE(keys != NULL, MV_E_MEMORY);
    MV_TRY(mv_search_write_server(h->key, keys, size));
    MV_TRY(mv_gallery_create(h->scratch.path, keys, size, err));
    MV_TRY(mv_gallery_open(&fresh, h->scratch.path, err));
    MV_TRY(write_groups(h, r, fresh, NULL, err));
    MV_TRY(place_repacked(&h->place, h->scratch.path, err));
done:
    mv_gallery_free(&fresh);
    free(keys);
    return st;
}

static mv_status repack_relay(holder *h, const rows *r, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE];
    FILE *out = NULL;
    MV_TRY(path_join(path, sizeof path, h->scratch.path, "groups", "", err));
    out = fopen(path, "wb");
    MV_REQUIRE(out != NULL, err, MV_E_IO, "%s: cannot be written", path);
    st = write_groups(h, r, NULL, out, err);
    const bool whole = fclose(out) == 0;
    MV_TRY(st);
    MV_REQUIRE(whole, err, MV_E_IO, "%s: cannot be written", path);
    MV_TRY(place_repacked(&h->place, path, err));
done:
    return st;
}

/* What is known of the rows that stay, at their new places. */
static mv_status check_anew(holder *h, const rows *r)
{
    mv_status st = MV_OK;
    mv_search_check *fresh = NULL;
    MV_TRY(mv_search_check_new(&fresh));
    MV_TRY(mv_search_check_skip(fresh, r->count));
    for (size_t i = 0; i < r->count; i++) {
        const size_t row = r->kept[i];
        if (mv_search_check_knows(h->check, row)) {
            MV_TRY(mv_search_check_learn(fresh, i, r->value + row * MV_SEARCH_DIM));
        }
    }
    mv_search_check_free(&h->check);
    h->check = fresh;
    fresh = NULL;
done:
    mv_search_check_free(&fresh);
    return st;
}

static mv_status repack(holder *h, mv_error *err)
{
    mv_status st = MV_OK;
    rows r = {NULL, NULL, 0};
    MV_TRY(holder_open(h, err));
    MV_TRY(read_rows(h, &r, err));
    MV_REQUIRE(r.count != 0, err, MV_E_NOT_FOUND, "no row is left; make a new gallery instead");
    MV_TRY(cli_flag(h->args, "relay") ? repack_relay(h, &r, err) : repack_folder(h, &r, err));
    MV_TRY(check_anew(h, &r));
    MV_TRY(searching_check_save(h->check, h->place.name, err));
    if (cli_flag(h->args, "json")) {
        ui_json(json_pack("{s:s, s:I, s:I}", "gallery", h->place.name, "rows", (json_int_t)r.count,
                          "dropped", (json_int_t)(h->place.rows - r.count)));
    } else {
        printf("%s: %zu rows, %zu dropped\n", h->place.name, r.count, h->place.rows - r.count);
    }
done:
    rows_free(&r, h->place.rows);
    return st;
}

static int run_repack(const cli_args *args)
{
    mv_error err = {0};
    holder h = {.args = args};
    const mv_status st = repack(&h, &err);
    holder_clear(&h);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

const cli_command cmd_gallery_learn = {
    .name = "gallery learn",
    .operands = "[FILE.mv...]",
    .summary = "learn the rows of other senders, so that answers about them are checked",
    .options = learn_options,
    .run = run_learn,
    .description =
        "A sender's row is not checked until its holder knows the embedding from the image\n"
        "itself. This opens the sealed images of such rows, from files or from the relay, and\n"
        "adds what they hold to NAME.check. Ids of rows that were learnt are printed.\n",
    .examples = "  medveil gallery learn -i alice.id --collection ward.mv --relay URL\n",
    .operands_min = 0,
    .operands_max = CLI_VALUES_MAX,
};

const cli_command cmd_gallery_repack = {
    .name = "gallery repack",
    .operands = "",
    .summary = "fill a gallery anew, without the rows that were removed",
    .options = repack_options,
    .run = run_repack,
    .description =
        "The holder decrypts all rows, compares those that NAME.check knows, packs them 64 to a\n"
        "ciphertext and puts them in the place of the old ones, all at once. When rows come or\n"
        "go meanwhile at a relay nothing is changed.\n",
    .examples = "  medveil gallery repack -i alice.id --collection ward.mv --relay URL\n",
};
