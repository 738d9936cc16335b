/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_encrypt.c: image files -> sealed .mv files. The whole way of one image is encrypt_one.
 */
#include "base/clock.h"
#include "base/file.h"
#include "commands.h"
#include "medveil/envelope.h"
#include "paths.h"
#include "ui.h"

#include <stdio.h>
#include <string.h>

static const cli_option options[] = {
    {"recipient", 'r', "CARD", "card file, mv1... line or alias; may be repeated"},
    {"sender", 's', "IDENTITY", "sign with this identity; without it the file is anonymous"},
    {"output", 'o', "OUT", "file to write; a folder when there are several inputs"},
    {"model", 0, "MODEL", "model name or file (default: cnn)"},
    {"lossy", 0, NULL, "leave the exact image out; only the network's image can come back"},
    {"bits", 0, "B", "bits of one feature, 1 to 16 (default: 8)"},
    {"he", 0, "SET", "parameter set of the features (default: pack4096)"},
    {"form", 0, "sym", "form of HE encryption; this version has the symmetric one"},
    {"sums", 0, "N", "leave room to add up to N such ciphertexts (default: 1)"},
    {"resize", 0, "WxH", "resize before the network; the exact image keeps its size"},
    {"slice", 0, "K", "features of slice K only (0 is the first); default: all slices"},
    {"frame-slices", 0, "N", "gray slices that ride in one network frame: 1 (default) or 3"},
    {"threads", 0, "N", "processors to use (default: all)"},
    {"force", 'f', NULL, "replace existing output"},
    {NULL, 0, NULL, NULL},
};

/* Everything that stays the same from file to file. */
typedef struct job {
    const cli_args *args;
    mv_model *model;
    mv_identity *sender;
    mv_card recipient[MV_ENVELOPE_RECIPIENTS_MAX];
    mv_codec_opts codec;
    mv_seal_opts seal;
    long slice; /* -1: all */
    unsigned output_flags;
} job;

static bool parse_resize(job *j)
{
    const char *text = cli_value(j->args, "resize");
    unsigned width = 0, height = 0;
    char rest = 0;

    if (text == NULL) {
        return true;
    }
    if (sscanf(text, "%5ux%5u%c", &width, &height, &rest) != 2 || width == 0 || height == 0 ||
        width > MV_IMAGE_SIDE_MAX || height > MV_IMAGE_SIDE_MAX) {
        ui_say("--resize needs WIDTHxHEIGHT in pixels, not \"%s\"", text);
        return false;
    }
    j->codec.resize_width = width;
    j->codec.resize_height = height;
    return true;
}

static bool parse_numbers(job *j)
{
    long bits = 0, sums = 0, slices = 0, threads = 0;

    if (!cli_number(j->args, "bits", 1, 16, 8, &bits) ||
        !cli_number(j->args, "sums", 1, 64, 1, &sums) ||
        !cli_number(j->args, "slice", 0, MV_IMAGE_SIDE_MAX, -1, &j->slice) ||
        !cli_number(j->args, "frame-slices", 1, 3, 1, &slices) ||
        !cli_number(j->args, "threads", 1, 256, 0, &threads) || !parse_resize(j)) {
        return false;
    }
    if (slices == 2) {
        ui_say("--frame-slices is 1 or 3");
        return false;
    }
    j->codec.feature_bits = (uint32_t)bits;
    j->codec.frame_slices = (uint32_t)slices;
    j->codec.threads = (unsigned)threads;
    j->codec.progress = ui_progress();
    j->seal.sums = (uint32_t)sums;
    return true;
}

static bool parse_set(job *j)
{
    const char *name = cli_value(j->args, "he");
    const char *form = cli_value(j->args, "form");

    if (form != NULL && strcmp(form, "sym") != 0) {
        ui_say("--form %s is not in this version; features are encrypted in the symmetric form",
               form);
        return false;
    }
    j->seal.set = mv_he_set_find(name == NULL ? "pack4096" : name);
    if (j->seal.set == NULL) {
        ui_say("there is no parameter set %s", name);
        for (size_t i = 0; mv_he_set_at(i) != NULL; i++) {
            ui_hint("%s: %s", mv_he_set_name(mv_he_set_at(i)), mv_he_set_purpose(mv_he_set_at(i)));
        }
        return false;
    }
    return true;
}

