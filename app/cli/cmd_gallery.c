/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_gallery.c: galleries of encrypted embeddings: making them, adding to them, removing.
 */
#include "base/file.h"
#include "base/rng.h"
#include "commands.h"
#include "paths.h"
#include "people.h"
#include "searching.h"
#include "show.h"
#include "ui.h"

#include <stdio.h>
#include <string.h>

static const cli_option new_options[] = {
    SEARCHING_KEY_OPTIONS,
    {"output", 'o', "FOLDER", "the gallery to make; its keys are public"},
    {NULL, 0, NULL, NULL},
};

static const cli_option add_options[] = {
    SEARCHING_KEY_OPTIONS,
    {"public", 0, "FILE", "instead: the gallery's public key, FOLDER.pub"},
    {"to", 0, "FOLDER", "the gallery"},
    {NULL, 0, NULL, NULL},
};

static const cli_option remove_options[] = {
    {"from", 0, "FOLDER", "the gallery"},
    {NULL, 0, NULL, NULL},
};

/* ---- gallery new ---- */

static mv_status write_public(mv_search_key *key, const char *folder, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE];
    const size_t size = mv_search_message_sizes().public_key;
    uint8_t *message = malloc(size);
    MV_ENSURE(message != NULL, MV_E_MEMORY);
    MV_TRY(path_copy(path, sizeof path, folder, err));
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') {
        path[--len] = '\0';
    }
    MV_REQUIRE(len + 5 < sizeof path, err, MV_E_LIMIT, "the gallery's folder name is too long");
    memcpy(path + len, ".pub", 5);
    MV_TRY(mv_search_write_public(key, message, size));
    MV_TRY(mv_file_write(path, message, size, 0, err));
done:
    free(message);
    return st;
}

static mv_status make(const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    const char *folder = NULL;
    const size_t size = mv_search_message_sizes().server_keys;
    mv_search_key *key = NULL;
    mv_search_check *check = NULL;
    searching_source source = {0};
    uint8_t *message = malloc(size);
    MV_ENSURE(message != NULL, MV_E_MEMORY);
    MV_TRY(searching_need(args, "output", &folder, err));
    MV_TRY(searching_source_open(&source, args, err));
    MV_TRY(searching_key(&key, args, &source, err));
    MV_TRY(mv_search_check_new(&check));
    MV_TRY(mv_search_write_server(key, message, size));
    MV_TRY(searching_beside_is_free(folder, err));
    MV_TRY(mv_gallery_create(folder, message, size, err));
    MV_TRY(write_public(key, folder, err));
    MV_TRY(searching_check_save(check, folder, err));
    if (cli_flag(args, "json")) {
        ui_json(json_pack("{s:s, s:i}", "gallery", folder, "rows", 0));
    } else {
        printf("%s: an empty gallery; give %s.pub to senders, keep %s.check to yourself\n", folder,
               folder, folder);
    }
done:
    searching_source_close(&source);
    mv_search_check_free(&check);
    mv_search_key_free(&key);
    free(message);
    return st;
}

