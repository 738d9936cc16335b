/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_decrypt.c: sealed .mv files -> the very files, or the network's images.
 */
#include "base/clock.h"
#include "base/file.h"
#include "commands.h"
#include "compact.h"
#include "dicom_out.h"
#include "feature_choice.h"
#include "loss.h"
#include "medveil/envelope.h"
#include "paths.h"
#include "people.h"
#include "restore.h"
#include "sealed.h"
#include "show.h"
#include "ui.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const cli_option options[] = {
    {"identity", 'i', "IDENTITY", "who you are: the file that keygen made"},
    {"from", 0, "CARD", "accept only files signed by this card"},
    {"output", 'o', "OUT", "file to write (.png .jpg .nii .nii.gz .npy .dcm), or a folder"},
    {"reconstruct", 0, NULL, "give the network's or the compact image instead of the exact one"},
    {"collection", 0, "FILE", "opens features that an outside sender sealed for this collection"},
    {"model", 0, "FILE", "model file, when it is not on the search path"},
    {"integer", 0, NULL, "the network, where one is run, in whole numbers: faster"},
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
    double open_ms; /* to authenticate the file in hand */
} job;

#define CONVERT_MAX ((size_t)1 << 31) /* bytes of an original that is converted in memory */
#define NO_MEMBER   SIZE_MAX

/* One member on its way out. */
typedef struct member_out {
    const job *j;
    mv_opener *opener;
    size_t index;
    const mv_member *member;
    const char *path;
    size_t voxels_index; /* of a NIfTI pair: the member with its voxels; NO_MEMBER: not one */
    mv_output file;      /* the very bytes go here, */
    mv_buffer whole;     /* or here, to be converted */
    mv_buffer voxels;
    bool started, convert, exact;
    const mv_he_set *set;
    loss lost; /* of the network's or the compact image, if the sender says it */
    double decrypt_ms, he_ms, decode_ms;
} member_out;

/* The exact bytes when the output's format is the original's; else the same samples in another. */
static mv_status take_exact(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    member_out *m = user;

    if (!m->started) {
        m->started = true;
        m->convert = m->voxels_index != NO_MEMBER ||
                     (strcmp(m->path, "-") != 0 && !mv_image_can_copy(m->path, bytes, len));
        if (!m->convert) {
            MV_TRY(mv_output_open(&m->file, m->path, m->j->output_flags, err));
        }
    }
    if (m->convert) {
        st = mv_buffer_append(&m->whole, bytes, len);
        MV_REQUIRE(st == MV_OK, err, st, "cannot convert: %s", mv_status_sentence(st));
    } else {
        MV_REQUIRE(fwrite(bytes, 1, len, m->file.stream) == len, err, MV_E_IO,
                   "cannot write %s: %s", m->path, strerror(errno));
    }
done:
    return st;
}

static mv_status collect(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    const mv_status st = mv_buffer_append(user, bytes, len);
    return st == MV_OK ? MV_OK : mv_fail(err, st, "cannot convert: %s", mv_status_sentence(st));
}

/* The other half of a pair. */
static mv_status collect_voxels(member_out *m, mv_error *err)
{
    const mv_sink sink = {collect, &m->voxels};
    return m->voxels_index == NO_MEMBER ? MV_OK
                                        : mv_opener_exact(m->opener, m->voxels_index, &sink, err);
}

static bool is_nifti_path(const char *path)
{
    const char *extension = path_extension(path);
    return strcasecmp(extension, ".nii") == 0 || strcasecmp(extension, ".nii.gz") == 0;
}

/* As what the original says of it, where that is at hand: its header, its window, its place. */
static mv_status save_image(const member_out *m, const mv_image *image, mv_error *err)
{
    const mv_image_files original = {m->whole.bytes, m->whole.len, m->voxels.bytes, m->voxels.len};
    bool kept = false;
    const mv_status st = dicom_out_save(image, m->path, (m->j->output_flags & MV_OUTPUT_FORCE) != 0,
                                        &original, m->exact ? NULL : m->member, &kept, err);

    if (st == MV_OK && !kept && is_nifti_path(m->path)) {
        ui_say("%s has a header of its own, with scale and spacing, without orientation", m->path);
    }
    return st;
}

static mv_status write_exact(member_out *m, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image image = {0};
    const mv_sink sink = {take_exact, m};
    const double start_ms = mv_clock_ms();

    MV_TRY(mv_opener_exact(m->opener, m->index, &sink, err));
    MV_TRY(collect_voxels(m, err));
    m->decrypt_ms = mv_clock_ms() - start_ms;
    if (m->convert) {
        const mv_image_files files = {m->whole.bytes, m->whole.len, m->voxels.bytes, m->voxels.len};
        MV_TRY(mv_image_decode_files(&image, &files, "the exact image", err));
        MV_TRY(save_image(m, &image, err));
    } else {
        MV_TRY(mv_output_commit(&m->file, err));
    }
done:
    mv_image_clear(&image);
    mv_output_abort(&m->file);
    return st;
}

