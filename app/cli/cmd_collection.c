/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_collection.c: collection keys: whose images can be added, compared and searched together.
 */
#include "base/file.h"
#include "commands.h"
#include "medveil/envelope.h"
#include "people.h"
#include "sealed.h"
#include "show.h"
#include "ui.h"

#include <stdio.h>
#include <string.h>

static const cli_option new_options[] = {
    {"identity", 'i', "IDENTITY", "who makes it: its first holder"},
    PEOPLE_PASSPHRASE_OPTION,
    {"recipient", 'r', "CARD", "a further holder; may be repeated"},
    {"output", 'o', "FILE", "the collection to write"},
    {"force", 'f', NULL, "replace existing output"},
    {NULL, 0, NULL, NULL},
};

static const cli_option add_options[] = {
    {"identity", 'i', "IDENTITY", "who you are: a holder of the collection"},
    PEOPLE_PASSPHRASE_OPTION,
    {"recipient", 'r', "CARD", "a new holder; may be repeated"},
    {NULL, 0, NULL, NULL},
};

static const cli_option rotate_options[] = {
    {"identity", 'i', "IDENTITY", "who you are: a holder of the collection"},
    PEOPLE_PASSPHRASE_OPTION,
    {"remove", 0, "CARD", "a holder who does not get the new key; may be repeated"},
    {NULL, 0, NULL, NULL},
};

static const cli_option show_options[] = {
    {"identity", 'i', "IDENTITY", "who you are: a holder of the collection"},
    PEOPLE_PASSPHRASE_OPTION,
    {NULL, 0, NULL, NULL},
};

/* One command's work. */
typedef struct job {
    const cli_args *args;
    mv_identity *identity;
    mv_collection *collection;
} job;

static void job_clear(job *j)
{
    mv_collection_free(&j->collection);
    mv_identity_free(&j->identity);
}

static mv_status load_identity(job *j, mv_error *err)
{
    const char *path = cli_value(j->args, "identity");
    return path != NULL ? people_identity(&j->identity, j->args, path, err)
                        : mv_fail(err, MV_E_ARGUMENT, "%s needs an identity: -i IDENTITY",
                                  j->args->command->name);
}

static mv_status open_collection(job *j, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    sealed_file file = {0};
    mv_error why = {0};

    MV_TRY(load_identity(j, err));
    MV_TRY(sealed_source(&file, path, err));
    st = mv_collection_open(&j->collection, &file.source, j->identity, &why);
    if (st != MV_OK) {
        (void)mv_fail(err, st, "cannot open %.150s: %.300s", path,
                      why.text[0] != '\0' ? why.text : mv_status_sentence(st));
        mv_hint(err, "%s", why.hint);
    }
done:
    sealed_close(&file);
    return st;
}

static mv_status save_collection(const job *j, const char *path, bool force, mv_error *err)
{
    mv_status st = MV_OK;
    mv_output file = {0};

    MV_TRY(mv_output_open(&file, path, force ? MV_OUTPUT_FORCE : 0, err));
    const mv_sink sink = mv_sink_file(file.stream);
    MV_TRY(mv_collection_seal(j->collection, j->identity, &sink, err));
    MV_TRY(mv_output_commit(&file, err));
done:
    mv_output_abort(&file);
    return st;
}

static mv_status add_holders(const job *j, mv_error *err)
{
    mv_status st = MV_OK;
    const char *name = NULL;
    mv_card card;

    for (size_t i = 0; (name = cli_value_at(j->args, "recipient", i)) != NULL; i++) {
        MV_TRY(people_recipient(&card, name, err));
        MV_TRY(mv_collection_add(j->collection, &card, err));
    }
done:
    return st;
}

static mv_status remove_holders(const job *j, mv_error *err)
{
    mv_status st = MV_OK;
    const char *name = NULL;
    mv_card card;

    for (size_t i = 0; (name = cli_value_at(j->args, "remove", i)) != NULL; i++) {
        MV_TRY(mv_card_find(&card, name, err));
        MV_TRY(mv_collection_remove(j->collection, card.id, err));
    }
done:
    return st;
}

static json_t *holders_json(const mv_collection *c)
{
    json_t *list = json_array();
    char name[MV_CARD_NAME_MAX];
    for (size_t i = 0; i < mv_collection_holder_count(c); i++) {
        mv_card_name(name, mv_collection_holder(c, i)->id);
        (void)json_array_append_new(list, json_string(name));
    }
    return list;
}

