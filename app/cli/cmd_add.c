/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_add.c: sums of encrypted features: taken out of sealed files by who may open them, added by
 * anybody, opened by a holder of the collection.
 */
#include "base/file.h"
#include "base/secret.h"
#include "commands.h"
#include "feature_choice.h"
#include "paths.h"
#include "people.h"
#include "sealed.h"
#include "searching.h"
#include "sums.h"
#include "ui.h"

#include <string.h>

enum { SUMMAND_MAX = 1 << 30 };

static const cli_option take_options[] = {
    {"identity", 'i', "IDENTITY", "who you are: a recipient of the file"},
    PEOPLE_PASSPHRASE_OPTION,
    {"output", 'o', "FILE", "the features, still encrypted"},
    {"force", 'f', NULL, "replace an existing file"},
    {NULL, 0, NULL, NULL},
};

static const cli_option add_options[] = {
    {"output", 'o', "FILE", "the sum, encrypted"},
    {"force", 'f', NULL, "replace an existing file"},
    {NULL, 0, NULL, NULL},
};

static const cli_option open_options[] = {
    {"identity", 'i', "IDENTITY", "who you are: a holder of the collection"},
    PEOPLE_PASSPHRASE_OPTION,
    {"collection", 0, "FILE", "whose key the features are under"},
    {"plan", 0, "FILE", "of pictures from features make; OUT is then their mean"},
    {"levels", 0, NULL, "with --plan: the sums of the integers instead, a .npy of 32 bits"},
    {"output", 'o', "OUT", "the sums, a .npy of unsigned 32 bits; with --plan a picture"},
    {"force", 'f', NULL, "replace an existing file"},
    {NULL, 0, NULL, NULL},
};

static mv_status save(const cli_args *args, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    const char *path = NULL;
    mv_summand_info info;
    MV_TRY(searching_need(args, "output", &path, err));
    MV_TRY(mv_summand_inspect(&info, bytes, len));
    MV_TRY(mv_file_write(path, bytes, len, cli_flag(args, "force") ? MV_OUTPUT_FORCE : 0, err));
    if (strcmp(path, "-") == 0) {
        return MV_OK;
    }
    if (cli_flag(args, "json")) {
        ui_json(json_pack("{s:s, s:i, s:i, s:I}", "out", path, "summed", (int)info.features.summed,
                          "sums", (int)info.features.shape.sums, "bytes", (json_int_t)len));
    } else {
        ui_say("wrote %s: %u of at most %u summed", path, (unsigned)info.features.summed,
               (unsigned)info.features.shape.sums);
    }
done:
    return st;
}

/* ---- features take ---- */

/* Sums of fields of bits mean nothing. */
static mv_status check_model(const uint8_t hash[MV_MODEL_HASH_LEN], mv_error *err)
{
    mv_status st = MV_OK;
    mv_model *model = NULL;
    mv_model_info info;
    MV_TRY(mv_model_find_hash(&model, hash, err));
    mv_model_describe(&info, model);
    if (info.fields != 0) {
        st = mv_fail(err, MV_E_UNSUPPORTED,
                     "features of the model %s are pieces of a string of bits: their sums mean "
                     "nothing",
                     info.name);
        mv_hint(err, "seal with --model cnn or --model bp");
    }
done:
    mv_model_free(&model);
    return st;
}

static mv_status take(const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    const char *who = NULL;
    mv_identity *identity = NULL;
    sealed_file sealed = {0};
    uint8_t *bytes = NULL;
    size_t len = 0;
    MV_TRY(searching_need(args, "identity", &who, err));
    MV_TRY(people_identity(&identity, args, who, err));
    MV_TRY(sealed_open(&sealed, args->operand[0], identity, NULL, err));
    MV_REQUIRE(mv_opener_count(sealed.opener) == 1, err, MV_E_ARGUMENT,
               "%s does not hold one image", args->operand[0]);
    if (mv_opener_member(sealed.opener, 0)->feature_count == 0) {
        MV_TRY(features_missing(mv_opener_member(sealed.opener, 0), err));
    }
    MV_TRY(mv_opener_summand(sealed.opener, 0, &bytes, &len, err));
    MV_TRY(check_model(mv_opener_member(sealed.opener, 0)->code.model_hash, err));
    MV_TRY(save(args, bytes, len, err));
done:
    free(bytes);
    sealed_close(&sealed);
    mv_identity_free(&identity);
    return st;
}

