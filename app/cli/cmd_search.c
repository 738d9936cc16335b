/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_search.c: which rows of an encrypted gallery are most like this one.
 */
#include "base/secret.h"
#include "commands.h"
#include "paths.h"
#include "people.h"
#include "place.h"
#include "scratch.h"
#include "search_page.h"
#include "searching.h"
#include "show.h"
#include "ui.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const cli_option options[] = {
    SEARCHING_KEY_OPTIONS,
    PLACE_OPTIONS,
    {"top", 0, "N", "how many rows to show (default 10)"},
    {"html", 0, "FILE", "write a page with the query and its neighbours as pictures"},
    {"images", 0, "FOLDER", "with --html: where the neighbours' files are, .mv or images"},
    {"fetch", 0, "FOLDER", "with --relay: fetch the neighbours' sealed images into it"},
    {"force", 'f', NULL, "replace an existing page"},
    {NULL, 0, NULL, NULL},
};

/* One search. */
typedef struct job {
    const cli_args *args;
    place place;
    mv_search_key *key;
    mv_search_check *check;
    searching_source source;
    int32_t *score;
    uint32_t *index;
    size_t rows, found;
    char (*fetched)[PATH_SIZE]; /* of each that was found, "": no image */
    bool checked;               /* the scores of the rows that the check knows */
    mv_embedding query;
    mv_buffer page;
    scratch scratch;
} job;

static void job_clear(job *j)
{
    mv_search_key_free(&j->key);
    mv_search_check_free(&j->check);
    place_close(&j->place);
    searching_source_close(&j->source);
    mv_buffer_clear(&j->page);
    free(j->score);
    free(j->index);
    free(j->fetched);
    scratch_remove(&j->scratch);
}

/* Query, scan, scores: what goes to the keeper and comes back are messages. */
static mv_status ask(job *j, const int8_t *value, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t size = mv_search_message_sizes().query;
    uint8_t *query = malloc(size), *reply = NULL;
    size_t len = 0;
    MV_ENSURE(query != NULL, MV_E_MEMORY);
    MV_TRY(mv_search_query(j->key, query, size, value));
    MV_TRY(place_search(&j->place, &reply, &len, query, size, err));
    j->rows = mv_search_reply_rows(j->key, reply, len);
    MV_REQUIRE(j->rows != 0, err, MV_E_FORMAT, "the answer is not one to this question");
    j->score = malloc(j->rows * sizeof *j->score);
    j->index = malloc(j->rows * sizeof *j->index);
    MV_ENSURE(j->score != NULL && j->index != NULL, MV_E_MEMORY);
    MV_TRY(mv_search_scores(j->key, j->score, j->rows, reply, len));
    MV_TRY(place_rows(&j->place, err));
    MV_REQUIRE(j->place.rows >= j->rows, err, MV_E_AUTH,
               "the answer has more rows than the gallery");
done:
    free(query);
    free(reply);
    return st;
}

/* A check that fails ends the search. One that holds vouches for the rows that it knows, and from
 * now on for there being at least as many rows. */
static mv_status check(job *j, const int8_t *value, mv_error *err)
{
    mv_status st = MV_OK;
    MV_TRY(searching_check_load(&j->check, j->place.name, err));
    if (j->check == NULL) {
        ui_say("the answer is not checked: there is no %s.check here", j->place.name);
        return MV_OK;
    }
    st = mv_search_check_verify(j->check, value, j->score, j->rows);
    MV_REQUIRE(st == MV_OK, err, st, "these scores are not those of the gallery's rows");
    j->checked = true;
    if (mv_search_check_rows(j->check) < j->rows) {
        MV_TRY(mv_search_check_skip(j->check, j->rows));
        MV_TRY(searching_check_save(j->check, j->place.name, err));
    }
done:
    return st;
}

static bool is_checked(const job *j, size_t row)
{
    return j->checked && mv_search_check_knows(j->check, row);
}

/* ---- Fetching ----
 *
 * Always FETCH_SIZE images, or all that there are: the neighbours among others, in random order, so
 * that the relay sees neither which were wanted nor how many. */

enum { FETCH_SIZE = 16 };

/* Numbers of the rows with an image, and which of them were found. */
typedef struct fetching {
    uint32_t *candidate, wanted[FETCH_SIZE], chosen[FETCH_SIZE];
    size_t count, wanted_count;
} fetching;

