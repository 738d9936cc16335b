/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_atlas.c: a gallery that everybody may read, asked in secret, each side by files:
 *     who asks: atlas query --> keeper of the atlas: atlas run --> who asked: atlas answer
 * The key is made for one question and lies in a private file until the answer is there.
 */
#include "base/file.h"
#include "base/secret.h"
#include "commands.h"
#include "paths.h"
#include "people.h"
#include "searching.h"
#include "ui.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 28 };

#define READING_OPTIONS                                                                            \
    {"identity", 'i', "IDENTITY", "who you are, when an image is sealed"},                         \
        PEOPLE_PASSPHRASE_OPTION, SEARCHING_SOURCE_OPTIONS

static const cli_option new_options[] = {
    READING_OPTIONS,
    SEARCHING_OUTPUT_OPTIONS,
    {NULL, 0, NULL, NULL},
};

static const cli_option query_options[] = {
    READING_OPTIONS,
    {"key", 0, "FILE", "where to write the key of this question"},
    SEARCHING_OUTPUT_OPTIONS,
    {NULL, 0, NULL, NULL},
};

static const cli_option run_options[] = {
    {"atlas", 0, "FILE", "the atlas, from medveil atlas new"},
    SEARCHING_OUTPUT_OPTIONS,
    {NULL, 0, NULL, NULL},
};

static const cli_option answer_options[] = {
    {"key", 0, "FILE", "the key of the question"},
    {"names", 0, "FILE", "the rows' names, which medveil atlas new writes beside the atlas"},
    {"top", 0, "N", "how many rows to show (default 10)"},
    {NULL, 0, NULL, NULL},
};

static int ended(mv_status st, const mv_error *err)
{
    return st == MV_OK ? CLI_OK : ui_fail(st, err);
}

/* ---- atlas new ---- */

static mv_status add_name(mv_buffer *names, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    const char *name = path_base(path);
    MV_REQUIRE(strchr(name, '\n') == NULL, err, MV_E_ARGUMENT, "%s: this name cannot be kept",
               path);
    MV_TRY(mv_buffer_append(names, (const uint8_t *)name, strlen(name)));
    MV_TRY(mv_buffer_append(names, (const uint8_t *)"\n", 1));
done:
    return st;
}

static mv_status embed_all(const cli_args *args, const searching_source *source, int8_t *value,
                           mv_buffer *names, mv_error *err)
{
    mv_status st = MV_OK;
    for (size_t i = 0; i < args->operand_count; i++) {
        mv_embedding e;
        MV_TRY(searching_embed(&e, args, source, args->operand[i], err));
        memcpy(value + i * MV_SEARCH_DIM, e.value, MV_SEARCH_DIM);
        MV_TRY(add_name(names, args->operand[i], err));
    }
done:
    return st;
}

static mv_status make(const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE];
    const char *output = NULL;
    const uint32_t rows = (uint32_t)args->operand_count;
    const unsigned flags = cli_flag(args, "force") ? MV_OUTPUT_FORCE : 0;
    const size_t size = mv_atlas_size(rows);
    searching_source source = {0};
    mv_buffer names = mv_buffer_make(FILE_MAX);
    uint8_t *bytes = malloc(size);
    int8_t *value = malloc((size_t)rows * MV_SEARCH_DIM);
    MV_ENSURE(bytes != NULL && value != NULL, MV_E_MEMORY);
    MV_TRY(searching_need(args, "output", &output, err));
    MV_REQUIRE(snprintf(path, sizeof path, "%s.names", output) < (int)sizeof path, err,
               MV_E_ARGUMENT, "the name of the output is too long");
    MV_REQUIRE(flags != 0 || access(path, F_OK) != 0, err, MV_E_EXISTS, "%s exists already", path);
    MV_TRY(searching_source_open(&source, args, err));
    MV_TRY(embed_all(args, &source, value, &names, err));
    MV_TRY(mv_atlas_write(bytes, size, source.hash, value, rows));
    MV_TRY(searching_write(args, bytes, size, err));
    MV_TRY(mv_file_write(path, names.bytes, names.len, flags, err));
done:
    searching_source_close(&source);
    mv_buffer_clear(&names);
    free(bytes);
    free(value);
    return st;
}

static int run_new(const cli_args *args)
{
    mv_error err = {0};
    return ended(make(args, &err), &err);
}

/* ---- atlas query ---- */

