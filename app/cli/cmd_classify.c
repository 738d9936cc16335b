/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_classify.c: a linear model asked about an encrypted embedding, each side by files:
 *     key holder: classify query --> keeper of the model: classify run --> key holder: classify
 *     answer. A private model's keeper also needs what classify key writes, once. Or a relay keeps
 *     the model, and medveil classify is both of the key holder's steps.
 */
#include "base/file.h"
#include "base/secret.h"
#include "commands.h"
#include "medveil/client.h"
#include "paths.h"
#include "people.h"
#include "query_count.h"
#include "searching.h"
#include "show.h"
#include "ui.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FILE_MAX = 1 << 20 };

static const cli_option ask_options[] = {
    SEARCHING_KEY_OPTIONS,
    {"relay", 0, "URL", "who keeps the models"},
    {"classifier", 0, "NAME", "which of them; needed when it has several for this head"},
    {NULL, 0, NULL, NULL},
};

static const cli_option key_options[] = {
    SEARCHING_KEY_OPTIONS,
    {"relay", 0, "URL", "upload it there, instead of writing it"},
    SEARCHING_OUTPUT_OPTIONS,
    {NULL, 0, NULL, NULL},
};

static const cli_option query_options[] = {
    SEARCHING_KEY_OPTIONS,
    {"private", 0, NULL, "the model's weights are secret"},
    SEARCHING_OUTPUT_OPTIONS,
    {NULL, 0, NULL, NULL},
};

static const cli_option run_options[] = {
    {"classifier", 0, "FILE", "the model, from medveil model export-head"},
    {"public", 0, "FILE", "private models: whose queries are answered, from medveil classify key"},
    {"limit", 0, "N", "answer at most N queries of each key"},
    {"counts", 0, "FILE", "where they are counted"},
    SEARCHING_OUTPUT_OPTIONS,
    {NULL, 0, NULL, NULL},
};

static const cli_option answer_options[] = {
    SEARCHING_KEY_OPTIONS,
    {NULL, 0, NULL, NULL},
};

static const cli_option plain_options[] = {
    {"classifier", 0, "FILE", "the model, from medveil model export-head"},
    {"identity", 'i', "IDENTITY", "who you are, when IMAGE is sealed"},
    PEOPLE_PASSPHRASE_OPTION,
    SEARCHING_SOURCE_OPTIONS,
    {NULL, 0, NULL, NULL},
};

/* ---- Shared ---- */

/* The key holder: whose embeddings, and keys for one kind of model. */
typedef struct asker {
    const cli_args *args;
    searching_source source;
    bool has_source;
    mv_classify_key *key;
    mv_gallery_access access;
} asker;

static mv_status asker_open(asker *a, const cli_args *args, mv_classify_kind kind, mv_error *err)
{
    mv_status st = MV_OK;
    mv_collection *collection = NULL;
    a->args = args;
    if (!a->has_source) {
        MV_TRY(searching_source_open(&a->source, args, err));
        a->has_source = true;
    }
    MV_TRY(searching_collection(&collection, args, err));
    MV_TRY(mv_gallery_access_make(&a->access, mv_collection_key(collection), a->source.hash));
    MV_TRY(mv_classify_key_new(&a->key, kind, mv_collection_key(collection), a->source.hash));
done:
    mv_collection_free(&collection);
    return st;
}

static void asker_close(asker *a)
{
    mv_classify_key_free(&a->key);
    searching_source_close(&a->source);
    mv_wipe(&a->access, sizeof a->access);
}

static int ended(mv_status st, const mv_error *err)
{
    return st == MV_OK ? CLI_OK : ui_fail(st, err);
}

/* A client that speaks for the collection. */
static mv_status client_open(mv_client **out, const asker *a, mv_error *err)
{
    mv_status st = MV_OK;
    const char *relay = NULL;
    mv_client_opts opts = mv_client_defaults();
    opts.gallery = &a->access;
    MV_TRY(searching_need(a->args, "relay", &relay, err));
    MV_TRY(mv_client_new(out, relay, &opts, err));
done:
    return st;
}

static mv_status load_model(mv_linear_model *out, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    const char *path = NULL;
    mv_buffer bytes = mv_buffer_make(FILE_MAX);
    MV_TRY(searching_need(args, "classifier", &path, err));
    MV_TRY(mv_file_read(&bytes, path, err));
    st = mv_linear_read(out, bytes.bytes, bytes.len);
    if (st != MV_OK) {
        (void)mv_fail(err, st, "%s is not a whole classifier", path);
        mv_hint(err, "medveil model export-head writes one");
    }
done:
    mv_buffer_clear(&bytes);
    return st;
}