static mv_status fetching_plan(fetching *f, job *j, size_t *size, mv_error *err)
{
    mv_status st = MV_OK;
    f->candidate = calloc(j->rows + 1, sizeof *f->candidate);
    MV_ENSURE(f->candidate != NULL, MV_E_MEMORY);
    for (uint32_t row = 0; row < j->rows; row++) {
        bool there = false;
        MV_TRY(
            place_has_image(&j->place, &there, j->place.id + (size_t)row * MV_SEARCH_ROW_ID, err));
        for (size_t i = 0; there && i < j->found; i++) {
            if (j->index[i] == row) {
                f->wanted[f->wanted_count++] = (uint32_t)f->count;
            }
        }
        if (there) {
            f->candidate[f->count++] = row;
        }
    }
    *size = f->count < FETCH_SIZE ? f->count : FETCH_SIZE;
    MV_TRY(mv_search_fetch(f->chosen, *size, f->wanted, f->wanted_count, f->count));
done:
    return st;
}

/* One image; it stays if it is a neighbour's. */
static mv_status fetch_one(job *j, uint32_t row, const char *folder, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE], hex[SHOW_HEX_SIZE];
    const uint8_t *id = j->place.id + (size_t)row * MV_SEARCH_ROW_ID;
    show_hex(hex, id, MV_SEARCH_ROW_ID);
    MV_TRY(path_join(path, sizeof path, j->scratch.path, hex, ".mv", err));
    MV_TRY(place_image(&j->place, path, id, err));
    for (size_t i = 0; i < j->found; i++) {
        if (j->index[i] == row) {
            MV_TRY(path_join(j->fetched[i], PATH_SIZE, folder, hex, ".mv", err));
            MV_REQUIRE(rename(path, j->fetched[i]) == 0, err, MV_E_IO, "%s cannot be written",
                       j->fetched[i]);
        }
    }
done:
    return st;
}

static mv_status fetch(job *j, mv_error *err)
{
    mv_status st = MV_OK;
    const char *folder = cli_value(j->args, "fetch");
    fetching f = {.candidate = NULL};
    size_t size = 0;
    j->fetched = calloc(j->found + 1, sizeof *j->fetched);
    MV_ENSURE(j->fetched != NULL, MV_E_MEMORY);
    if (folder == NULL) {
        return MV_OK;
    }
    MV_TRY(path_make_folder(folder, err));
    MV_TRY(scratch_make(&j->scratch, folder, err));
    MV_TRY(fetching_plan(&f, j, &size, err));
    for (size_t i = 0; i < size; i++) {
        MV_TRY(fetch_one(j, f.candidate[f.chosen[i]], folder, err));
    }
done:
    free(f.candidate);
    return st;
}

/* ---- The page ---- */

/* The picture in this file, if it is the row's: its embedding has exactly the row's score. */
static mv_status page_row(job *j, size_t i, const char *name, double cosine)
{
    mv_status st = MV_OK;
    mv_image image = {0};
    mv_embedding e;
    int32_t dot = 0;
    char path[PATH_SIZE], words[64];
    const char *folder = cli_value(j->args, "images");
    bool found = false;
    (void)snprintf(path, sizeof path, "%s", j->fetched[i]);
    if (folder != NULL && path[0] == '\0') {
        MV_TRY(path_join(path, sizeof path, folder, name, "", NULL));
    }
    found = path[0] != '\0' && access(path, R_OK) == 0 &&
            searching_embed(&e, j->args, &j->source, path, NULL) == MV_OK &&
            mv_embedding_dot(&dot, &e, &j->query) == MV_OK && dot == j->score[j->index[i]] &&
            searching_image(&image, j->args, path, NULL) == MV_OK;
    (void)snprintf(words, sizeof words, "%.4f%s", cosine, found ? "" : ", no such image here");
    MV_TRY(search_page_tile(&j->page, found ? &image : NULL, name, words));
done:
    mv_image_clear(&image);
    return st;
}

static mv_status page_begin(job *j, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image image = {0};
    j->page = mv_buffer_make((size_t)1 << 28);
    MV_TRY(searching_image(&image, j->args, j->args->operand[0], err));
    MV_TRY(search_page_begin(&j->page, j->checked));
    MV_TRY(search_page_tile(&j->page, &image, path_base(j->args->operand[0]), "the query"));
done:
    mv_image_clear(&image);
    return st;
}

static mv_status print_row(job *j, size_t i)
{
    mv_status st = MV_OK;
    const uint32_t row = j->index[i];
    const size_t rank = i + 1;
    const uint8_t *id = j->place.id + (size_t)row * MV_SEARCH_ROW_ID;
    char hex[SHOW_HEX_SIZE], name[PATH_SIZE];
    show_hex(hex, id, MV_SEARCH_ROW_ID);
    searching_name(name, j->place.name, id);
    const double cosine = (double)j->score[row] / (MV_EMBEDDING_SCALE * MV_EMBEDDING_SCALE);
    if (cli_flag(j->args, "json")) {
        ui_json(json_pack("{s:I, s:s, s:s, s:i, s:f, s:b}", "rank", (json_int_t)rank, "id", hex,
                          "name", name, "score", (int)j->score[row], "cosine", cosine, "checked",
                          is_checked(j, row)));
    } else {
        printf("%3zu  %7.4f  %s%s\n", rank, cosine, name,
               j->checked && !is_checked(j, row) ? "  (not checked)" : "");
    }
    if (cli_flag(j->args, "html")) {
        MV_TRY(page_row(j, i, name, cosine));
    }
done:
    return st;
}