static mv_status find_people(job *j, mv_error *err)
{
    mv_status st = MV_OK;
    const char *sender = cli_value(j->args, "sender");
    const char *name = NULL;
    size_t count = 0;

    while ((name = cli_value_at(j->args, "recipient", count)) != NULL) {
        MV_REQUIRE(count < MV_ENVELOPE_RECIPIENTS_MAX, err, MV_E_LIMIT,
                   "at most %d recipients fit in one envelope", MV_ENVELOPE_RECIPIENTS_MAX);
        MV_TRY(mv_card_find(&j->recipient[count++], name, err));
    }
    if (count == 0) {
        st = mv_fail(err, MV_E_ARGUMENT, "encrypt needs at least one recipient");
        mv_hint(err, "give a card file, an mv1... line or an alias with -r");
        goto done;
    }
    if (sender != NULL) {
        MV_TRY(mv_identity_load(&j->sender, sender, err));
    }
    j->seal.sender = j->sender;
    j->seal.recipient = j->recipient;
    j->seal.recipient_count = count;
done:
    return st;
}

static mv_status load_image(mv_image *out, const mv_buffer *file, const char *path, long slice,
                            mv_error *err)
{
    mv_status st = MV_OK;
    mv_image all = {0};

    MV_TRY(mv_image_decode(&all, file->bytes, file->len, path, err));
    if (slice < 0) {
        *out = all;
        memset(&all, 0, sizeof all);
        goto done;
    }
    MV_REQUIRE((uint32_t)slice < all.depth, err, MV_E_ARGUMENT,
               "%s has no slice %ld; it has %u, counted from 0", path, slice, all.depth);
    MV_TRY(mv_image_slice(out, &all, (uint32_t)slice, 1));
done:
    mv_image_clear(&all);
    return st;
}

/* A DICOM object without an image, or with one that is not decoded, still travels: whole. Called
 * with the reason why there is no image; MV_OK forgives it. */
static mv_status travel_whole(const job *j, const mv_buffer *file, mv_status why, mv_error *err)
{
    const mv_category category = mv_status_category(why);
    const bool about_input = category == MV_CATEGORY_INPUT || category == MV_CATEGORY_LIMIT ||
                             why == MV_E_UNSUPPORTED || why == MV_E_POLICY;

    if (!about_input || !mv_image_is_dicom(file->bytes, file->len)) {
        return why;
    }
    if (cli_flag(j->args, "lossy")) {
        mv_hint(err, "without --lossy the file travels whole, without features");
        return why;
    }
    ui_say("%s: it travels whole, without features", err->text);
    memset(err, 0, sizeof *err);
    return MV_OK;
}

/* load -> encode; a DICOM object without a usable image leaves *content without features. */
static mv_status encode_one(mv_content *content, double *encode_ms, const job *j,
                            const mv_buffer *file, const char *in, mv_error *err)
{
    mv_image image = {0};
    double start_ms = 0;
    mv_status st = load_image(&image, file, in, j->slice, err);

    if (st != MV_OK) {
        return st == MV_E_ARGUMENT ? st : travel_whole(j, file, st, err);
    }
    start_ms = mv_clock_ms();
    st = mv_codec_encode(&content->code, j->model, &image, &j->codec, err);
    *encode_ms = mv_clock_ms() - start_ms;
    mv_image_clear(&image);
    return st;
}

static void report(const job *j, const char *in, const char *out, double encode_ms,
                   const mv_envelope_stats *s, size_t bytes_in)
{
    if (cli_flag(j->args, "json")) {
        ui_json(json_pack("{s:s, s:s, s:f, s:f, s:f, s:I, s:I, s:I, s:I}", "file", in, "out", out,
                          "encode_ms", encode_ms, "encrypt_ms", s->total_ms, "he_ms", s->he_ms,
                          "bytes_in", (json_int_t)bytes_in, "bytes_features",
                          (json_int_t)s->bytes_features, "bytes_ciphertext",
                          (json_int_t)s->bytes_ciphertext, "bytes_total",
                          (json_int_t)s->bytes_total));
    } else if (strcmp(out, "-") != 0) {
        ui_say("sealed %s: %zu bytes%s%s", out, s->bytes_total,
               s->bytes_exact == 0 ? ", lossy" : "", j->sender == NULL ? ", anonymous" : "");
    }
}