static bool has_section(const mv_member *member, uint32_t kind)
{
    for (uint32_t k = 0; k < member->further_count; k++) {
        if (member->further[k].kind == kind) {
            return true;
        }
    }
    return false;
}

/* The original, or the header that is left of it: for what the network's image is written as. */
static mv_status collect_original(member_out *m, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_sink sink = {collect, &m->whole};

    if (!m->exact && has_section(m->member, MV_SECTION_NIFTI)) { /* also of one slice of a volume */
        MV_TRY(mv_opener_further(m->opener, m->index, MV_SECTION_NIFTI, &sink, err));
    } else if (m->member->exact_kept) {
        MV_TRY(mv_opener_exact(m->opener, m->index, &sink, err));
        MV_TRY(collect_voxels(m, err));
    } else if (has_section(m->member, MV_SECTION_DICOM)) {
        MV_TRY(mv_opener_further(m->opener, m->index, MV_SECTION_DICOM, &sink, err));
    }
done:
    return st;
}

static mv_status find_model(mv_model **model, const member_out *m, mv_error *err)
{
    const char *file = cli_value(m->j->args, "model");
    return file != NULL ? mv_model_load(model, file, err)
                        : mv_model_find_hash(model, m->member->code.model_hash, err);
}

/* From the compact form, when that is what travels. */
static mv_status write_compact(member_out *m, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image image = {0};
    const double start_ms = mv_clock_ms();

    MV_TRY(compact_open(&image, m->opener, m->index, cli_value(m->j->args, "model"),
                        m->j->codec.threads, err));
    m->decode_ms = mv_clock_ms() - start_ms;
    MV_TRY(collect_original(m, err));
    MV_TRY(save_image(m, &image, err));
done:
    mv_image_clear(&image);
    return st;
}

static bool can_be_rebuilt(const mv_member *member)
{
    return member->feature_count != 0 || member->compact_len != 0;
}

static mv_status write_reconstructed(member_out *m, mv_error *err)
{
    mv_status st = MV_OK;
    mv_model *model = NULL;
    mv_code code = {0};
    mv_image image = {0};
    double start_ms = mv_clock_ms();

    if (!can_be_rebuilt(m->member)) {
        return features_missing(m->member, err);
    }
    MV_REQUIRE(strcmp(m->path, "-") != 0, err, MV_E_ARGUMENT,
               "a reconstructed image needs a file name: its format follows from the extension");
    if (m->member->compact_len != 0) {
        return write_compact(m, err);
    }
    MV_TRY(mv_opener_features(m->opener, m->index, &code, &m->set, &m->he_ms, err));
    m->decrypt_ms = mv_clock_ms() - start_ms;
    MV_TRY(find_model(&model, m, err));
    start_ms = mv_clock_ms();
    MV_TRY(mv_codec_decode(&image, model, &code, &m->j->codec, err));
    m->decode_ms = mv_clock_ms() - start_ms;
    MV_TRY(collect_original(m, err));
    MV_TRY(save_image(m, &image, err));
done:
    mv_image_clear(&image);
    mv_code_clear(&code);
    mv_model_free(&model);
    return st;
}

enum { WHAT_SIZE = 64 };

static void say_what(char out[WHAT_SIZE], const member_out *m)
{
    (void)snprintf(out, WHAT_SIZE, "%s",
                   m->exact ? (m->member->described ? "the exact image" : "the exact file")
                   : m->member->compact_len != 0
                       ? "rebuilt from its compact form, not the exact image"
                       : "reconstructed by the network, not the exact image");
    if (m->exact && m->member->max_error != 0) {
        (void)snprintf(out, WHAT_SIZE, "no sample more than %u off, not the exact image",
                       (unsigned)m->member->max_error);
    }
}