/* The best rows; removed ones are below every score, and left out. */
static void rank(job *j, size_t top)
{
    for (size_t row = 0; row < j->rows; row++) {
        if (j->place.removed[row]) {
            j->score[row] = INT32_MIN;
        }
    }
    j->found = mv_search_top(j->index, top < j->rows ? top : j->rows, j->score, j->rows);
    while (j->found > 0 && j->score[j->index[j->found - 1]] == INT32_MIN) {
        j->found--;
    }
}

static mv_status report(job *j)
{
    mv_status st = MV_OK;
    for (size_t i = 0; i < j->found; i++) {
        MV_TRY(print_row(j, i));
    }
done:
    return st;
}

/* Options that do not go together. */
static mv_status check_options(const job *j, size_t top, mv_error *err)
{
    mv_status st = MV_OK;
    const char *html = cli_value(j->args, "html");
    const bool fetches = cli_flag(j->args, "fetch");
    MV_REQUIRE(html != NULL || !cli_flag(j->args, "images"), err, MV_E_ARGUMENT,
               "--images goes with --html");
    MV_REQUIRE(html == NULL || !cli_flag(j->args, "vectors"), err, MV_E_ARGUMENT,
               "--vectors have no pictures for --html");
    MV_REQUIRE(html == NULL || cli_flag(j->args, "force") || access(html, F_OK) != 0, err,
               MV_E_EXISTS, "%s exists already", html);
    MV_REQUIRE(!fetches || cli_flag(j->args, "relay"), err, MV_E_ARGUMENT,
               "--fetch goes with --relay");
    MV_REQUIRE(!fetches || top <= FETCH_SIZE, err, MV_E_ARGUMENT,
               "--fetch takes %d images at a time: --top must not be more", FETCH_SIZE);
done:
    return st;
}

static mv_status search(job *j, size_t top, mv_error *err)
{
    mv_status st = MV_OK;
    const char *html = cli_value(j->args, "html");
    mv_gallery_access who = {{0}, {0}, {0}};
    MV_TRY(place_name(&j->place, j->args, err));
    MV_TRY(check_options(j, top, err));
    MV_TRY(searching_source_open(&j->source, j->args, err));
    MV_TRY(searching_embed(&j->query, j->args, &j->source, j->args->operand[0], err));
    MV_TRY(searching_key(&j->key, &who, j->args, &j->source, err));
    MV_TRY(place_open(&j->place, &who, err));
    MV_TRY(ask(j, j->query.value, err));
    MV_TRY(check(j, j->query.value, err));
    rank(j, top);
    MV_TRY(fetch(j, err));
    if (html != NULL) {
        MV_TRY(page_begin(j, err));
    }
    MV_TRY(report(j));
    if (html != NULL) {
        MV_TRY(search_page_write(&j->page, html, cli_flag(j->args, "force"), err));
    }
done:
    mv_wipe(&who, sizeof who);
    return st;
}

static int run(const cli_args *args)
{
    mv_error err = {0};
    job j = {.args = args};
    long top = 0;
    if (!cli_number(args, "top", 1, 1000, 10, &top)) {
        return CLI_USAGE;
    }
    const mv_status st = search(&j, (size_t)top, &err);
    job_clear(&j);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

const cli_command cmd_search = {
    .name = "search",
    .operands = "IMAGE",
    .summary = "find the rows of an encrypted gallery that are most like an image",
    .options = options,
    .run = run,
    .description =
        "IMAGE is embedded by the model's head, here. Query, gallery and scores are encrypted "
        "under\n"
        "the collection's key while they are computed on; the scores are exact. With NAME.check\n"
        "they are checked: a wrong, missing or outdated row ends with exit code 13. Rows of other\n"
        "senders are checked once medveil gallery learn knows their images. --fetch takes sixteen\n"
        "images from the relay whatever was found, and keeps those of the neighbours.\n",
    .examples = "  medveil search -i alice.id --collection ward.mv new.png\n"
                "  medveil search new.png -i alice.id --collection ward.mv --relay URL --top 10\n",
    .operands_min = 1,
    .operands_max = 1,
};