static int run_new(const cli_args *args)
{
    mv_error err = {0};
    const mv_status st = make(args, &err);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

/* ---- gallery add ---- */

/* Who adds: the key holder, with check, or a sender. */
typedef struct adder {
    const cli_args *args;
    const char *folder;
    mv_gallery *gallery;
    mv_search_key *key;
    mv_search_check *check;
    mv_search_sender *sender;
    searching_source source;
    uint8_t *message;
} adder;

static void adder_clear(adder *a)
{
    mv_gallery_free(&a->gallery);
    mv_search_key_free(&a->key);
    mv_search_check_free(&a->check);
    mv_search_sender_free(&a->sender);
    searching_source_close(&a->source);
    free(a->message);
}

static mv_status open_sender(adder *a, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer bytes = mv_buffer_make(mv_search_message_sizes().public_key);
    MV_TRY(mv_file_read(&bytes, path, err));
    st = mv_search_sender_new(&a->sender, bytes.bytes, bytes.len);
    MV_REQUIRE(st == MV_OK, err, st, "%s is not the public key of a gallery", path);
done:
    mv_buffer_clear(&bytes);
    return st;
}

static mv_status adder_open(adder *a, mv_error *err)
{
    mv_status st = MV_OK;
    const char *public_key = cli_value(a->args, "public");
    MV_TRY(searching_need(a->args, "to", &a->folder, err));
    MV_REQUIRE(public_key == NULL || cli_value(a->args, "collection") == NULL, err, MV_E_ARGUMENT,
               "--public and --collection exclude each other");
    a->message = malloc(mv_search_message_sizes().upload);
    MV_ENSURE(a->message != NULL, MV_E_MEMORY);
    MV_TRY(searching_source_open(&a->source, a->args, err));
    if (public_key != NULL) {
        MV_TRY(open_sender(a, public_key, err));
    } else {
        MV_TRY(searching_key(&a->key, a->args, &a->source, err));
        MV_TRY(searching_check_load(&a->check, a->folder, err));
    }
    MV_TRY(mv_gallery_open(&a->gallery, a->folder, err));
done:
    return st;
}

static void report_row(const adder *a, const uint8_t id[MV_SEARCH_ROW_ID], const char *name)
{
    char hex[SHOW_HEX_SIZE];
    show_hex(hex, id, MV_SEARCH_ROW_ID);
    if (cli_flag(a->args, "json")) {
        ui_json(json_pack("{s:s, s:s, s:I}", "id", hex, "name", path_base(name), "rows",
                          (json_int_t)mv_gallery_rows(a->gallery)));
    } else {
        printf("%s  %s\n", hex, path_base(name));
    }
}

static mv_status send_one(adder *a, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_embedding e;
    uint8_t id[MV_SEARCH_ROW_ID];
    const size_t size = mv_search_message_sizes().upload;
    MV_TRY(searching_embed(&e, a->args, &a->source, path, err));
    MV_TRY(mv_random_bytes(id, sizeof id));
    MV_TRY(mv_search_upload(a->sender, a->message, size, e.value, e.head_hash));
    MV_TRY(mv_gallery_append(a->gallery, id, a->message, size, err));
    report_row(a, id, path);
done:
    return st;
}

/* Zeros for the rows that fill the group before; only a check that knew all rows stays. */
static void check_follow(adder *a, size_t before, const int8_t *value, uint32_t count)
{
    static const int8_t zero[MV_SEARCH_DIM] = {0};
    if (a->check == NULL || mv_search_check_rows(a->check) != before) {
        return;
    }
    while (mv_search_check_rows(a->check) + count < mv_gallery_rows(a->gallery)) {
        mv_search_check_add(a->check, zero);
    }
    for (uint32_t i = 0; i < count; i++) {
        mv_search_check_add(a->check, value + (size_t)i * MV_SEARCH_DIM);
    }
}

/* Up to 64 of the key holder's. */
static mv_status pack_some(adder *a, size_t first, uint32_t count, mv_error *err)
{
    mv_status st = MV_OK;
    int8_t value[MV_SEARCH_GROUP_MAX * MV_SEARCH_DIM];
    uint8_t ids[MV_SEARCH_GROUP_MAX * MV_SEARCH_ROW_ID];
    const size_t size = mv_search_message_sizes().group, before = mv_gallery_rows(a->gallery);
    for (uint32_t i = 0; i < count; i++) {
        mv_embedding e;
        MV_TRY(searching_embed(&e, a->args, &a->source, a->args->operand[first + i], err));
        memcpy(value + (size_t)i * MV_SEARCH_DIM, e.value, MV_SEARCH_DIM);
    }
    MV_TRY(mv_random_bytes(ids, sizeof ids));
    MV_TRY(mv_search_pack(a->key, a->message, size, value, count));
    MV_TRY(mv_gallery_append_group(a->gallery, ids, count, a->message, size, err));
    check_follow(a, before, value, count);
    if (a->check != NULL) {
        MV_TRY(searching_check_save(a->check, a->folder, err));
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *id = ids + (size_t)i * MV_SEARCH_ROW_ID;
        MV_TRY(searching_names_add(a->folder, id, a->args->operand[first + i], err));
        report_row(a, id, a->args->operand[first + i]);
    }
done:
    return st;
}

static int run_add(const cli_args *args)
{
    mv_error err = {0};
    adder a = {.args = args};
    mv_status st = adder_open(&a, &err);
    for (size_t i = 0; st == MV_OK && i < args->operand_count;) {
        const size_t left = args->operand_count - i;
        const uint32_t count = (uint32_t)(left < MV_SEARCH_GROUP_MAX ? left : MV_SEARCH_GROUP_MAX);
        st =
            a.sender != NULL ? send_one(&a, args->operand[i], &err) : pack_some(&a, i, count, &err);
        i += a.sender != NULL ? 1 : count;
    }
    adder_clear(&a);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

/* ---- gallery remove ---- */

static bool parse_id(uint8_t id[MV_SEARCH_ROW_ID], const char *text)
{
    if (strlen(text) != 2 * MV_SEARCH_ROW_ID) {
        return false;
    }
    for (size_t i = 0; i < MV_SEARCH_ROW_ID; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *high = strchr(digits, text[2 * i]), *low = strchr(digits, text[2 * i + 1]);
        if (high == NULL || low == NULL) {
            return false;
        }
        id[i] = (uint8_t)((high - digits) << 4 | (low - digits));
    }
    return true;
}

static mv_status remove_rows(const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    const char *folder = NULL;
    mv_gallery *gallery = NULL;
    MV_TRY(searching_need(args, "from", &folder, err));
    MV_TRY(mv_gallery_open(&gallery, folder, err));
    for (size_t i = 0; i < args->operand_count; i++) {
        uint8_t id[MV_SEARCH_ROW_ID];
        MV_REQUIRE(parse_id(id, args->operand[i]), err, MV_E_ARGUMENT,
                   "\"%.80s\" is not a row's id of 64 digits", args->operand[i]);
        MV_TRY(mv_gallery_remove(gallery, id, err));
    }
done:
    mv_gallery_free(&gallery);
    return st;
}

static int run_remove(const cli_args *args)
{
    mv_error err = {0};
    const mv_status st = remove_rows(args, &err);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

const cli_command cmd_gallery_new = {
    .name = "gallery new",
    .operands = "",
    .summary = "make a gallery of encrypted embeddings",
    .options = new_options,
    .run = run_new,
    .description =
        "A gallery is a folder that may lie where nobody is trusted: it holds evaluation keys and\n"
        "encrypted embeddings, and whoever keeps it can compute similarities without seeing any "
        "of\n"
        "them. Beside it come FOLDER.pub, with which others add images, and FOLDER.check, which\n"
        "stays with you: with it, wrong answers are found out.\n",
    .examples = "  medveil gallery new -i alice.id --collection ward.mv -o ward.gallery\n",
};

const cli_command cmd_gallery_add = {
    .name = "gallery add",
    .operands = "IMAGE...",
    .summary = "add embeddings to a gallery",
    .options = add_options,
    .run = run_add,
    .description = "Each IMAGE is embedded by the model's head; only the embedding is sent. A "
                   "holder of the collection adds up to 64 "
                   "at once in\n"
                   "one ciphertext; a sender with --public adds one by one and cannot read any. "
                   "Each row gets\n"
                   "a random id, which is printed.\n",
    .examples = "  medveil gallery add -i alice.id --collection ward.mv --to ward.gallery a.png\n"
                "  medveil gallery add --public ward.gallery.pub --to ward.gallery b.dcm\n",
    .operands_min = 1,
    .operands_max = CLI_VALUES_MAX,
};

const cli_command cmd_gallery_remove = {
    .name = "gallery remove",
    .operands = "ID...",
    .summary = "mark rows of a gallery as removed",
    .options = remove_options,
    .run = run_remove,
    .description = "A removed row is in no answer any more. Its ciphertext goes only when the key\n"
                   "holder fills a new gallery.\n",
    .examples = NULL,
    .operands_min = 1,
    .operands_max = CLI_VALUES_MAX,
};