/* ---- Scores, ranked ---- */

/* Probability of class c: softmax over the classes of its set. */
static double probability(const mv_linear_labels *l, const int64_t *score, uint32_t c)
{
    double sum = 0;
    for (uint32_t k = 0; k < l->classes; k++) {
        if (strcmp(l->class_of[k].set, l->class_of[c].set) == 0) {
            sum += exp((double)(score[k] - score[c]) / l->scale);
        }
    }
    return 1 / sum;
}

/* How many of the same set are better; the earlier class first among equals. */
static uint32_t rank_of(const mv_linear_labels *l, const int64_t *score, uint32_t c)
{
    uint32_t rank = 1;
    for (uint32_t k = 0; k < l->classes; k++) {
        const bool better = score[k] > score[c] || (score[k] == score[c] && k < c);
        rank += strcmp(l->class_of[k].set, l->class_of[c].set) == 0 && better;
    }
    return rank;
}

static void print_class(const cli_args *args, const mv_linear_labels *l, const int64_t *score,
                        uint32_t c)
{
    const mv_linear_class *name = &l->class_of[c];
    const uint32_t rank = rank_of(l, score, c);
    const double real = (double)score[c] / l->scale;
    if (cli_flag(args, "json")) {
        ui_json(json_pack("{s:s, s:i, s:s, s:I, s:f, s:f}", "set", name->set, "rank", (int)rank,
                          "class", name->name, "score", (json_int_t)score[c], "real", real,
                          "probability", probability(l, score, c)));
    } else {
        printf("%-16s %3u  %-24s %8.3f  %.3f\n", name->set, (unsigned)rank, name->name, real,
               probability(l, score, c));
    }
}

/* Set by set in the model's order, the best class of each first. */
static void print_scores(const cli_args *args, const mv_linear_labels *l, const int64_t *score)
{
    for (uint32_t first = 0; first < l->classes; first++) {
        const char *set = l->class_of[first].set;
        bool seen = false;
        for (uint32_t c = 0; c < first; c++) {
            seen = seen || strcmp(l->class_of[c].set, set) == 0;
        }
        for (uint32_t rank = 1; !seen && rank <= l->classes; rank++) {
            for (uint32_t c = first; c < l->classes; c++) {
                if (strcmp(l->class_of[c].set, set) == 0 && rank_of(l, score, c) == rank) {
                    print_class(args, l, score, c);
                }
            }
        }
    }
}

/* ---- classify key ---- */

static mv_status upload_key(const asker *a, const uint8_t *message, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    mv_client *client = NULL;
    const mv_gallery_request r = {.ask = MV_GALLERY_ASK_MASK, .body = message, .len = len};
    MV_TRY(client_open(&client, a, err));
    MV_TRY(mv_client_gallery(client, &r, NULL, NULL, err));
    ui_say("uploaded the key for private models, %zu bytes", len);
done:
    mv_client_free(&client);
    return st;
}

static mv_status make_key(asker *a, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t size = mv_classify_message_sizes(MV_CLASSIFY_PRIVATE_MODEL).public_key;
    uint8_t *message = malloc(size);
    MV_ENSURE(message != NULL, MV_E_MEMORY);
    MV_REQUIRE(!cli_flag(args, "relay") || !cli_flag(args, "output"), err, MV_E_ARGUMENT,
               "--relay and --output exclude each other");
    MV_TRY(asker_open(a, args, MV_CLASSIFY_PRIVATE_MODEL, err));
    MV_TRY(mv_classify_write_public(a->key, message, size));
    MV_TRY(cli_flag(args, "relay") ? upload_key(a, message, size, err)
                                   : searching_write(args, message, size, err));
done:
    free(message);
    return st;
}

static int run_key(const cli_args *args)
{
    mv_error err = {0};
    asker a = {.args = args};
    const mv_status st = make_key(&a, args, &err);
    asker_close(&a);
    return ended(st, &err);
}

/* ---- classify query ---- */

/* The image's embedding, encrypted; *message is freed with free(). */
static mv_status query_new(asker *a, uint8_t **message, size_t *len, mv_classify_kind kind,
                           mv_error *err)
{
    mv_status st = MV_OK;
    mv_embedding e;
    *len = mv_classify_message_sizes(kind).query;
    *message = malloc(*len);
    MV_ENSURE(*message != NULL, MV_E_MEMORY);
    MV_TRY(asker_open(a, a->args, kind, err));
    MV_TRY(searching_embed(&e, a->args, &a->source, a->args->operand[0], err));
    MV_TRY(mv_classify_query(a->key, *message, *len, e.value));
done:
    return st;
}