static void report(const member_out *m, const char *in, const sealed_file *sealed)
{
    char sender[SHOW_SENDER_SIZE], what[WHAT_SIZE], lost[LOSS_TEXT_SIZE];
    const mv_member *about = m->member;
    const mv_sender *who = mv_opener_sender(m->opener);

    if (cli_flag(m->j->args, "json") && strcmp(m->path, "-") != 0) {
        ui_json(json_pack("{s:s, s:s, s:o, s:b, s:b, s:I, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:o}",
                          "file", in, "out", m->path, "sender", show_sender_json(who), "anonymous",
                          who->anonymous, "exact", m->exact && about->max_error == 0, "max_error",
                          (json_int_t)about->max_error, "decrypt_ms", m->j->open_ms + m->decrypt_ms,
                          "he_ms", m->he_ms, "decode_ms", m->decode_ms, "bytes_compact",
                          (json_int_t)about->compact_len, "bytes_features",
                          (json_int_t)((about->feature_count * about->code.feature_bits + 7) / 8),
                          "bytes_ciphertext", (json_int_t)about->ciphertext_len, "bytes_total",
                          (json_int_t)sealed->source.len, "fidelity", loss_json(&m->lost)));
    } else if (strcmp(m->path, "-") != 0) {
        show_sender(sender, who);
        say_what(what, m);
        ui_say("wrote %s: %s; sender %s", m->path, what, sender);
        if (m->lost.there && m->exact) {
            ui_say("%s: its exact bytes came along since the model does not know such pictures, "
                   "says the sender",
                   m->path);
        } else if (m->lost.there) {
            loss_text(lost, &m->lost.record);
            ui_say("%s: %s", m->path, lost);
        }
    }
}

static member_out member_of(const job *j, const sealed_file *sealed, size_t i)
{
    return (member_out){.j = j,
                        .opener = sealed->opener,
                        .index = i,
                        .member = mv_opener_member(sealed->opener, i),
                        .voxels_index = NO_MEMBER,
                        .whole = mv_buffer_make(CONVERT_MAX),
                        .voxels = mv_buffer_make(CONVERT_MAX)};
}

/* To the one name that was given. voxels: as of member_out */
static mv_status decrypt_member(job *j, sealed_file *sealed, size_t i, size_t voxels,
                                const char *in, mv_error *err)
{
    mv_status st = MV_OK;
    member_out m = member_of(j, sealed, i);

    m.voxels_index = voxels;
    m.path = cli_value(j->args, "output");
    m.exact = m.member->exact_kept && !j->reconstruct;
    MV_TRY(loss_read(&m.lost, m.opener, i, err));
    MV_TRY(m.exact ? write_exact(&m, err) : write_reconstructed(&m, err));
    report(&m, in, sealed);
done:
    mv_buffer_clear(&m.whole);
    mv_buffer_clear(&m.voxels);
    return st;
}

/* One file of a study, into the temporary folder; it is reported when all are in place. */
static mv_status restore_member(member_out *m, const restore *r, mv_error *err)
{
    mv_status st = MV_OK;
    char place[PATH_SIZE];
    const double start_ms = mv_clock_ms();

    /* what has nothing to be rebuilt from comes as it is */
    m->exact = m->member->exact_kept && !(m->j->reconstruct && can_be_rebuilt(m->member));
    MV_TRY(loss_read(&m->lost, m->opener, m->index, err));
    if (m->exact) {
        MV_TRY(restore_exact(r, m->index, err));
        m->decrypt_ms = mv_clock_ms() - start_ms;
        goto done;
    }
    MV_TRY(restore_place(place, sizeof place, r, m->index, err));
    m->path = place;
    MV_TRY(write_reconstructed(m, err));
done:
    mv_buffer_clear(&m->whole);
    return st;
}

static mv_status report_restored(member_out *m, const restore *r, const char *in,
                                 const sealed_file *sealed, mv_error *err)
{
    char path[PATH_SIZE];
    const mv_status st = path_join(path, sizeof path, r->folder, m->member->file_name, "", err);
    if (st == MV_OK) {
        m->path = path;
        report(m, in, sealed);
    }
    return st;
}

/* --reconstruct of a study: images without features come as they are, but not all of them. */
static mv_status check_rebuilt(const job *j, const mv_opener *opener, mv_error *err)
{
    const size_t count = mv_opener_count(opener);
    const mv_member *without = NULL;
    size_t rebuilt = 0, left = 0;

    for (size_t i = 0; i < count; i++) {
        const mv_member *m = mv_opener_member(opener, i);
        rebuilt += can_be_rebuilt(m);
        left += m->described && !can_be_rebuilt(m);
        without = without == NULL || (m->described && !can_be_rebuilt(m)) ? m : without;
    }
    if (!j->reconstruct || (rebuilt != 0 && left == 0)) {
        return MV_OK;
    }
    if (rebuilt == 0) {
        return features_missing(without, err);
    }
    ui_say("%zu images come as they are: the sender left their features out, which were larger "
           "than the exact image; encrypt --features keeps them",
           left);
    return MV_OK;
}

