/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_gallery.c: galleries of encrypted embeddings: making them, adding to them, removing.
 */
#include "base/file.h"
#include "base/rng.h"
#include "base/secret.h"
#include "commands.h"
#include "paths.h"
#include "people.h"
#include "place.h"
#include "searching.h"
#include "show.h"
#include "ui.h"

#include <stdio.h>
#include <string.h>

static const cli_option new_options[] = {
    SEARCHING_KEY_OPTIONS,
    PLACE_OPTIONS,
    {NULL, 0, NULL, NULL},
};

static const cli_option add_options[] = {
    SEARCHING_KEY_OPTIONS,
    {"public", 0, "FILE", "instead of a collection: the gallery's public key, NAME.pub"},
    PLACE_OPTIONS,
    {"sealed", 0, "FOLDER", "with --relay: keep these .mv files of the images beside the rows"},
    {NULL, 0, NULL, NULL},
};

/* ---- gallery new ---- */

static mv_status write_public(mv_search_key *key, const char *name, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE];
    const size_t size = mv_search_message_sizes().public_key;
    uint8_t *message = malloc(size);
    MV_ENSURE(message != NULL, MV_E_MEMORY);
    (void)snprintf(path, sizeof path, "%.*s.pub", (int)sizeof path - 8, name);
    MV_TRY(mv_search_write_public(key, message, size));
    MV_TRY(mv_file_write(path, message, size, MV_OUTPUT_PRIVATE, err));
done:
    free(message);
    return st;
}

/* The keys to where the gallery will be. message: senders' key, then the server's keys. */
static mv_status make_there(place *p, const mv_gallery_access *access, const uint8_t *message,
                            size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_gallery_request r = {.ask = MV_GALLERY_ASK_KEYS, .body = message, .len = len};
    if (!cli_flag(p->args, "relay")) {
        return mv_gallery_create(p->name, message + sizeof access->sender,
                                 len - sizeof access->sender, err);
    }
    MV_TRY(place_open(p, access, err));
    MV_TRY(mv_client_gallery(p->client, &r, NULL, NULL, err));
done:
    return st;
}

static void tell_new(const place *p)
{
    if (cli_flag(p->args, "json")) {
        ui_json(json_pack("{s:s, s:i}", "gallery", p->name, "rows", 0));
    } else {
        printf("%s: an empty gallery; give %s.pub to senders, keep %s.check to yourself\n", p->name,
               p->name, p->name);
    }
}

static mv_status make(const cli_args *args, place *p, mv_error *err)
{
    mv_status st = MV_OK;
    mv_gallery_access access = {{0}, {0}, {0}};
    const size_t size = sizeof access.sender + mv_search_message_sizes().server_keys;
    mv_search_key *key = NULL;
    mv_search_check *check = NULL;
    searching_source source = {0};
    uint8_t *message = malloc(size);
    MV_ENSURE(message != NULL, MV_E_MEMORY);
    MV_TRY(place_name(p, args, err));
    MV_TRY(searching_source_open(&source, args, err));
    MV_TRY(searching_key(&key, &access, args, &source, err));
    MV_TRY(mv_search_check_new(&check));
    memcpy(message, access.sender, sizeof access.sender);
    MV_TRY(
        mv_search_write_server(key, message + sizeof access.sender, size - sizeof access.sender));
    MV_TRY(searching_beside_is_free(p->name, err));
    MV_TRY(make_there(p, &access, message, size, err));
    MV_TRY(write_public(key, p->name, err));
    MV_TRY(searching_check_save(check, p->name, err));
    tell_new(p);
done:
    searching_source_close(&source);
    mv_search_check_free(&check);
    mv_search_key_free(&key);
    mv_wipe(&access, sizeof access);
    free(message);
    return st;
}

