/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_decrypt.c: sealed .mv files -> the very files, or the network's images.
 */
#include "base/clock.h"
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

static const cli_option options[] = {
    {"identity", 'i', "IDENTITY", "who you are: the file that keygen made"},
    {"from", 0, "CARD", "accept only files signed by this card"},
    {"output", 'o', "OUT", "file to write (.png .jpg .nii .nii.gz .npy), or a folder"},
    {"reconstruct", 0, NULL, "give the network's image instead of the exact one"},
    {"model", 0, "FILE", "model file, when it is not on the search path"},
    {"threads", 0, "N", "processors to use (default: all)"},
    {"force", 'f', NULL, "replace existing output"},
    PEOPLE_PASSPHRASE_OPTION,
    {NULL, 0, NULL, NULL},
};

typedef struct job {
    const cli_args *args;
    mv_identity *identity;
    mv_card from;
    bool has_from, reconstruct;
    mv_codec_opts codec;
    unsigned output_flags;
} job;

/* One opened file and how it went. */
typedef struct opened {
    mv_content content;
    mv_sender sender;
    mv_envelope_stats stats;
    double decode_ms;
    bool exact; /* what was written is the original */
} opened;

static mv_status open_one(opened *o, const job *j, const char *in, mv_error *err)
{
    const unsigned what = j->reconstruct ? MV_OPEN_FEATURES : MV_OPEN_EXACT | MV_OPEN_IF_LOSSY;
    return sealed_open(&o->content, &o->sender, &o->stats, in, j->identity,
                       j->has_from ? &j->from : NULL, what, err);
}

static mv_status reconstruct(mv_image *out, const job *j, opened *o, mv_error *err)
{
    mv_status st = MV_OK;
    mv_model *model = NULL;
    const char *file = cli_value(j->args, "model");
    double start_ms = 0;

    MV_REQUIRE(o->content.code.feature_count != 0, err, MV_E_NOT_FOUND,
               "there are no features inside to reconstruct an image from");
    if (file != NULL) {
        MV_TRY(mv_model_load(&model, file, err));
    } else {
        MV_TRY(mv_model_find_hash(&model, o->content.code.meta.model_hash, err));
    }
    start_ms = mv_clock_ms();
    MV_TRY(mv_codec_decode(out, model, &o->content.code, &j->codec, err));
    o->decode_ms = mv_clock_ms() - start_ms;
done:
    mv_model_free(&model);
    return st;
}

/* The exact bytes when the output's format is the original's; else the same samples in another. */
static mv_status write_exact(const job *j, const mv_content *content, const char *out,
                             mv_error *err)
{
    mv_status st = MV_OK;
    mv_image image = {0};

    if (strcmp(out, "-") == 0 || mv_image_can_copy(out, content->exact, content->exact_len)) {
        return mv_file_write(out, content->exact, content->exact_len, j->output_flags, err);
    }
    MV_TRY(mv_image_decode(&image, content->exact, content->exact_len, "the exact image", err));
    MV_TRY(mv_image_save(&image, out, (j->output_flags & MV_OUTPUT_FORCE) != 0, err));
done:
    mv_image_clear(&image);
    return st;
}

static mv_status write_one(const job *j, opened *o, const char *out, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image image = {0};

    o->exact = o->content.exact != NULL && !j->reconstruct;
    if (o->exact) {
        return write_exact(j, &o->content, out, err);
    }
    MV_REQUIRE(strcmp(out, "-") != 0, err, MV_E_ARGUMENT,
               "a reconstructed image needs a file name: its format follows from the extension");
    MV_TRY(reconstruct(&image, j, o, err));
    MV_TRY(mv_image_save(&image, out, (j->output_flags & MV_OUTPUT_FORCE) != 0, err));
done:
    mv_image_clear(&image);
    return st;
}