static int run_query(const cli_args *args)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    asker a = {.args = args};
    uint8_t *message = NULL;
    size_t len = 0;
    const mv_classify_kind kind =
        cli_flag(args, "private") ? MV_CLASSIFY_PRIVATE_MODEL : MV_CLASSIFY_PUBLIC_MODEL;
    MV_TRY(query_new(&a, &message, &len, kind, &err));
    MV_TRY(searching_write(args, message, len, &err));
done:
    free(message);
    asker_close(&a);
    return ended(st, &err);
}

/* ---- classify run ---- */

static mv_status take_public(mv_classifier *classifier, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    const char *path = cli_value(args, "public");
    mv_buffer bytes = mv_buffer_make(FILE_MAX);
    if (path == NULL) {
        st = mv_fail(err, MV_E_ARGUMENT, "a private model needs --public FILE");
        mv_hint(err, "the key holder writes it with medveil classify key");
        goto done;
    }
    MV_TRY(mv_file_read(&bytes, path, err));
    st = mv_classifier_take_key(classifier, bytes.bytes, bytes.len);
    MV_REQUIRE(st != MV_E_MISMATCH, err, st, "%s is for embeddings of another head", path);
    MV_REQUIRE(st == MV_OK, err, st, "%s is not what medveil classify key writes", path);
done:
    mv_buffer_clear(&bytes);
    return st;
}

/* Reply and labels, in a row, into out. */
static mv_status answer_query(uint8_t *out, const mv_linear_model *m, const mv_buffer *query,
                              const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_classify_sizes size = mv_classify_message_sizes(m->kind);
    const char *path = args->operand[0];
    mv_classifier *classifier = NULL;
    MV_REQUIRE(query->len == size.query, err, MV_E_FORMAT, "%s is not a query to a %s model", path,
               m->kind == MV_CLASSIFY_PRIVATE_MODEL ? "private" : "public");
    MV_TRY(mv_classifier_new(&classifier, m->kind, m->head_hash, m->weight[0], m->bias,
                             m->labels.classes));
    if (m->kind == MV_CLASSIFY_PRIVATE_MODEL) {
        MV_TRY(take_public(classifier, args, err));
    }
    st = mv_classifier_run(classifier, out, size.reply, query->bytes, query->len);
    MV_REQUIRE(st != MV_E_MISMATCH, err, st,
               "%s is of another head than the classifier, or of another key than --public", path);
    MV_REQUIRE(st == MV_OK, err, st, "%s is damaged", path);
    MV_TRY(mv_linear_labels_write(out + size.reply, &m->labels, out, size.reply));
done:
    mv_classifier_free(&classifier);
    return st;
}

static mv_status keeper(const cli_args *args, long limit, mv_error *err)
{
    mv_status st = MV_OK;
    mv_linear_model model;
    mv_buffer query = mv_buffer_make(FILE_MAX);
    uint8_t *out = NULL, owner[MV_CLASSIFY_OWNER_LEN];
    const char *counts = cli_value(args, "counts");
    MV_REQUIRE((limit != 0) == (counts != NULL), err, MV_E_ARGUMENT,
               "--limit and --counts go together");
    MV_TRY(load_model(&model, args, err));
    MV_TRY(mv_file_read(&query, args->operand[0], err));
    const size_t size = mv_classify_message_sizes(model.kind).reply + MV_LINEAR_LABELS_LEN;
    out = malloc(size);
    MV_ENSURE(out != NULL, MV_E_MEMORY);
    MV_TRY(answer_query(out, &model, &query, args, err));
    if (limit != 0) {
        MV_TRY(mv_classify_query_owner(owner, query.bytes, query.len));
        MV_TRY(query_count_add(counts, owner, (uint64_t)limit, err));
    }
    MV_TRY(searching_write(args, out, size, err));
done:
    free(out);
    mv_buffer_clear(&query);
    return st;
}

static int run_run(const cli_args *args)
{
    mv_error err = {0};
    long limit = 0;
    if (!cli_number(args, "limit", 1, 1000000000, 0, &limit)) {
        return CLI_USAGE;
    }
    return ended(keeper(args, limit, &err), &err);
}

/* ---- classify answer ---- */