static int run_new(const cli_args *args)
{
    mv_error err = {0};
    place p = {0};
    const mv_status st = make(args, &p, &err);
    place_close(&p);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

/* ---- gallery add ---- */

/* Who adds: the key holder, with check, or a sender. */
typedef struct adder {
    const cli_args *args;
    place place;
    mv_search_key *key;
    mv_search_check *check;
    mv_search_sender *sender;
    searching_source source;
    uint8_t *message;
} adder;

static void adder_clear(adder *a)
{
    place_close(&a->place);
    mv_search_key_free(&a->key);
    mv_search_check_free(&a->check);
    mv_search_sender_free(&a->sender);
    searching_source_close(&a->source);
    free(a->message);
}

static mv_status open_sender(adder *a, mv_gallery_access *access, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer bytes = mv_buffer_make(mv_search_message_sizes().public_key);
    MV_TRY(mv_file_read(&bytes, path, err));
    st = mv_search_sender_new(&a->sender, bytes.bytes, bytes.len);
    MV_REQUIRE(st == MV_OK, err, st, "%s is not the public key of a gallery", path);
    mv_search_sender_access(access, a->sender);
done:
    mv_buffer_clear(&bytes);
    return st;
}

static mv_status adder_open(adder *a, mv_error *err)
{
    mv_status st = MV_OK;
    const char *public_key = cli_value(a->args, "public");
    mv_gallery_access access = {{0}, {0}, {0}};
    MV_REQUIRE(public_key == NULL || cli_value(a->args, "collection") == NULL, err, MV_E_ARGUMENT,
               "--public and --collection exclude each other");
    MV_REQUIRE(!cli_flag(a->args, "sealed") || cli_flag(a->args, "relay"), err, MV_E_ARGUMENT,
               "--sealed goes with --relay");
    MV_TRY(place_name(&a->place, a->args, err));
    a->message = malloc(mv_search_message_sizes().upload + mv_search_message_sizes().group);
    MV_ENSURE(a->message != NULL, MV_E_MEMORY);
    MV_TRY(searching_source_open(&a->source, a->args, err));
    if (public_key != NULL) {
        MV_TRY(open_sender(a, &access, public_key, err));
    } else {
        MV_TRY(searching_key(&a->key, &access, a->args, &a->source, err));
        MV_TRY(searching_check_load(&a->check, a->place.name, err));
    }
    MV_TRY(place_open(&a->place, &access, err));
done:
    mv_wipe(&access, sizeof access);
    return st;
}

static void report_row(const adder *a, const uint8_t id[MV_SEARCH_ROW_ID], const char *name)
{
    char hex[SHOW_HEX_SIZE];
    show_hex(hex, id, MV_SEARCH_ROW_ID);
    if (cli_flag(a->args, "json")) {
        ui_json(json_pack("{s:s, s:s}", "id", hex, "name", path_base(name)));
    } else {
        printf("%s  %s\n", hex, path_base(name));
    }
}

/* The row's id: that of its sealed image, which is then at the relay, or a random one. */
static mv_status name_row(adder *a, uint8_t id[MV_SEARCH_ROW_ID], const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    char sealed[PATH_SIZE];
    const char *folder = cli_value(a->args, "sealed");
    if (folder == NULL) {
        return mv_random_bytes(id, MV_SEARCH_ROW_ID);
    }
    MV_TRY(path_join(sealed, sizeof sealed, folder, path_base(path), ".mv", err));
    MV_TRY(place_keep_image(&a->place, id, sealed, err));
    MV_REQUIRE(a->sender != NULL || place_find(&a->place, id) == a->place.rows, err, MV_E_EXISTS,
               "%s is in the gallery already", sealed);
done:
    return st;
}

static mv_status send_one(adder *a, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_embedding e;
    uint8_t id[MV_SEARCH_ROW_ID];
    const size_t size = mv_search_message_sizes().upload;
    MV_TRY(searching_embed(&e, a->args, &a->source, path, err));
    MV_TRY(name_row(a, id, path, err));
    MV_TRY(mv_search_upload(a->sender, a->message, size, e.value, e.head_hash));
    MV_TRY(place_append(&a->place, id, a->message, size, err));
    report_row(a, id, path);
done:
    return st;
}

/* The check learns these rows, wherever they came to be. */
static mv_status check_follow(adder *a, const uint8_t *ids, const int8_t *value, uint32_t count,
                              mv_error *err)
{
    mv_status st = MV_OK;
    if (a->check == NULL) {
        return MV_OK;
    }
    MV_TRY(place_rows(&a->place, err));
    for (uint32_t i = 0; i < count; i++) {
        const size_t row = place_find(&a->place, ids + (size_t)i * MV_SEARCH_ROW_ID);
        MV_REQUIRE(row < a->place.rows, err, MV_E_AUTH, "a row that was added is not there");
        MV_TRY(mv_search_check_learn(a->check, row, value + (size_t)i * MV_SEARCH_DIM));
    }
    MV_TRY(searching_check_save(a->check, a->place.name, err));
done:
    return st;
}

/* Up to 64 of the key holder's. */
static mv_status pack_some(adder *a, size_t first, uint32_t count, mv_error *err)
{
    mv_status st = MV_OK;
    int8_t value[MV_SEARCH_GROUP_MAX * MV_SEARCH_DIM];
    uint8_t ids[MV_SEARCH_GROUP_MAX * MV_SEARCH_ROW_ID];
    const size_t size = mv_search_message_sizes().group;
    MV_TRY(place_rows(&a->place, err));
    for (uint32_t i = 0; i < count; i++) {
        mv_embedding e;
        const char *path = a->args->operand[first + i];
        MV_TRY(searching_embed(&e, a->args, &a->source, path, err));
        memcpy(value + (size_t)i * MV_SEARCH_DIM, e.value, MV_SEARCH_DIM);
        MV_TRY(name_row(a, ids + (size_t)i * MV_SEARCH_ROW_ID, path, err));
    }
    MV_TRY(mv_search_pack(a->key, a->message, size, value, count));
    MV_TRY(place_append_group(&a->place, ids, count, a->message, size, err));
    MV_TRY(check_follow(a, ids, value, count, err));
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *id = ids + (size_t)i * MV_SEARCH_ROW_ID;
        MV_TRY(searching_names_add(a->place.name, id, a->args->operand[first + i], err));
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

static mv_status remove_rows(const cli_args *args, place *p, mv_error *err)
{
    mv_status st = MV_OK;
    mv_gallery_access access = {{0}, {0}, {0}};
    mv_search_key *key = NULL;
    searching_source source = {0};
    MV_TRY(place_name(p, args, err));
    if (cli_flag(args, "relay")) { /* it wants to know who removes */
        MV_TRY(searching_source_open(&source, args, err));
        MV_TRY(searching_key(&key, &access, args, &source, err));
    }
    MV_TRY(place_open(p, &access, err));
    for (size_t i = 0; i < args->operand_count; i++) {
        uint8_t id[MV_SEARCH_ROW_ID];
        MV_REQUIRE(parse_id(id, args->operand[i]), err, MV_E_ARGUMENT,
                   "\"%.80s\" is not a row's id of 64 digits", args->operand[i]);
        MV_TRY(place_remove(p, id, err));
    }
done:
    searching_source_close(&source);
    mv_search_key_free(&key);
    mv_wipe(&access, sizeof access);
    return st;
}

static int run_remove(const cli_args *args)
{
    mv_error err = {0};
    place p = {0};
    const mv_status st = remove_rows(args, &p, &err);
    place_close(&p);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

static const cli_option remove_options[] = {
    SEARCHING_KEY_OPTIONS,
    PLACE_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_gallery_new = {
    .name = "gallery new",
    .operands = "",
    .summary = "make a gallery of encrypted embeddings, in a folder or at a relay",
    .options = new_options,
    .run = run_new,
    .description =
        "A gallery may lie where nobody is trusted: it holds evaluation keys and encrypted\n"
        "embeddings, and whoever keeps it can compute similarities without seeing any of them.\n"
        "With --relay the keys go there, once; else NAME is a folder. Beside it come NAME.pub,\n"
        "with which others add images, and NAME.check, which stays with you: with it, wrong\n"
        "answers are found out.\n",
    .examples = "  medveil gallery new -i alice.id --collection ward.mv\n"
                "  medveil gallery new -i alice.id --collection ward.mv --relay "
                "https://relay.example:7462#KEY\n",
};

const cli_command cmd_gallery_add = {
    .name = "gallery add",
    .operands = "IMAGE...",
    .summary = "add embeddings to a gallery",
    .options = add_options,
    .run = run_add,
    .description =
        "Each IMAGE is embedded by the model's head; only the embedding is sent, encrypted. A\n"
        "holder of the collection adds up to 64 at once in one ciphertext; a sender with --public\n"
        "adds one by one and cannot read any. Each row gets an id, which is printed: a random\n"
        "one or, with --sealed, the hash of FOLDER/IMAGE.mv as medveil encrypt -o FOLDER makes it, "
        "which the\n"
        "relay then keeps for the holders to fetch.\n",
    .examples = "  medveil gallery add -i alice.id --collection ward.mv a.png b.png\n"
                "  medveil gallery add --public ward.gallery.pub --relay URL --sealed out c.dcm\n",
    .operands_min = 1,
    .operands_max = CLI_VALUES_MAX,
};

const cli_command cmd_gallery_remove = {
    .name = "gallery remove",
    .operands = "ID...",
    .summary = "mark rows of a gallery as removed",
    .options = remove_options,
    .run = run_remove,
    .description = "A removed row is in no answer any more. Its ciphertext goes when the key "
                   "holder repacks\n"
                   "the gallery. At a relay only holders of the collection remove.\n",
    .examples = "  medveil gallery remove -i alice.id --collection ward.mv --relay URL ID\n",
    .operands_min = 1,
    .operands_max = CLI_VALUES_MAX,
};
