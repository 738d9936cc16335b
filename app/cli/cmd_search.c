/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_search.c: which rows of an encrypted gallery are most like this one.
 */
#include "base/status.h"
#include "commands.h"
#include "paths.h"
#include "people.h"
#include "search_page.h"
#include "searching.h"
#include "show.h"
#include "ui.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const cli_option options[] = {
    SEARCHING_KEY_OPTIONS,
    {"archive", 0, "FOLDER", "the gallery to search"},
    {"top", 0, "N", "how many rows to show (default 10)"},
    {"html", 0, "FILE", "write a page with the query and its neighbours as pictures"},
    {"images", 0, "FOLDER", "with --html: where the neighbours' files are, .mv or images"},
    {"force", 'f', NULL, "replace an existing page"},
    {NULL, 0, NULL, NULL},
};

/* One search. */
typedef struct job {
    const cli_args *args;
    const char *folder;
    mv_search_key *key;
    mv_search_check *check;
    mv_gallery *gallery;
    searching_source source;
    int32_t *score;
    uint32_t *index;
    size_t rows;
    bool checked;
    mv_embedding query;
    mv_buffer page;
} job;

static void job_clear(job *j)
{
    mv_search_key_free(&j->key);
    mv_search_check_free(&j->check);
    mv_gallery_free(&j->gallery);
    searching_source_close(&j->source);
    mv_buffer_clear(&j->page);
    free(j->score);
    free(j->index);
}

static unsigned threads(void)
{
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > 16 ? 16 : (unsigned)n;
}

/* Query, scan, scores: what goes to the keeper and comes back are messages, here in one process. */
static mv_status ask(job *j, const int8_t *value, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t size = mv_search_message_sizes().query;
    const mv_progress progress = ui_progress();
    uint8_t *query = malloc(size), *reply = NULL;
    size_t len = 0;
    MV_ENSURE(query != NULL, MV_E_MEMORY);
    MV_TRY(mv_search_query(j->key, query, size, value));
    st = mv_gallery_scan(j->gallery, &reply, &len, query, size, threads(), &progress, err);
    ui_progress_end();
    MV_TRY(st);
    j->rows = mv_search_reply_rows(j->key, reply, len);
    MV_REQUIRE(j->rows != 0, err, MV_E_FORMAT, "the answer is not one to this question");
    j->score = malloc(j->rows * sizeof *j->score);
    j->index = malloc(j->rows * sizeof *j->index);
    MV_ENSURE(j->score != NULL && j->index != NULL, MV_E_MEMORY);
    MV_TRY(mv_search_scores(j->key, j->score, j->rows, reply, len));
done:
    free(query);
    free(reply);
    return st;
}

/* A check that does not know all rows cannot be made; one that fails ends the search. */
static mv_status check(job *j, const int8_t *value, mv_error *err)
{
    mv_status st = MV_OK;
    MV_TRY(searching_check_load(&j->check, j->folder, err));
    if (j->check == NULL || mv_search_check_rows(j->check) < j->rows) {
        ui_say("the answer is not checked: rows were added that %s.check does not know", j->folder);
        return MV_OK;
    }
    st = mv_search_check_verify(j->check, value, j->score, j->rows);
    MV_REQUIRE(st == MV_OK, err, st, "these scores are not those of the gallery's rows");
    j->checked = true;
done:
    return st;
}