/* read -> encode -> seal -> write */
static mv_status encrypt_one(const job *j, const char *in, const char *out, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer file = mv_buffer_make(MV_ENVELOPE_LEN_MAX / 2);
    mv_content content = {0};
    mv_envelope_stats stats = {0};
    uint8_t *sealed = NULL;
    size_t sealed_len = 0;
    double encode_ms = 0;

    MV_TRY(mv_file_read(&file, in, err));
    MV_TRY(encode_one(&content, &encode_ms, j, &file, in, err));
    (void)snprintf(content.file_name, sizeof content.file_name, "%s",
                   strcmp(in, "-") == 0 ? "" : path_base(in));
    if (!cli_flag(j->args, "lossy")) {
        content.exact = file.bytes;
        content.exact_len = file.len;
    }
    st = mv_envelope_seal(&sealed, &sealed_len, &stats, &content, &j->seal, err);
    content.exact = NULL; /* belongs to file */
    if (st != MV_OK) {
        goto done;
    }
    MV_TRY(mv_file_write(out, sealed, sealed_len, j->output_flags, err));
    report(j, in, out, encode_ms, &stats, file.len);
done:
    ui_progress_end();
    mv_envelope_free_bytes(&sealed, sealed_len);
    mv_content_clear(&content);
    mv_buffer_clear(&file);
    return st;
}

static mv_status output_path(char *out, size_t cap, const job *j, const char *in, bool folder,
                             mv_error *err)
{
    const char *given = cli_value(j->args, "output");
    if (!folder) {
        return path_copy(out, cap, given, err);
    }
    return path_join(out, cap, given, path_base(in), ".mv", err);
}

static int encrypt_all(const job *j)
{
    const bool folder = path_wants_folder(cli_value(j->args, "output"), j->args->operand_count);
    size_t failed = 0;
    int code = CLI_OK;

    for (size_t i = 0; i < j->args->operand_count; i++) {
        mv_error err = {0};
        char out[PATH_SIZE];
        mv_status st = output_path(out, sizeof out, j, j->args->operand[i], folder, &err);
        if (st == MV_OK && folder) {
            st = path_make_folder(cli_value(j->args, "output"), &err);
        }
        if (st == MV_OK) {
            st = encrypt_one(j, j->args->operand[i], out, &err);
        }
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
    static job j; /* large; one per process */
    mv_status st = MV_OK;
    mv_error err = {0};
    int code = CLI_OK;

    j.args = args;
    j.codec = mv_codec_defaults();
    j.output_flags = cli_flag(args, "force") ? MV_OUTPUT_FORCE : 0;
    if (cli_value(args, "output") == NULL) {
        ui_say("encrypt needs an output: -o FILE.mv");
        return CLI_USAGE;
    }
    if (!path_output_is_safe(cli_value(args, "output"), "an encrypted file") ||
        !parse_numbers(&j) || !parse_set(&j)) {
        return CLI_USAGE;
    }
    MV_TRY(find_people(&j, &err));
    MV_TRY(path_load_model(&j.model, cli_value(args, "model"), &err));
    code = encrypt_all(&j);
done:
    mv_identity_free(&j.sender);
    mv_model_free(&j.model);
    return st == MV_OK ? code : ui_fail(st, &err);
}

const cli_command cmd_encrypt = {
    .name = "encrypt",
    .operands = "IN...",
    .summary = "seal images so that only the recipients can open them",
    .options = options,
    .run = run,
    .operands_min = 1,
    .operands_max = CLI_VALUES_MAX,
    .examples = "  medveil encrypt -s me.id -r radiology.card scan.png -o scan.mv\n"
                "  medveil encrypt -r mv1... --lossy a.png b.png -o sealed/\n",
    .description =
        "The network turns each image into features, which travel under homomorphic encryption; "
        "by\n"
        "default the original bytes travel beside them under authenticated encryption, so that\n"
        "decrypt gives back the very file. With --lossy only the features travel.\n"
        "Formats: DICOM, PNG, JPEG, NIfTI, NPY; a DICOM file without an image that can be decoded\n"
        "travels whole, without features. \"-\" reads standard input or writes standard output.\n",
};