/* Reply and labels, as they follow each other; what: what to call them. */
static mv_status print_answer(const asker *a, const uint8_t *bytes, size_t reply, const char *what,
                              mv_error *err)
{
    mv_status st = MV_OK;
    mv_linear_labels labels;
    int64_t score[MV_CLASSIFY_CLASSES_MAX];
    uint32_t classes = 0;
    st = mv_classify_scores(a->key, score, &classes, bytes, reply);
    MV_REQUIRE(st != MV_E_MISMATCH, err, st, "%s answers a query of another collection or head",
               what);
    MV_REQUIRE(st == MV_OK, err, st, "%s is damaged", what);
    st = mv_linear_labels_read(&labels, bytes + reply, MV_LINEAR_LABELS_LEN);
    MV_REQUIRE(st == MV_OK && labels.classes == classes, err, st == MV_OK ? MV_E_FORMAT : st,
               "%s is damaged", what);
    print_scores(a->args, &labels, score);
done:
    return st;
}

/* Which kind of model answered shows in the length. */
static mv_status holder(asker *a, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer in = mv_buffer_make(FILE_MAX);
    MV_TRY(mv_file_read(&in, args->operand[0], err));
    for (int k = 0; k < 2; k++) {
        const mv_classify_kind kind = (mv_classify_kind)k;
        const size_t reply = mv_classify_message_sizes(kind).reply;
        if (in.len == reply + MV_LINEAR_LABELS_LEN) {
            MV_TRY(asker_open(a, args, kind, err));
            MV_TRY(print_answer(a, in.bytes, reply, args->operand[0], err));
            goto done;
        }
    }
    st = mv_fail(err, MV_E_FORMAT, "%s is not an answer of medveil classify run", args->operand[0]);
done:
    mv_buffer_clear(&in);
    return st;
}

static int run_answer(const cli_args *args)
{
    mv_error err = {0};
    asker a = {.args = args};
    const mv_status st = holder(&a, args, &err);
    asker_close(&a);
    return ended(st, &err);
}

/* ---- classify, through a relay ---- */

/* The model of this name for this head; without a name the only one. */
static mv_status choose_model(mv_client_model *out, mv_client *client, const asker *a,
                              mv_error *err)
{
    mv_status st = MV_OK;
    mv_client_model model[MV_CLIENT_MODELS_MAX];
    const char *name = cli_value(a->args, "classifier");
    size_t count = 0, fits = 0;
    MV_TRY(mv_client_models(client, model, &count, err));
    for (size_t i = 0; i < count; i++) {
        if (memcmp(model[i].head_hash, a->source.hash, sizeof a->source.hash) == 0 &&
            (name == NULL || strcmp(model[i].name, name) == 0)) {
            *out = model[i];
            fits++;
        }
    }
    MV_REQUIRE(fits != 0, err, MV_E_NOT_FOUND,
               "the relay has no model%s%s for embeddings of this head", name == NULL ? "" : " ",
               name == NULL ? "" : name);
    if (fits > 1) {
        st = mv_fail(err, MV_E_ARGUMENT, "the relay has %zu models for embeddings of this head",
                     fits);
        mv_hint(err, "name one with --classifier");
    }
done:
    return st;
}

static mv_status ask_relay(asker *a, mv_error *err)
{
    mv_status st = MV_OK;
    mv_client *client = NULL;
    mv_client_model model = {.is_private = 0};
    mv_gallery_request r = {.ask = MV_GALLERY_ASK_CLASSIFY};
    uint8_t *message = NULL, *answer = NULL;
    size_t len = 0;
    MV_TRY(searching_source_open(&a->source, a->args, err));
    a->has_source = true;
    MV_TRY(client_open(&client, a, err));
    MV_TRY(choose_model(&model, client, a, err));
    const mv_classify_kind kind =
        model.is_private ? MV_CLASSIFY_PRIVATE_MODEL : MV_CLASSIFY_PUBLIC_MODEL;
    const size_t reply = mv_classify_message_sizes(kind).reply;
    MV_TRY(query_new(a, &message, &r.len, kind, err));
    r.body = message;
    memcpy(r.id, model.hash, sizeof r.id);
    MV_TRY(mv_client_gallery(client, &r, &answer, &len, err));
    MV_REQUIRE(len == reply + MV_LINEAR_LABELS_LEN, err, MV_E_NETWORK,
               "the relay's answer is not in the expected format");
    MV_TRY(print_answer(a, answer, reply, "the relay", err));
done:
    free(message);
    free(answer);
    mv_client_free(&client);
    return st;
}