/* The file of this name, if it is the row's image: its embedding has exactly the row's score. */
static mv_status page_row(job *j, uint32_t row, const char *name, double cosine)
{
    mv_status st = MV_OK;
    mv_image image = {0};
    mv_embedding e;
    int32_t dot = 0;
    char path[PATH_SIZE], words[64];
    const char *folder = cli_value(j->args, "images");
    bool found = false;
    if (folder != NULL) {
        MV_TRY(path_join(path, sizeof path, folder, name, "", NULL));
        found = access(path, R_OK) == 0 &&
                searching_embed(&e, j->args, &j->source, path, NULL) == MV_OK &&
                mv_embedding_dot(&dot, &e, &j->query) == MV_OK && dot == j->score[row] &&
                searching_image(&image, j->args, path, NULL) == MV_OK;
    }
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

static mv_status print_row(job *j, size_t rank, uint32_t row)
{
    mv_status st = MV_OK;
    uint8_t id[MV_SEARCH_ROW_ID];
    char hex[SHOW_HEX_SIZE], name[PATH_SIZE];
    int removed = 0;
    MV_TRY(mv_gallery_row(j->gallery, row, id, &removed));
    show_hex(hex, id, MV_SEARCH_ROW_ID);
    searching_name(name, j->folder, id);
    const double cosine = (double)j->score[row] / (MV_EMBEDDING_SCALE * MV_EMBEDDING_SCALE);
    if (cli_flag(j->args, "json")) {
        ui_json(json_pack("{s:I, s:s, s:s, s:i, s:f, s:b}", "rank", (json_int_t)rank, "id", hex,
                          "name", name, "score", (int)j->score[row], "cosine", cosine, "checked",
                          j->checked));
    } else {
        printf("%3zu  %7.4f  %s\n", rank, cosine, name);
    }
    if (cli_flag(j->args, "html")) {
        MV_TRY(page_row(j, row, name, cosine));
    }
done:
    return st;
}

/* The best rows; removed ones are below every score, and left out. */
static mv_status report(job *j, size_t top)
{
    mv_status st = MV_OK;
    for (size_t row = 0; row < j->rows; row++) {
        uint8_t id[MV_SEARCH_ROW_ID];
        int removed = 0;
        MV_TRY(mv_gallery_row(j->gallery, row, id, &removed));
        j->score[row] = removed ? INT32_MIN : j->score[row];
    }
    const size_t count = mv_search_top(j->index, top < j->rows ? top : j->rows, j->score, j->rows);
    for (size_t i = 0; i < count && j->score[j->index[i]] != INT32_MIN; i++) {
        MV_TRY(print_row(j, i + 1, j->index[i]));
    }
done:
    return st;
}

static mv_status search(job *j, size_t top, mv_error *err)
{
    mv_status st = MV_OK;
    const char *html = cli_value(j->args, "html");
    j->folder = cli_value(j->args, "archive");
    MV_REQUIRE(j->folder != NULL, err, MV_E_ARGUMENT, "search needs --archive FOLDER");
    MV_REQUIRE(html != NULL || !cli_flag(j->args, "images"), err, MV_E_ARGUMENT,
               "--images goes with --html");
    MV_REQUIRE(html == NULL || !cli_flag(j->args, "vectors"), err, MV_E_ARGUMENT,
               "--vectors have no pictures for --html");
    MV_REQUIRE(html == NULL || cli_flag(j->args, "force") || access(html, F_OK) != 0, err,
               MV_E_EXISTS, "%s exists already", html);
    MV_TRY(searching_source_open(&j->source, j->args, err));
    MV_TRY(searching_embed(&j->query, j->args, &j->source, j->args->operand[0], err));
    MV_TRY(searching_key(&j->key, j->args, &j->source, err));
    MV_TRY(mv_gallery_open(&j->gallery, j->folder, err));
    MV_TRY(ask(j, j->query.value, err));
    MV_TRY(check(j, j->query.value, err));
    if (html != NULL) {
        MV_TRY(page_begin(j, err));
    }
    MV_TRY(report(j, top));
    if (html != NULL) {
        MV_TRY(search_page_write(&j->page, html, cli_flag(j->args, "force"), err));
    }
done:
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
        "under the\n"
        "collection's key while they are computed on; the scores are exact. With FOLDER.check "
        "they\n"
        "are checked: a wrong, missing or outdated row ends with exit code 13.\n",
    .examples =
        "  medveil search -i alice.id --collection ward.mv --archive ward.gallery new.png\n",
    .operands_min = 1,
    .operands_max = 1,
};
