/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_model.c: which trained models are here, and putting one where every command finds it.
 */
#include "base/file.h"
#include "base/home.h"
#include "commands.h"
#include "medveil/veil.h"
#include "paths.h"
#include "ui.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static void hash_text(char out[2 * MV_MODEL_HASH_LEN + 1], const uint8_t hash[MV_MODEL_HASH_LEN])
{
    for (size_t i = 0; i < MV_MODEL_HASH_LEN; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", hash[i]);
    }
}

typedef struct listing {
    bool json;
    size_t count;
} listing;

static mv_status list_one(void *user, const char *path, const mv_model_info *info)
{
    listing *l = user;
    char hash[2 * MV_MODEL_HASH_LEN + 1];
    hash_text(hash, info->hash);
    l->count++;
    if (l->json) {
        ui_json(json_pack("{s:s, s:s, s:I, s:i, s:s, s:s, s:s}", "name", info->name, "hash", hash,
                          "parameters", (json_int_t)info->parameter_count, "bits",
                          (int)info->feature_bits, "licence", info->licence, "training",
                          info->training, "file", path));
    } else {
        char bits[24] = "compact";
        if (info->feature_bits != 0) {
            (void)snprintf(bits, sizeof bits, "%u bits", (unsigned)info->feature_bits);
        }
        printf("%-8s %.16s  %llu parameters  %s  %s\n         %s\n         %s\n", info->name, hash,
               (unsigned long long)info->parameter_count, bits, info->licence, info->training,
               path);
    }
    return MV_OK;
}

static int run_list(const cli_args *args)
{
    listing l = {cli_flag(args, "json"), 0};
    mv_status st = mv_model_each(list_one, &l);
    if (st == MV_OK) {
        st = mv_veil_each(list_one, &l);
    }
    if (st != MV_OK) {
        return ui_fail(st, NULL);
    }
    if (l.count == 0) {
        ui_say("no model is installed");
        ui_hint("medveil model install FILE.mvm, or train one with medveil train");
    }
    return CLI_OK;
}

static mv_status describe_model(mv_model_info *out, const char *file, mv_error *err)
{
    mv_model *model = NULL;
    const mv_status st = mv_model_load(&model, file, err);
    if (st == MV_OK) {
        mv_model_describe(out, model);
    }
    mv_model_free(&model);
    return st;
}

static mv_status describe_veil(mv_model_info *out, const char *file, mv_error *err)
{
    mv_veil *veil = NULL;
    const mv_status st = mv_veil_load(&veil, file, err);
    if (st == MV_OK) {
        mv_veil_describe(out, veil);
    }
    mv_veil_free(&veil);
    return st;
}

static mv_status install(const char *file, bool force, char *out, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer bytes = mv_buffer_make((size_t)256 << 20);
    mv_model_info info;
    const char *ending = ".mvm";
    char folder[PATH_SIZE], name[MV_MODEL_NAME_MAX + 20];

    MV_TRY(mv_file_read(&bytes, file, err));
    if (strcasecmp(path_extension(file), ".mvv") == 0) {
        ending = ".mvv";
        MV_TRY(describe_veil(&info, file, err));
    } else {
        MV_TRY(describe_model(&info, file, err));
    }
    char hash[2 * MV_MODEL_HASH_LEN + 1];
    hash_text(hash, info.hash);
    (void)snprintf(name, sizeof name, "%s-%.8s", info.name, hash);
    MV_TRY(mv_home_make(folder, sizeof folder, "models", err));
    MV_TRY(path_join(out, PATH_SIZE, folder, name, ending, err));
    MV_TRY(mv_file_write(out, bytes.bytes, bytes.len, force ? MV_OUTPUT_FORCE : 0, err));
done:
    mv_buffer_clear(&bytes);
    return st;
}

static int run_install(const cli_args *args)
{
    mv_error err = {0};
    char out[PATH_SIZE];
    const mv_status st = install(args->operand[0], cli_flag(args, "force"), out, &err);
    if (st != MV_OK) {
        return ui_fail(st, &err);
    }
    ui_say("installed %s", out);
    return CLI_OK;
}

const cli_command cmd_model_list = {
    .name = "model list",
    .summary = "list the models that can be used",
    .run = run_list,
};

static const cli_option install_options[] = {
    {"force", 'f', NULL, "replace an installed file of the same model"},
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_model_install = {
    .name = "model install",
    .operands = "FILE",
    .summary = "copy a model file to where every command finds it",
    .options = install_options,
    .run = run_install,
    .operands_min = 1,
    .operands_max = 1,
};