static int run_take(const cli_args *args)
{
    mv_error err = {0};
    const mv_status st = take(args, &err);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

/* ---- add ---- */

static mv_status load(mv_buffer *out, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_summand_info info;
    *out = mv_buffer_make(SUMMAND_MAX);
    MV_TRY(mv_file_read(out, path, err));
    st = mv_summand_inspect(&info, out->bytes, out->len);
    if (st != MV_OK) {
        (void)mv_fail(err, st, "%s does not hold encrypted features", path);
        mv_hint(err, "medveil features take writes such a file");
    }
done:
    return st;
}

/* sum += the file at path. */
static mv_status add_one(uint8_t **sum, size_t *len, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t *fresh = NULL;
    size_t fresh_len = 0;
    mv_buffer next = {0};
    MV_TRY(load(&next, path, err));
    MV_TRY(mv_summand_add(&fresh, &fresh_len, *sum, *len, next.bytes, next.len, err));
    free(*sum);
    *sum = fresh;
    *len = fresh_len;
done:
    mv_buffer_clear(&next);
    return st;
}

static mv_status add(const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer first = {0};
    uint8_t *sum = NULL;
    MV_TRY(load(&first, args->operand[0], err));
    size_t len = first.len;
    sum = malloc(len);
    MV_ENSURE(sum != NULL, MV_E_MEMORY);
    memcpy(sum, first.bytes, len);
    for (size_t i = 1; i < args->operand_count; i++) {
        MV_TRY(add_one(&sum, &len, args->operand[i], err));
    }
    MV_TRY(save(args, sum, len, err));
done:
    free(sum);
    mv_buffer_clear(&first);
    return st;
}

static int run_add(const cli_args *args)
{
    mv_error err = {0};
    const mv_status st = add(args, &err);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

/* ---- features open ---- */

/* frames x height x (width channels), in the order of the code. */
static mv_status save_npy(const cli_args *args, const uint32_t *sum, const mv_summand_info *info,
                          mv_error *err)
{
    mv_status st = MV_OK;
    const char *path = NULL;
    mv_image image = {0};
    MV_TRY(searching_need(args, "output", &path, err));
    MV_REQUIRE(!cli_flag(args, "levels"), err, MV_E_ARGUMENT, "--levels needs --plan");
    MV_REQUIRE(strcmp(path_extension(path), ".npy") == 0, err, MV_E_ARGUMENT,
               "sums are written as .npy");
    MV_TRY(mv_image_alloc(&image, info->width * info->channels, info->height, info->frames, 1,
                          MV_SAMPLE_U32));
    memcpy(image.sample, sum, (size_t)info->features.shape.count * sizeof *sum);
    MV_TRY(mv_image_save(&image, path, cli_flag(args, "force"), err));
    if (cli_flag(args, "json")) {
        ui_json(json_pack("{s:s, s:i, s:i}", "out", path, "summed", (int)info->features.summed,
                          "features", (int)info->features.shape.count));
    } else {
        ui_say("wrote %s: %u images summed", path, (unsigned)info->features.summed);
    }
done:
    mv_image_clear(&image);
    return st;
}

static mv_status open_sum(const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    mv_collection *collection = NULL;
    mv_summand_info info = {0};
    mv_buffer bytes = {0};
    uint32_t *sum = NULL;
    MV_TRY(searching_collection(&collection, args, err));
    MV_TRY(load(&bytes, args->operand[0], err));
    MV_TRY(mv_summand_open(&sum, &info, collection, bytes.bytes, bytes.len, err));
    MV_TRY(cli_flag(args, "plan") ? sums_save(args, collection, sum, &info, err)
                                  : save_npy(args, sum, &info, err));
done:
    if (sum != NULL) {
        mv_wipe(sum, (size_t)info.features.shape.count * sizeof *sum);
        free(sum);
    }
    mv_buffer_clear(&bytes);
    mv_collection_free(&collection);
    return st;
}

static int run_open(const cli_args *args)
{
    mv_error err = {0};
    const mv_status st = open_sum(args, &err);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

const cli_command cmd_features_take = {
    .name = "features take",
    .operands = "IN",
    .summary = "take encrypted features out of a sealed file, for somebody without keys to add",
    .options = take_options,
    .run = run_take,
    .description =
        "Nothing is decrypted but the envelope. The file shows collection, model and size of the\n"
        "image, not what it shows. The image must have been sealed with --collection and --sums.\n",
    .examples = "  medveil encrypt -s me.id -r me.id.card --collection ward.mv --he add4096 --sums "
                "8 scan.png -o scan.mv\n"
                "  medveil features take -i me.id scan.mv -o scan.sum\n",
    .operands_min = 1,
    .operands_max = 1,
};

const cli_command cmd_add = {
    .name = "add",
    .operands = "FILE...",
    .summary = "add encrypted features, without any key",
    .options = add_options,
    .run = run_add,
    .description = "Sums are exact. More than the N that --sums left room for are refused.\n",
    .examples = "  medveil add a.sum b.sum c.sum -o all.sum\n",
    .operands_min = 2,
    .operands_max = CLI_VALUES_MAX,
};

const cli_command cmd_features_open = {
    .name = "features open",
    .operands = "FILE",
    .summary = "decrypt features, or sums of them, that were taken out of sealed files",
    .options = open_options,
    .run = run_open,
    .description =
        "Writes integers. They are not authentic: who added could have added anything, and a\n"
        "ciphertext that somebody spoilt decrypts to numbers without meaning.\n",
    .examples = "  medveil features open -i me.id --collection ward.mv all.sum -o all.npy\n",
    .operands_min = 1,
    .operands_max = 1,
};