static mv_status save_key(const cli_args *args, const mv_atlas_key *key, mv_error *err)
{
    mv_status st = MV_OK;
    const char *path = NULL;
    uint8_t bytes[MV_ATLAS_KEY_LEN];
    const unsigned force = cli_flag(args, "force") ? MV_OUTPUT_FORCE : 0;
    MV_TRY(searching_need(args, "key", &path, err));
    mv_atlas_key_write(bytes, key);
    MV_TRY(mv_file_write(path, bytes, sizeof bytes, MV_OUTPUT_PRIVATE | force, err));
done:
    mv_wipe(bytes, sizeof bytes);
    return st;
}

static mv_status query(const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    mv_embedding e;
    searching_source source = {0};
    mv_atlas_key *key = NULL;
    const char *output = NULL;
    const size_t size = mv_atlas_question_size();
    uint8_t *message = malloc(size);
    MV_ENSURE(message != NULL, MV_E_MEMORY);
    MV_TRY(searching_need(args, "output", &output, err));
    MV_REQUIRE(cli_flag(args, "force") || access(output, F_OK) != 0, err, MV_E_EXISTS,
               "%s exists already", output);
    MV_TRY(searching_source_open(&source, args, err));
    MV_TRY(searching_embed(&e, args, &source, args->operand[0], err));
    MV_TRY(mv_atlas_key_new(&key, source.hash));
    MV_TRY(mv_atlas_question(key, message, size, e.value));
    MV_TRY(save_key(args, key, err));
    MV_TRY(searching_write(args, message, size, err));
done:
    mv_wipe(&e, sizeof e);
    mv_atlas_key_free(&key);
    searching_source_close(&source);
    free(message);
    return st;
}

static int run_query(const cli_args *args)
{
    mv_error err = {0};
    return ended(query(args, &err), &err);
}

/* ---- atlas run ---- */

static mv_status load_atlas(mv_atlas **out, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    const char *path = NULL;
    mv_buffer bytes = mv_buffer_make(FILE_MAX);
    MV_TRY(searching_need(args, "atlas", &path, err));
    MV_TRY(mv_file_read(&bytes, path, err));
    st = mv_atlas_read(out, bytes.bytes, bytes.len);
    if (st != MV_OK) {
        (void)mv_fail(err, st, "%s is not a whole atlas", path);
        mv_hint(err, "medveil atlas new writes one");
    }
done:
    mv_buffer_clear(&bytes);
    return st;
}

static mv_status answer_question(const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    mv_atlas *atlas = NULL;
    mv_buffer question = mv_buffer_make(mv_atlas_question_size());
    uint8_t *reply = NULL;
    size_t len = 0;
    MV_TRY(load_atlas(&atlas, args, err));
    MV_TRY(mv_file_read(&question, args->operand[0], err));
    st = mv_atlas_answer(atlas, &reply, &len, question.bytes, question.len);
    MV_REQUIRE(st != MV_E_MISMATCH, err, st, "%s and the atlas have embeddings of different heads",
               args->operand[0]);
    MV_REQUIRE(st == MV_OK, err, st, "%s is not a whole question of medveil atlas query",
               args->operand[0]);
    MV_TRY(searching_write(args, reply, len, err));
done:
    mv_atlas_free(&atlas);
    mv_buffer_clear(&question);
    free(reply);
    return st;
}

static int run_run(const cli_args *args)
{
    mv_error err = {0};
    return ended(answer_question(args, &err), &err);
}

/* ---- atlas answer ---- */

static mv_status load_key(mv_atlas_key **out, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    const char *path = NULL;
    char bytes[MV_ATLAS_KEY_LEN];
    size_t len = 0;
    MV_TRY(searching_need(args, "key", &path, err));
    MV_TRY(mv_private_read(bytes, sizeof bytes, &len, path, "key", err));
    st = mv_atlas_key_read(out, (const uint8_t *)bytes, len);
    MV_REQUIRE(st == MV_OK, err, st, "%s is not a key of medveil atlas query", path);
done:
    mv_wipe(bytes, sizeof bytes);
    return st;
}

/* Line number `row` of the names into out; "" when there is none. */
static void name_of(char *out, size_t cap, const mv_buffer *names, uint32_t row)
{
    const char *at = (const char *)names->bytes, *end = at + names->len;
    *out = '\0';
    for (uint32_t i = 0; at != NULL && at < end; i++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        const size_t len = stop == NULL ? (size_t)(end - at) : (size_t)(stop - at);
        if (i == row) {
            (void)snprintf(out, cap, "%.*s", (int)(len < cap ? len : cap - 1), at);
            return;
        }
        at = stop == NULL ? NULL : stop + 1;
    }
}

