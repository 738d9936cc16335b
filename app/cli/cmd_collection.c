/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_collection.c: collection keys: whose images can be added, compared and searched together.
 */
#include "base/file.h"
#include "commands.h"
#include "medveil/envelope.h"
#include "paths.h"
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

static const cli_option public_options[] = {
    {"identity", 'i', "IDENTITY", "who you are: a holder; signs the public key"},
    PEOPLE_PASSPHRASE_OPTION,
    {"he", 0, "SET", "parameter set of the features (default: pack4096)"},
    {"output", 'o', "FILE", "the public key to write"},
    {"force", 'f', NULL, "replace existing output"},
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
    MV_TRY(load_identity(j, err));
    MV_TRY(sealed_load_collection(&j->collection, path, j->identity, err));
done:
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

/* What outside senders sealed under the public key of a generation opens with that one only. */
static mv_status keep_generation(const job *j, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer file = mv_buffer_make((size_t)1 << 22);
    char beside[PATH_SIZE];

    MV_REQUIRE(snprintf(beside, sizeof beside, "%s.%u", path,
                        (unsigned)mv_collection_generation(j->collection)) < (int)sizeof beside,
               err, MV_E_LIMIT, "the name of the collection is too long");
    MV_TRY(mv_file_read(&file, path, err));
    MV_TRY(mv_file_write(beside, file.bytes, file.len, 0, err));
    ui_say("kept generation %u as %s", (unsigned)mv_collection_generation(j->collection), beside);
done:
    mv_buffer_clear(&file);
    return st;
}

static int run_rotate(const cli_args *args)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    job j = {.args = args};
    const char *path = args->operand[0];

    MV_TRY(open_collection(&j, path, &err));
    MV_TRY(remove_holders(&j, &err));
    MV_TRY(keep_generation(&j, path, &err));
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

static void report_public(const cli_args *args, const char *path, const mv_collection_public *key)
{
    char hash[SHOW_HEX_SIZE];
    const char *set = mv_he_set_name(mv_collection_public_set(key));

    show_hex(hash, mv_collection_public_hash(key), 32);
    if (cli_flag(args, "json")) {
        ui_json(json_pack("{s:s, s:I, s:s, s:s, s:I}", "public", path, "generation",
                          (json_int_t)mv_collection_public_generation(key), "set", set, "hash",
                          hash, "holders", (json_int_t)mv_collection_public_holder_count(key)));
    } else {
        ui_say("wrote %s: public key for %s, generation %u, hash %.16s", path, set,
               (unsigned)mv_collection_public_generation(key), hash);
        ui_hint("bind it to your card: medveil card renew -i IDENTITY --he-public %s", path);
    }
    people_say_limits(mv_collection_public_set(key));
}

static mv_status publish(job *j, const mv_he_set *set, const char *out, mv_error *err)
{
    mv_status st = MV_OK;
    mv_collection_public *key = NULL;
    mv_output file = {0};

    MV_TRY(open_collection(j, j->args->operand[0], err));
    MV_TRY(mv_collection_publish(&key, j->collection, set, j->identity, err));
    MV_TRY(mv_output_open(&file, out, cli_flag(j->args, "force") ? MV_OUTPUT_FORCE : 0, err));
    const mv_sink sink = mv_sink_file(file.stream);
    MV_TRY(mv_collection_public_write(key, &sink, err));
    MV_TRY(mv_output_commit(&file, err));
    report_public(j->args, out, key);
done:
    mv_output_abort(&file);
    mv_collection_public_free(&key);
    return st;
}

static int run_public(const cli_args *args)
{
    mv_error err = {0};
    job j = {.args = args};
    const char *out = cli_value(args, "output"), *name = cli_value(args, "he");
    const mv_he_set *set = people_set(name);

    if (out == NULL || set == NULL) {
        if (out == NULL) {
            ui_say("collection public needs an output: -o FILE");
        }
        return CLI_USAGE;
    }
    const mv_status st = publish(&j, set, out, &err);
    job_clear(&j);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
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
        "added to what is sealed from now on. Holders who are left out keep the old key. The old\n"
        "generation stays beside the file, as FILE.1, .2 ..: what was sealed to its public key "
        "opens\n"
        "with it.\n",
    .examples = "  medveil collection rotate trial.mv -i me.id --remove pathology\n",
};

const cli_command cmd_collection_public = {
    .name = "collection public",
    .operands = "FILE",
    .summary = "write a collection's public key, for outside senders",
    .options = public_options,
    .run = run_public,
    .operands_min = 1,
    .operands_max = 1,
    .description =
        "Whoever has the public key seals images whose features the holders add, compare and\n"
        "search like their own; it opens nothing. It names the holders and is signed by you.\n"
        "The receiver gives decrypt the collection. A rotation needs a new public key.\n",
    .examples =
        "  medveil collection public trial.mv -i me.id -o trial.pub\n"
        "  medveil encrypt --form pk --collection trial.pub -r radiology scan.png -o scan.mv\n"
        "  medveil decrypt -i me.id --collection trial.mv --reconstruct scan.mv -o scan.png\n",
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