/* The last word of every command here. */
static void report(const job *j, const char *path)
{
    const mv_collection *c = j->collection;
    if (cli_flag(j->args, "json")) {
        ui_json(json_pack("{s:s, s:I, s:o}", "collection", path, "generation",
                          (json_int_t)mv_collection_generation(c), "holders", holders_json(c)));
    } else {
        ui_say("%s: generation %u, %zu holder%s", path, (unsigned)mv_collection_generation(c),
               mv_collection_holder_count(c), mv_collection_holder_count(c) == 1 ? "" : "s");
    }
}

static int end(job *j, mv_status st, const char *path, const mv_error *err)
{
    int code = CLI_OK;
    if (st == MV_OK) {
        report(j, path);
    } else {
        code = ui_fail(st, err);
    }
    job_clear(j);
    return code;
}

static int run_new(const cli_args *args)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    job j = {.args = args};
    const char *path = cli_value(args, "output");

    if (path == NULL) {
        ui_say("collection new needs an output: -o FILE");
        return CLI_USAGE;
    }
    MV_TRY(load_identity(&j, &err));
    MV_TRY(mv_collection_new(&j.collection, j.identity));
    MV_TRY(add_holders(&j, &err));
    MV_TRY(save_collection(&j, path, cli_flag(args, "force"), &err));
done:
    return end(&j, st, path, &err);
}

static int run_add(const cli_args *args)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    job j = {.args = args};
    const char *path = args->operand[0];

    if (cli_value(args, "recipient") == NULL) {
        ui_say("collection add needs a card: -r CARD");
        return CLI_USAGE;
    }
    MV_TRY(open_collection(&j, path, &err));
    MV_TRY(add_holders(&j, &err));
    MV_TRY(save_collection(&j, path, true, &err));
done:
    return end(&j, st, path, &err);
}

static int run_rotate(const cli_args *args)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    job j = {.args = args};
    const char *path = args->operand[0];

    MV_TRY(open_collection(&j, path, &err));
    MV_TRY(remove_holders(&j, &err));
    MV_TRY(mv_collection_rotate(j.collection));
    MV_TRY(save_collection(&j, path, true, &err));
done:
    return end(&j, st, path, &err);
}

static int run_show(const cli_args *args)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    job j = {.args = args};
    const char *path = args->operand[0];

    MV_TRY(open_collection(&j, path, &err));
    for (size_t i = 0; !cli_flag(args, "json") && i < mv_collection_holder_count(j.collection);
         i++) {
        const mv_sender holder = {.card = *mv_collection_holder(j.collection, i)};
        char text[SHOW_SENDER_SIZE];
        show_sender(text, &holder);
        puts(text);
    }
done:
    return end(&j, st, path, &err);
}

const cli_command cmd_collection_new = {
    .name = "collection new",
    .operands = "",
    .summary = "make a key under which images can be added and compared",
    .options = new_options,
    .run = run_new,
    .description =
        "Features that are encrypted under one collection key can be added, compared and searched\n"
        "without opening them. The file holds the key, sealed for its holders and signed by you;\n"
        "every holder sees who the others are. encrypt --collection FILE uses it. Who receives an\n"
        "image sealed with --collection gets this key with it.\n",
    .examples =
        "  medveil collection new -i me.id -r radiology -o trial.mv\n"
        "  medveil encrypt -s me.id -r radiology --collection trial.mv scan.png -o scan.mv\n",
};

const cli_command cmd_collection_add = {
    .name = "collection add",
    .operands = "FILE",
    .summary = "give a collection key to further holders",
    .options = add_options,
    .run = run_add,
    .operands_min = 1,
    .operands_max = 1,
    .examples = "  medveil collection add trial.mv -i me.id -r pathology\n",
};

const cli_command cmd_collection_rotate = {
    .name = "collection rotate",
    .operands = "FILE",
    .summary = "replace a collection's key, leaving holders out if asked",
    .options = rotate_options,
    .run = run_rotate,
    .operands_min = 1,
    .operands_max = 1,
    .description =
        "What was sealed before stays readable for its own recipients, and cannot be\n"
        "added to what is sealed from now on. Holders who are left out keep the old key.\n",
    .examples = "  medveil collection rotate trial.mv -i me.id --remove pathology\n",
};

const cli_command cmd_collection_show = {
    .name = "collection show",
    .operands = "FILE",
    .summary = "list the holders of a collection",
    .options = show_options,
    .run = run_show,
    .operands_min = 1,
    .operands_max = 1,
};