static void report(const job *j, const opened *o, const char *in, const char *out)
{
    char sender[SHOW_SENDER_SIZE];
    show_sender(sender, &o->sender);
    if (cli_flag(j->args, "json") && strcmp(out, "-") != 0) {
        ui_json(json_pack("{s:s, s:s, s:s, s:b, s:b, s:f, s:f, s:f, s:I, s:I, s:I}", "file", in,
                          "out", out, "sender", sender, "anonymous", o->sender.anonymous, "exact",
                          o->exact, "decrypt_ms", o->stats.total_ms, "he_ms", o->stats.he_ms,
                          "decode_ms", o->decode_ms, "bytes_features",
                          (json_int_t)o->stats.bytes_features, "bytes_ciphertext",
                          (json_int_t)o->stats.bytes_ciphertext, "bytes_total",
                          (json_int_t)o->stats.bytes_total));
    } else if (strcmp(out, "-") != 0) {
        ui_say("wrote %s: %s; sender %s", out,
               o->exact ? "the exact image" : "reconstructed by the network, not the exact image",
               sender);
    }
}

static mv_status decrypt_one(const job *j, const char *in, bool folder, mv_error *err)
{
    mv_status st = MV_OK;
    opened o = {0};
    char out[PATH_SIZE];
    const char *name = o.content.file_name; /* checked by the envelope: no folder in it */

    MV_TRY(open_one(&o, j, in, err));
    if (folder) {
        MV_REQUIRE(name[0] != '\0' && name[0] != '.', err, MV_E_FORMAT,
                   "%s names no file to write; give -o FILE", in);
        MV_TRY(path_make_folder(cli_value(j->args, "output"), err));
        MV_TRY(path_join(out, sizeof out, cli_value(j->args, "output"), name, "", err));
    } else {
        MV_TRY(path_copy(out, sizeof out, cli_value(j->args, "output"), err));
    }
    MV_TRY(write_one(j, &o, out, err));
    report(j, &o, in, out);
done:
    ui_progress_end();
    mv_content_clear(&o.content);
    return st;
}

static int decrypt_all(const job *j)
{
    const bool folder = path_wants_folder(cli_value(j->args, "output"), j->args->operand_count);
    size_t failed = 0;
    int code = CLI_OK;

    for (size_t i = 0; i < j->args->operand_count; i++) {
        mv_error err = {0};
        const mv_status st = decrypt_one(j, j->args->operand[i], folder, &err);
        if (st != MV_OK) {
            failed++;
            code = ui_fail(st, &err);
            if (st == MV_E_INTERRUPTED) {
                return code;
            }
        }
    }
    return failed != 0 && failed < j->args->operand_count ? CLI_PARTIAL : code;
}

static int run(const cli_args *args)
{
    job j = {.args = args, .codec = mv_codec_defaults()};
    mv_status st = MV_OK;
    mv_error err = {0};
    long threads = 0;
    int code = CLI_OK;

    if (cli_value(args, "identity") == NULL || cli_value(args, "output") == NULL) {
        ui_say("decrypt needs an identity and an output: -i IDENTITY -o OUT");
        return CLI_USAGE;
    }
    if (!cli_number(args, "threads", 1, 256, 0, &threads) ||
        !path_output_is_safe(cli_value(args, "output"), "an image")) {
        return CLI_USAGE;
    }
    j.codec.threads = (unsigned)threads;
    j.codec.progress = ui_progress();
    j.reconstruct = cli_flag(args, "reconstruct");
    j.output_flags = cli_flag(args, "force") ? MV_OUTPUT_FORCE : 0;
    MV_TRY(people_identity(&j.identity, args, cli_value(args, "identity"), &err));
    if (cli_value(args, "from") != NULL) {
        MV_TRY(mv_card_find(&j.from, cli_value(args, "from"), &err));
        j.has_from = true;
    }
    code = decrypt_all(&j);
done:
    mv_identity_free(&j.identity);
    return st == MV_OK ? code : ui_fail(st, &err);
}

const cli_command cmd_decrypt = {
    .name = "decrypt",
    .operands = "IN...",
    .summary = "open sealed images",
    .options = options,
    .run = run,
    .operands_min = 1,
    .operands_max = CLI_VALUES_MAX,
    .examples = "  medveil decrypt -i me.id scan.mv -o scan.png\n"
                "  medveil decrypt -i me.id --from clinic --reconstruct scan.mv -o network.png\n",
    .description =
        "Everything is authenticated before anything is decrypted. The very file comes back when\n"
        "the output's extension is the original's; another extension converts the same samples.\n"
        "With --reconstruct, or when the sender sealed with --lossy, the network's image is\n"
        "written: it can invent detail and is not for diagnosis.\n",
};