static void print_row(const cli_args *args, const mv_buffer *names, size_t rank, uint32_t row,
                      int32_t score)
{
    char name[PATH_SIZE] = "";
    const double cosine = (double)score / (MV_ATLAS_UNIT * MV_ATLAS_UNIT);
    if (names->len != 0) {
        name_of(name, sizeof name, names, row);
    }
    if (cli_flag(args, "json")) {
        ui_json(json_pack("{s:I, s:I, s:s, s:i, s:f}", "rank", (json_int_t)rank, "row",
                          (json_int_t)row, "name", name, "score", (int)score, "cosine", cosine));
    } else {
        printf("%3zu  %7.4f  %6u  %s\n", rank, cosine, (unsigned)row, name);
    }
}

static mv_status open_reply(const cli_args *args, size_t top, mv_error *err)
{
    mv_status st = MV_OK;
    mv_atlas_key *key = NULL;
    const char *path = args->operand[0], *names_path = cli_value(args, "names");
    mv_buffer reply = mv_buffer_make(FILE_MAX), names = mv_buffer_make(FILE_MAX);
    int32_t none = 0, *score = NULL;
    uint32_t *index = NULL;
    MV_TRY(load_key(&key, args, err));
    MV_TRY(mv_file_read(&reply, path, err));
    if (names_path != NULL) {
        MV_TRY(mv_file_read(&names, names_path, err));
    }
    st = mv_atlas_scores(key, &none, 0, reply.bytes, reply.len); /* whose it is */
    MV_REQUIRE(st != MV_E_MISMATCH, err, MV_E_WRONG_KEY,
               "%s is not the answer to this key's question", path);
    const uint32_t rows = mv_atlas_reply_rows(key, reply.bytes, reply.len);
    MV_REQUIRE(rows != 0, err, MV_E_FORMAT, "%s is not an answer of medveil atlas run", path);
    score = malloc(rows * sizeof *score);
    index = malloc(rows * sizeof *index);
    MV_ENSURE(score != NULL && index != NULL, MV_E_MEMORY);
    st = mv_atlas_scores(key, score, rows, reply.bytes, reply.len);
    MV_REQUIRE(st == MV_OK, err, st, "%s is damaged", path);
    const size_t found = mv_search_top(index, top < rows ? top : rows, score, rows);
    for (size_t i = 0; i < found; i++) {
        print_row(args, &names, i + 1, index[i], score[index[i]]);
    }
done:
    mv_atlas_key_free(&key);
    mv_buffer_clear(&reply);
    mv_buffer_clear(&names);
    free(score);
    free(index);
    return st;
}

static int run_answer(const cli_args *args)
{
    mv_error err = {0};
    long top = 0;
    if (!cli_number(args, "top", 1, 1000, 10, &top)) {
        return CLI_USAGE;
    }
    return ended(open_reply(args, (size_t)top, &err), &err);
}

/* ---- The commands ---- */

const cli_command cmd_atlas_new = {
    .name = "atlas new",
    .operands = "IMAGE...",
    .summary = "make a plain gallery that others can ask in secret",
    .options = new_options,
    .run = run_new,
    .description = "An atlas holds embeddings that everybody may see; what is looked for in it is "
                   "secret.\n"
                   "The names of the images, line by line, go into FILE.names beside it.\n",
    .examples = "  medveil atlas new -o chest.atlas atlas/*.png\n",
    .operands_min = 1,
    .operands_max = CLI_VALUES_MAX,
};

const cli_command cmd_atlas_query = {
    .name = "atlas query",
    .operands = "IMAGE",
    .summary = "encrypt a question to an atlas",
    .options = query_options,
    .run = run_query,
    .description = "A new key is made for this question alone and stays in the private file of\n"
                   "--key. The question goes to whoever keeps the atlas; it tells nothing about\n"
                   "IMAGE, nor whether two questions are of one person.\n",
    .examples = "  medveil atlas query scan.png --key q.key -o q.mvsr\n",
    .operands_min = 1,
    .operands_max = 1,
};

const cli_command cmd_atlas_run = {
    .name = "atlas run",
    .operands = "QUESTION",
    .summary = "answer a question to an atlas, without seeing it",
    .options = run_options,
    .run = run_run,
    .description = "The keeper's part: it needs no key and sees neither embedding nor scores.\n",
    .examples = "  medveil atlas run q.mvsr --atlas chest.atlas -o a.mvsr\n",
    .operands_min = 1,
    .operands_max = 1,
};

const cli_command cmd_atlas_answer = {
    .name = "atlas answer",
    .operands = "ANSWER",
    .summary = "decrypt an atlas's answer: the rows most like the image",
    .options = answer_options,
    .run = run_answer,
    .description = "Cosines are those of the plain integers. Nothing shows that the keeper\n"
                   "answered from the atlas that it is known for.\n",
    .examples = "  medveil atlas answer a.mvsr --key q.key --names chest.atlas.names --top 5\n",
    .operands_min = 1,
    .operands_max = 1,
};