static int run_ask(const cli_args *args)
{
    mv_error err = {0};
    asker a = {.args = args};
    const mv_status st = ask_relay(&a, &err);
    asker_close(&a);
    return ended(st, &err);
}

/* ---- classify plain ---- */

static mv_status plain(const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    searching_source source = {0};
    mv_linear_model model;
    mv_embedding e;
    int64_t score[MV_CLASSIFY_CLASSES_MAX];
    MV_TRY(load_model(&model, args, err));
    MV_TRY(searching_source_open(&source, args, err));
    MV_REQUIRE(memcmp(model.head_hash, source.hash, sizeof source.hash) == 0, err, MV_E_MISMATCH,
               "this classifier is for embeddings of another head");
    MV_TRY(searching_embed(&e, args, &source, args->operand[0], err));
    mv_linear_scores(score, &model, e.value);
    print_scores(args, &model.labels, score);
done:
    searching_source_close(&source);
    return st;
}

static int run_plain(const cli_args *args)
{
    mv_error err = {0};
    return ended(plain(args, &err), &err);
}

/* ---- Rows of the table ---- */

const cli_command cmd_classify = {
    .name = "classify",
    .operands = "IMAGE",
    .summary = "have a relay's model classify an image that it cannot see",
    .options = ask_options,
    .run = run_ask,
    .description =
        "IMAGE is embedded here; its embedding goes to the relay encrypted, and the scores come\n"
        "back encrypted. A relay's operator puts models there (models = FOLDER); a private one\n"
        "needs medveil classify key --relay URL first, and answers each key so many times. Not\n"
        "for diagnosis.\n",
    .examples = "  medveil classify scan.png -i alice.id --collection ward.mv --relay URL\n",
    .operands_min = 1,
    .operands_max = 1,
};

const cli_command cmd_classify_key = {
    .name = "classify key",
    .operands = "",
    .summary = "write the public key that the keeper of a private model needs",
    .options = key_options,
    .run = run_key,
    .description = "The keeper covers what is not a score under this key. It opens nothing.\n",
    .examples = "  medveil classify key -i alice.id --collection ward.mv -o ward.key\n"
                "  medveil classify key -i alice.id --collection ward.mv --relay URL\n",
};

const cli_command cmd_classify_query = {
    .name = "classify query",
    .operands = "IMAGE",
    .summary = "encrypt an image's embedding, to be classified by somebody who may not see it",
    .options = query_options,
    .run = run_query,
    .description =
        "IMAGE is embedded here by the model's head, or is a .mv file with its embedding; only\n"
        "the embedding is encrypted and written. All queries have one size.\n",
    .examples = "  medveil classify query -i alice.id --collection ward.mv scan.mv -o scan.query\n",
    .operands_min = 1,
    .operands_max = 1,
};

const cli_command cmd_classify_run = {
    .name = "classify run",
    .operands = "QUERY",
    .summary = "answer a query with a classifier, without seeing embedding or scores",
    .options = run_options,
    .run = run_run,
    .description =
        "Needs no identity. Scores are those of the classifier's integers, exactly. A private\n"
        "model's answer tells the scores and nothing else, but 129 answers are enough to solve\n"
        "for the weights of a class: --limit stops before, for each key.\n",
    .examples = "  medveil classify run --classifier triage.mvc scan.query -o scan.answer\n"
                "  medveil classify run --classifier secret.mvc --public ward.key --limit 100 "
                "--counts c scan.query -o scan.answer\n",
    .operands_min = 1,
    .operands_max = 1,
};

const cli_command cmd_classify_answer = {
    .name = "classify answer",
    .operands = "ANSWER",
    .summary = "decrypt an answer and rank the classes",
    .options = answer_options,
    .run = run_answer,
    .description = "Whether the keeper used the classifier it promised cannot be told from an "
                   "answer; who has\n"
                   "the classifier compares with medveil classify plain. Not for diagnosis.\n",
    .examples = "  medveil classify answer -i alice.id --collection ward.mv scan.answer\n",
    .operands_min = 1,
    .operands_max = 1,
};

const cli_command cmd_classify_plain = {
    .name = "classify plain",
    .operands = "IMAGE",
    .summary = "classify in the clear, with the same integers",
    .options = plain_options,
    .run = run_plain,
    .description = "Prints what medveil classify answer prints, number for number.\n",
    .examples = "  medveil classify plain --classifier triage.mvc scan.png\n",
    .operands_min = 1,
    .operands_max = 1,
};