/* A study, or one file that keeps its own name: all of it or nothing. */
static mv_status decrypt_into_folder(job *j, sealed_file *sealed, const char *in, mv_error *err)
{
    mv_status st = MV_OK;
    restore r = {0};
    const size_t count = mv_opener_count(sealed->opener);
    const mv_progress progress = ui_progress();
    member_out *m = calloc(count, sizeof *m);

    MV_REQUIRE(m != NULL, err, MV_E_MEMORY, "out of memory");
    MV_TRY(check_rebuilt(j, sealed->opener, err));
    MV_TRY(restore_begin(&r, sealed->opener, cli_value(j->args, "output"),
                         (j->output_flags & MV_OUTPUT_FORCE) != 0, err));
    for (size_t i = 0; i < count; i++) {
        MV_TRY(progress.step(progress.user, "opening files", i, count));
        m[i] = member_of(j, sealed, i);
        MV_TRY(restore_member(&m[i], &r, err));
    }
    MV_TRY(restore_finish(&r, err));
    ui_progress_end();
    for (size_t i = 0; i < count; i++) {
        MV_TRY(report_restored(&m[i], &r, in, sealed, err));
    }
done:
    ui_progress_end();
    restore_abort(&r);
    free(m);
    return st;
}

/* Whether the two files inside are a NIfTI pair, and one image file is wanted of them. */
static bool pair_wanted(size_t *header, const job *j, const mv_opener *opener)
{
    const char *out = cli_value(j->args, "output");
    if (mv_opener_count(opener) != 2 || path_wants_folder(out, 1) ||
        path_extension(out)[0] == '\0' || mv_image_can_copy(out, NULL, 0)) {
        return false;
    }
    for (size_t i = 0; i < 2; i++) {
        const char *a = mv_opener_member(opener, i)->file_name;
        const char *b = mv_opener_member(opener, 1 - i)->file_name;
        const size_t stem = strlen(a) - strlen(path_extension(a));
        *header = i;
        if (strcasecmp(path_extension(a), ".hdr") == 0 &&
            strcasecmp(path_extension(b), ".img") == 0 && strncmp(a, b, stem + 1) == 0) {
            return true;
        }
    }
    return false;
}

static mv_status decrypt_operand(void *context, const char *in, bool folder, mv_error *err)
{
    job *j = context;
    mv_status st = MV_OK;
    sealed_file sealed = {0};
    size_t header = 0;
    const double start_ms = mv_clock_ms();

    MV_TRY(sealed_open(&sealed, in, j->identity, j->has_from ? &j->from : NULL, err));
    MV_TRY(sealed_collection(&sealed, cli_value(j->args, "collection"), j->identity, err));
    j->open_ms = mv_clock_ms() - start_ms;
    const size_t count = mv_opener_count(sealed.opener);
    MV_REQUIRE(count != 0, err, MV_E_ARGUMENT, "%s is a collection: there is no image inside", in);
    MV_REQUIRE(count == 1 || strcmp(cli_value(j->args, "output"), "-") != 0, err, MV_E_ARGUMENT,
               "%s holds %zu files; give a folder with -o", in, count);
    if (!folder && count == 1) {
        MV_TRY(decrypt_member(j, &sealed, 0, NO_MEMBER, in, err));
    } else if (!folder && pair_wanted(&header, j, sealed.opener)) {
        MV_TRY(decrypt_member(j, &sealed, header, 1 - header, in, err));
    } else {
        MV_TRY(decrypt_into_folder(j, &sealed, in, err));
    }
done:
    ui_progress_end();
    sealed_close(&sealed);
    return st;
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
    j.codec.integer = cli_flag(args, "integer");
    j.codec.progress = ui_progress();
    j.reconstruct = cli_flag(args, "reconstruct");
    j.output_flags = cli_flag(args, "force") ? MV_OUTPUT_FORCE : 0;
    MV_TRY(people_identity(&j.identity, args, cli_value(args, "identity"), &err));
    if (cli_value(args, "from") != NULL) {
        MV_TRY(mv_card_find(&j.from, cli_value(args, "from"), &err));
        j.has_from = true;
    }
    code = ui_each(args, decrypt_operand, &j);
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
        "Everything is authenticated before anything is written. A study, sealed as one file, is\n"
        "opened into a folder, which appears when it is whole; into a folder that exists the "
        "files\n"
        "are moved at the end. The very file comes back when\n"
        "the output's extension is the original's; another extension converts the same samples.\n"
        "With --reconstruct, or when the sender sealed with --lossy, the network's image is\n"
        "written, or the compact one that travels in its place: it is not the exact image, can\n"
        "invent detail and is not for diagnosis. From DICOM, .png is windowed, "
        ".nii\n"
        "keeps the place in the patient, and .dcm of the network's image is a derived object.\n",
};
