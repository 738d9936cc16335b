/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_encrypt.c: image files -> sealed .mv files. The whole way of one image is add_one; what it
 * gives goes into encrypt_files' envelope.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/secret.h"
#include "commands.h"
#include "compact.h"
#include "deidentified.h"
#include "dicom_out.h"
#include "feature_choice.h"
#include "image/image_format.h"
#include "loss.h"
#include "medveil/envelope.h"
#include "paths.h"
#include "people.h"
#include "scratch.h"
#include "sealed.h"
#include "show.h"
#include "study.h"
#include "ui.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const cli_option options[] = {
    {"recipient", 'r', "CARD", "card file, mv1... line or alias; may be repeated"},
    {"archive", 0, "CARD", "a further recipient of whom every receiver is told"},
    {"sender", 's', "IDENTITY", "sign with this identity; without it the file is anonymous"},
    {"output", 'o', "OUT",
     "file to write; of several inputs a study if it ends in .mv, or a folder"},
    {"collection", 0, "FILE",
     "encrypt features under this collection's key (needs -s) or public key"},
    {"model", 0, "MODEL", "model name or file (default: cnn)"},
    COMPACT_OPTIONS,
    {"lossy", 0, NULL,
     "leave the exact image out, if the model knows such images; only the network's can come back"},
    {"lossy-anyway", 0, NULL, "as --lossy, whatever the picture is like"},
    {"max-error", 0, "E",
     "near-lossless: no sample comes back more than E off (1 to 255); not the very file"},
    {"exact-coding", 0, "CODER",
     "of raw samples: jpegls (default: fast), best (the smaller of two, slower) or veil"},
    {"bits", 0, "B", "bits of one feature, 1 to 16 (default: 8)"},
    {"he", 0, "SET", "parameter set of the features (default: pack4096)"},
    {"form", 0, "sym|pk", "encrypt features with the secret key (default) or the public key"},
    {"quantum", 0, NULL,
     "refuse a set that has 128 bits of security against classical attacks only"},
    FEATURES_OPTIONS,
    {"no-embedding", 0, NULL, "leave the embedding out, which says what the image shows"},
    {"sums", 0, "N", "leave room to add up to N such ciphertexts (default: 1)"},
    {"resize", 0, "WxH", "resize before the network; the exact image keeps its size"},
    {"slice", 0, "K", "features of slice K only (0 is the first); default: all slices"},
    {"frame-slices", 0, "N", "gray slices that ride in one network frame: 1 (default) or 3"},
    {"integer", 0, NULL, "the network in whole numbers: faster, the same from every processor"},
    {"threads", 0, "N", "processors to use (default: all)"},
    {"deidentify", 0, NULL, "DICOM files only, without what says whose they are; see deidentify"},
    DEIDENTIFY_OPTIONS,
    {"force", 'f', NULL, "replace existing output"},
    PEOPLE_PASSPHRASE_OPTION,
    {NULL, 0, NULL, NULL},
};

#define INPUT_LEN_MAX ((size_t)1 << 31) /* an image is decoded in memory */

enum { WHY_SIZE = 160 };

/* Everything that stays the same from file to file, and why. */
typedef struct job {
    const cli_args *args;
    mv_model *model;
    mv_head *head; /* NULL: no embedding travels; no_head says why */
    char no_head[WHY_SIZE];
    char why[WHY_SIZE]; /* an image of the envelope in hand travels without embedding; or "" */
    mv_identity *sender;
    mv_card recipient[MV_ENVELOPE_RECIPIENTS_MAX];
    mv_card archive;
    mv_collection *collection;
    mv_collection_public *public_key;
    mv_codec_opts codec;
    mv_seal_opts seal;
    features_choice features;
    features_weight weight; /* of the image in hand */
    size_t left_out;        /* images of the envelope in hand without their features */
    compact compact;        /* in place of features, when wanted */
    bool lossy;             /* the exact bytes are to stay behind */
    loss lost;              /* of the image in hand, when they are */
    size_t kept;   /* images of the envelope in hand whose exact bytes travel all the same */
    mv_deid *deid; /* NULL: files travel as they are */
    long slice;    /* -1: all */
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
    long bits = 0, sums = 0, slices = 0, threads = 0, max_error = 0;

    if (!cli_number(j->args, "bits", 1, 16, 8, &bits) ||
        !cli_number(j->args, "sums", 1, 64, 1, &sums) ||
        !cli_number(j->args, "max-error", 1, 255, 0, &max_error) ||
        !cli_number(j->args, "slice", 0, MV_IMAGE_SIDE_MAX, -1, &j->slice) ||
        !cli_number(j->args, "frame-slices", 1, 3, 1, &slices) ||
        !cli_number(j->args, "threads", 1, 256, 0, &threads) || !parse_resize(j) ||
        !features_parse(&j->features, j->args) || !compact_parse(&j->compact, j->args)) {
        return false;
    }
    if (slices == 2) {
        ui_say("--frame-slices is 1 or 3");
        return false;
    }
    j->lossy = cli_flag(j->args, "lossy") || cli_flag(j->args, "lossy-anyway");
    if (max_error != 0 && j->lossy) {
        ui_say("--lossy leaves the samples out whose error --max-error bounds; give one of them");
        return false;
    }
    j->seal.max_error = (uint32_t)max_error;
    j->codec.feature_bits = (uint32_t)bits;
    j->codec.frame_slices = (uint32_t)slices;
    j->codec.threads = j->seal.threads = (unsigned)threads;
    j->codec.integer = cli_flag(j->args, "integer");
    j->codec.progress = ui_progress();
    j->seal.sums = (uint32_t)sums;
    return true;
}

static bool exact_choice_of(mv_exact_choice *out, const char *name)
{
    *out = strcmp(name, "best") == 0   ? MV_EXACT_BEST
           : strcmp(name, "veil") == 0 ? MV_EXACT_PIXELS
                                       : MV_EXACT_JPEGLS;
    return *out != MV_EXACT_JPEGLS || strcmp(name, "jpegls") == 0;
}

static bool parse_exact(job *j)
{
    const char *name = cli_value(j->args, "exact-coding");
    if (name != NULL && j->lossy) {
        ui_say("--lossy leaves the samples out that --exact-coding codes; give one of them");
        return false;
    }
    if (name != NULL && !exact_choice_of(&j->seal.exact, name)) {
        ui_say("--exact-coding is jpegls, best or veil, not \"%s\"", name);
        return false;
    }
    return true;
}

static bool parse_set(job *j)
{
    const char *name = cli_value(j->args, "he");
    const char *form = cli_value(j->args, "form");

    if (form != NULL && strcmp(form, "sym") != 0 && strcmp(form, "pk") != 0) {
        ui_say("--form is sym or pk, not \"%s\"", form);
        return false;
    }
    j->seal.form = form != NULL && strcmp(form, "pk") == 0 ? MV_HE_PK : MV_HE_SYM;
    if (name != NULL) {
        j->seal.set = people_set(name);
    }
    return name == NULL || j->seal.set != NULL;
}

/* A collection's public key, for senders from outside, is a text; the collection itself is not. */
static mv_status is_public(bool *out, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    sealed_file file = {0};
    uint8_t start[MV_ENVELOPE_MAGIC_LEN] = {0};

    MV_TRY(sealed_source(&file, path, err));
    if (file.source.len >= sizeof start) {
        MV_TRY(file.source.read(file.source.user, 0, start, sizeof start, err));
    }
    *out = memcmp(start, MV_ENVELOPE_MAGIC, sizeof start) != 0;
done:
    sealed_close(&file);
    return st;
}

static mv_status open_public(job *j, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    const char *form = cli_value(j->args, "form");

    MV_TRY(people_public(&j->public_key, path, err));
    MV_REQUIRE(form == NULL || j->seal.form == MV_HE_PK, err, MV_E_ARGUMENT,
               "%.200s is a public key, which encrypts in the form pk only", path);
    j->seal.collection_public = j->public_key;
done:
    return st;
}

static mv_status open_collection(job *j, mv_error *err)
{
    mv_status st = MV_OK;
    const char *path = cli_value(j->args, "collection");
    bool public = false;

    if (path == NULL) {
        return MV_OK;
    }
    MV_TRY(is_public(&public, path, err));
    if (public) {
        return open_public(j, path, err);
    }
    MV_REQUIRE(j->sender != NULL, err, MV_E_ARGUMENT,
               "--collection needs -s: the collection opens with the sender's identity");
    MV_TRY(sealed_load_collection(&j->collection, path, j->sender, err));
    j->seal.collection_key = mv_collection_key(j->collection);
done:
    return st;
}

/* Without -r a collection's public key says for whom: its holders, when the one who signed it is
 * known. */
static mv_status take_holders(job *j, size_t *count, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_collection_public *key = j->public_key;
    char alias[64], name[MV_CARD_NAME_MAX];

    if (key == NULL) {
        mv_hint(err, "give a card file, an mv1... line or an alias with -r");
        return mv_fail(err, MV_E_ARGUMENT, "encrypt needs at least one recipient");
    }
    mv_card_name(name, mv_collection_public_signer(key)->id);
    if (!mv_card_alias(alias, sizeof alias, mv_collection_public_signer(key))) {
        mv_hint(err,
                "compare %s with its owner and put the card into the card book with an alias, "
                "or name the recipients with -r",
                name);
        st = mv_fail(err, MV_E_POLICY, "the public key is signed by a card that is not known here");
        goto done;
    }
    while (*count < mv_collection_public_holder_count(key)) {
        j->recipient[*count] = *mv_collection_public_holder(key, *count);
        (*count)++;
    }
done:
    return st;
}

static mv_status find_recipients(job *j, mv_error *err)
{
    mv_status st = MV_OK;
    const char *name = NULL, *archive = cli_value(j->args, "archive");
    size_t count = 0;

    while ((name = cli_value_at(j->args, "recipient", count)) != NULL) {
        MV_REQUIRE(count < MV_ENVELOPE_RECIPIENTS_MAX, err, MV_E_LIMIT,
                   "at most %d recipients fit in one envelope", MV_ENVELOPE_RECIPIENTS_MAX);
        MV_TRY(people_recipient(&j->recipient[count++], name, err));
    }
    if (count == 0) {
        MV_TRY(take_holders(j, &count, err));
    }
    if (archive != NULL) {
        MV_TRY(people_recipient(&j->archive, archive, err));
        j->seal.archive = &j->archive;
    }
    j->seal.recipient = j->recipient;
    j->seal.recipient_count = count;
done:
    return st;
}

/* The set that will be used, whoever chose it. */
static mv_status check_set(const job *j, mv_error *err)
{
    const mv_he_set *set =
        j->public_key != NULL ? mv_collection_public_set(j->public_key) : j->seal.set;
    if (set == NULL || !cli_flag(j->args, "quantum")) {
        return MV_OK; /* the default, pack4096, keeps both limits */
    }
    mv_hint(err, "pack4096, add4096, score4096, private8192, real8192 and search8192 keep it");
    return mv_he_set_require(set, MV_HE_QUANTUM_128, err);
}

static mv_status find_people(job *j, mv_error *err)
{
    mv_status st = MV_OK;
    const char *sender = cli_value(j->args, "sender");

    if (sender != NULL) {
        MV_TRY(people_identity(&j->sender, j->args, sender, err));
    }
    j->seal.sender = j->sender;
    MV_TRY(open_collection(j, err));
    MV_TRY(check_set(j, err));
    MV_TRY(find_recipients(j, err));
done:
    return st;
}

/* The image at path, of which bytes are the file; half of a NIfTI pair needs the other half. */
static mv_status decode(mv_image *out, const mv_buffer *file, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    char partner[PATH_SIZE];
    bool is_header = false;
    mv_buffer voxels = mv_buffer_make(INPUT_LEN_MAX);

    if (!mv_image_partner(partner, sizeof partner, &is_header, path)) {
        return mv_image_decode(out, file->bytes, file->len, path, err);
    }
    MV_REQUIRE(is_header, err, MV_E_UNSUPPORTED, "%s holds the voxels of a pair", path);
    MV_TRY(mv_file_read(&voxels, partner, err));
    const mv_image_files pair = {file->bytes, file->len, voxels.bytes, voxels.len};
    MV_TRY(mv_image_decode_files(out, &pair, path, err));
done:
    mv_buffer_clear(&voxels);
    return st;
}

static mv_status load_image(mv_image *out, const mv_buffer *file, const char *path, long slice,
                            mv_error *err)
{
    mv_status st = MV_OK;
    mv_image all = {0};

    MV_TRY(decode(&all, file, path, err));
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

/* ---- the original, read once more when the envelope is written ---- */

/* One input file. Alone it stays in memory; of a study each is opened again, and must not have
 * changed since its features were made. */
typedef struct input {
    const char *path, *name; /* to open it; in the envelope */
    bool of_study;           /* or found in a folder: it need not be an image */
    struct stat seen;
    FILE *stream;
    mv_buffer bytes;
} input;

static void input_clear(input *in)
{
    mv_buffer_clear(&in->bytes);
    if (in->stream != NULL) {
        (void)fclose(in->stream);
        in->stream = NULL;
    }
}

static bool unchanged(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_ino == b->st_ino &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static mv_status read_again(void *user, uint64_t at, uint8_t *out, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    input *in = user;
    struct stat now;

    MV_REQUIRE(!ui_interrupted(), err, MV_E_INTERRUPTED, "interrupted");
    if (in->stream == NULL) {
        in->stream = fopen(in->path, "rb");
    }
    MV_REQUIRE(in->stream != NULL && ((uint64_t)ftello(in->stream) == at ||
                                      fseeko(in->stream, (off_t)at, SEEK_SET) == 0),
               err, MV_E_IO, "cannot read %s: %s", in->path, strerror(errno));
    MV_REQUIRE(fread(out, 1, len, in->stream) == len && fstat(fileno(in->stream), &now) == 0 &&
                   unchanged(&now, &in->seen),
               err, MV_E_IO, "%s changed while it was being sealed", in->path);
    if (at + len == (uint64_t)in->seen.st_size) {
        (void)fclose(in->stream);
        in->stream = NULL;
    }
done:
    return st;
}

static mv_source input_source(input *in, bool alone)
{
    return alone ? mv_source_memory(in->bytes.bytes, in->bytes.len)
                 : (mv_source){.read = read_again, .user = in, .len = (uint64_t)in->seen.st_size};
}

static mv_status input_read(input *in, const study_file *file, bool alone, mv_error *err)
{
    mv_status st = MV_OK;
    const char *path = file->path;
    *in = (input){.path = path,
                  .name = file->name,
                  .of_study = file->found || !alone,
                  .bytes = mv_buffer_make(INPUT_LEN_MAX)};
    MV_REQUIRE(alone || strcmp(path, "-") != 0, err, MV_E_ARGUMENT,
               "standard input cannot be part of a study");
    MV_REQUIRE(alone || stat(path, &in->seen) == 0, err, errno == ENOENT ? MV_E_NOT_FOUND : MV_E_IO,
               "cannot read %s: %s", path, strerror(errno));
    MV_TRY(mv_file_read(&in->bytes, path, err));
    MV_REQUIRE(alone || in->bytes.len == (uint64_t)in->seen.st_size, err, MV_E_IO,
               "%s changed while it was being sealed", path);
done:
    return st;
}

/* ---- sealing ---- */

/* A DICOM object without an image, or with one that is not decoded, still travels: whole. So does
 * every file of a study. Called with the reason why there are no features; MV_OK forgives it. */
static mv_status travel_whole(const job *j, const input *in, mv_status why, mv_error *err)
{
    const mv_category category = mv_status_category(why);
    const bool about_input = category == MV_CATEGORY_INPUT || category == MV_CATEGORY_LIMIT ||
                             why == MV_E_UNSUPPORTED || why == MV_E_POLICY;

    if (!about_input || !(in->of_study || mv_image_is_dicom(in->bytes.bytes, in->bytes.len))) {
        return why;
    }
    if (j->lossy || j->seal.max_error != 0) {
        err->hint[0] = '\0'; /* what formats there are helps less */
        mv_hint(err, "without --%s the file travels whole, without features",
                j->seal.max_error != 0              ? "max-error"
                : cli_flag(j->args, "lossy-anyway") ? "lossy-anyway"
                                                    : "lossy");
        return why;
    }
    ui_say("%s: it travels whole, without features", err->text);
    memset(err, 0, sizeof *err);
    return MV_OK;
}

static void report(const job *j, const char *in, size_t count, const char *out, double encode_ms,
                   const mv_envelope_stats *s, uint64_t bytes_in)
{
    char many[160] = "", why[FEATURES_WHY_SIZE];

    if (cli_flag(j->args, "json")) {
        json_t *o = json_pack("{s:s, s:s, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I}", "file", in,
                              "out", out, "encode_ms", encode_ms, "encrypt_ms", s->total_ms,
                              "he_ms", s->he_ms, "bytes_in", (json_int_t)bytes_in, "bytes_features",
                              (json_int_t)s->bytes_features, "bytes_ciphertext",
                              (json_int_t)s->bytes_ciphertext, "bytes_total",
                              (json_int_t)s->bytes_total, "members", (json_int_t)count);
        (void)json_object_update_new(o,
                                     json_pack("{s:s?, s:s?, s:I, s:s?, s:I}", "set",
                                               s->set == NULL ? NULL : mv_he_set_name(s->set),
                                               "form", s->set == NULL ? NULL : show_form(s->form),
                                               "bytes_embedding", (json_int_t)s->bytes_embedding,
                                               "embedding_why", j->why[0] != '\0' ? j->why : NULL,
                                               "features_left_out", (json_int_t)j->left_out));
        (void)json_object_update_new(
            o, json_pack("{s:s?, s:I, s:o, s:o, s:I}", "features_why",
                         count == 1 ? features_why(why, &j->weight, j->features) : NULL,
                         "bytes_compact", (json_int_t)s->bytes_compact, "compact",
                         count == 1 ? compact_json(&j->compact) : json_null(), "fidelity",
                         count == 1 ? loss_json(&j->lost) : json_null(), "kept_exact",
                         (json_int_t)j->kept));
        ui_json(o);
    } else if (strcmp(out, "-") != 0) {
        if (count > 1) {
            (void)snprintf(many, sizeof many, ", a study of %zu files", count);
        }
        if (s->bytes_compact != 0) {
            const size_t used = strlen(many);
            (void)snprintf(many + used, sizeof many - used,
                           ", %llu of them compact, on which nothing can be computed",
                           (unsigned long long)s->bytes_compact);
        }
        ui_say("sealed %s: %llu bytes%s%s%s", out, (unsigned long long)s->bytes_total, many,
               s->bytes_exact == 0      ? ", lossy"
               : j->seal.max_error != 0 ? ", near-lossless"
                                        : "",
               j->sender == NULL ? ", anonymous" : "");
        if (j->left_out != 0 && count == 1) {
            ui_say("features %s", features_why(why, &j->weight, j->features));
        } else if (j->left_out != 0) {
            ui_say("features left out where the exact image is smaller, for %zu of %zu files; "
                   "--features keeps them",
                   j->left_out, count);
        }
    }
    people_say_limits(s->set);
}

/* One file of a study, as soon as it is in the sealer. */
static void report_member(const job *j, const input *in, const mv_code *code)
{
    char why[FEATURES_WHY_SIZE];
    if (cli_flag(j->args, "json")) {
        ui_json(json_pack("{s:s, s:s, s:I, s:b, s:I, s:s?, s:o, s:o}", "file", in->path, "member",
                          in->name, "bytes_in", (json_int_t)in->bytes.len, "image",
                          code->meta.width != 0, "features", (json_int_t)code->feature_count,
                          "features_why", features_why(why, &j->weight, j->features), "compact",
                          compact_json(&j->compact), "fidelity", loss_json(&j->lost)));
    }
}

/* An embedding, if one was made. */
typedef struct described {
    mv_embedding embedding;
    bool there;
} described;

/* What cannot be embedded travels without; j->why says it. */
static mv_status embed_one(described *out, job *j, const mv_image *image, mv_error *err)
{
    mv_error reason = {0};
    mv_status st = MV_OK;

    if (j->head == NULL) {
        return MV_OK;
    }
    st = mv_head_embed_image(&out->embedding, NULL, j->head, j->model, image, &reason);
    out->there = st == MV_OK;
    if (mv_status_category(st) == MV_CATEGORY_RESOURCE || st == MV_E_INTERRUPTED) {
        *err = reason;
        return st;
    }
    if (st != MV_OK) {
        (void)snprintf(j->why, sizeof j->why, "%.150s",
                       reason.text[0] != '\0' ? reason.text : mv_status_sentence(st));
    }
    return MV_OK;
}

/* load -> encode, or describe, what is weighed first -> embed; a file without a usable image gives
 * an empty code */
static mv_status encode_one(mv_code *code, mv_image *image, described *told, job *j,
                            const input *in, double *encode_ms, mv_error *err)
{
    mv_status st = MV_OK;
    double start_ms = 0;

    MV_TRY(load_image(image, &in->bytes, in->path, j->slice, err));
    MV_REQUIRE(!image->never_lossy || !j->lossy, err, MV_E_POLICY,
               "%s is a mammogram, which is not sent without its original; leave out --lossy",
               in->path);
    start_ms = mv_clock_ms();
    if (j->compact.wanted) {
        MV_TRY(compact_encode(&j->compact, code, image, &j->codec, err));
    } else if (j->features == FEATURES_ALWAYS) {
        MV_TRY(mv_codec_encode(code, j->model, image, &j->codec, err));
    } else if (j->features == FEATURES_IF_SMALLER) {
        MV_TRY(mv_codec_describe(&code->meta, j->model, image, &j->codec, err));
    }
    MV_TRY(embed_one(told, j, image, err));
    *encode_ms += mv_clock_ms() - start_ms;
    if (j->lossy) {
        MV_TRY(loss_of(&j->lost, &j->compact, code, j->model, j->head, image, &j->codec, err));
    }
done:
    return st;
}

/* The features of an image whose original is in the sealer already, unless they would be larger. */
static mv_status weigh_features(mv_code *code, job *j, mv_sealer *sealer, const mv_image *image,
                                double *encode_ms, mv_error *err)
{
    mv_status st = MV_OK;
    const double start_ms = mv_clock_ms();

    if (j->features != FEATURES_IF_SMALLER || code->meta.width == 0) {
        return MV_OK;
    }
    MV_TRY(features_weigh(&j->weight, sealer, &code->meta, err));
    if (features_too_large(&j->weight)) {
        j->left_out++;
        return MV_OK;
    }
    MV_TRY(mv_codec_encode(code, j->model, image, &j->codec, err));
    *encode_ms += mv_clock_ms() - start_ms;
    MV_TRY(mv_sealer_features(sealer, code, err));
done:
    return st;
}

/* Whether the exact bytes of the image in hand are left out: not those of a picture that the model
 * does not know, unless it is meant. */
static bool stays_behind(const job *j)
{
    return j->lossy && (cli_flag(j->args, "lossy-anyway") || mv_fidelity_familiar(&j->lost.record));
}

static void say_kept(job *j, const input *in)
{
    if (j->lossy && !stays_behind(j)) {
        j->kept++;
        ui_say("%s is unlike the pictures that the model knows, so its exact bytes travel too; "
               "--lossy-anyway leaves them out",
               in->path);
    }
}

/* What of the input itself goes into the envelope. derived: the derived object of a near-lossless
 * DICOM file, to be kept until it is in the sealer. */
static mv_status add_input(const job *j, mv_sealer *sealer, input *in, const mv_code *code,
                           bool alone, mv_buffer *derived, mv_error *err)
{
    mv_status st = MV_OK;
    const bool is_dicom = mv_image_is_dicom(in->bytes.bytes, in->bytes.len);
    mv_source exact = input_source(in, alone);

    if (stays_behind(j)) {
        MV_TRY(mv_sealer_add(sealer, in->name, code, NULL, err));
        goto done;
    }
    if (j->seal.max_error != 0 && is_dicom) {
        MV_TRY(dicom_out_near(derived, &in->bytes, in->path, &j->seal, err));
        exact = mv_source_memory(derived->bytes, derived->len);
    }
    MV_TRY(mv_sealer_add(sealer, in->name, code, &exact, err));
done:
    if (st == MV_E_UNSUPPORTED && j->seal.max_error != 0) {
        mv_hint(err, "--max-error is for DICOM, .nii and .npy files of 8- or 16-bit integers");
    }
    return st;
}

static bool is_nifti(const mv_buffer *file)
{
    const mv_image_source source = {.bytes = file->bytes, .len = file->len, .name = ""};
    const mv_image_format *format = mv_image_format_of(&source);
    return format == &mv_image_nifti || format == &mv_image_nifti_gz;
}

static mv_status add_loss(mv_sealer *sealer, const mv_fidelity *record, mv_error *err)
{
    uint8_t bytes[MV_FIDELITY_LEN];
    mv_fidelity_write(bytes, record);
    return mv_sealer_further(sealer, MV_SECTION_FIDELITY, bytes, sizeof bytes, err);
}

static mv_status add_one(job *j, mv_sealer *sealer, input *in, bool alone, double *encode_ms,
                         mv_error *err)
{
    mv_status st = MV_OK;
    mv_code code = {0};
    mv_image image = {0};
    described told = {.there = false};
    mv_buffer derived = mv_buffer_make(0);

    compact_forget(&j->compact);
    j->weight = (features_weight){0};
    j->lost = (loss){.there = false};
    st = encode_one(&code, &image, &told, j, in, encode_ms, err);
    if (st != MV_OK) {
        MV_TRY(travel_whole(j, in, st, err));
    }
    MV_TRY(add_input(j, sealer, in, &code, alone, &derived, err));
    MV_TRY(weigh_features(&code, j, sealer, &image, encode_ms, err));
    if (told.there) {
        MV_TRY(mv_sealer_embed(sealer, &told.embedding, err));
    }
    if (stays_behind(j) && mv_image_is_dicom(in->bytes.bytes, in->bytes.len)) {
        MV_TRY(dicom_out_header(sealer, &in->bytes, err)); /* behind the embedding: kinds go up */
    }
    if ((code.feature_count != 0 || j->compact.bytes != NULL) &&
        (stays_behind(j) || j->slice >= 0) && is_nifti(&in->bytes)) {
        MV_TRY(dicom_out_nifti_header(sealer, &in->bytes, j->slice, err));
    }
    if (j->compact.bytes != NULL) {
        MV_TRY(mv_sealer_compact(sealer, j->compact.bytes, j->compact.len, j->compact.he, err));
    }
    if (j->lost.there) {
        MV_TRY(add_loss(sealer, &j->lost.record, err));
        say_kept(j, in);
    }
    if (!alone) {
        report_member(j, in, &code);
    }
done:
    mv_wipe(&told, sizeof told);
    mv_buffer_clear(&derived);
    mv_image_clear(&image);
    mv_code_clear(&code);
    return st;
}

static mv_status write_sealed(mv_envelope_stats *stats, mv_sealer *sealer, const char *out,
                              unsigned flags, mv_error *err)
{
    mv_status st = MV_OK;
    mv_output file = {0};

    MV_TRY(mv_output_open(&file, out, flags, err));
    const mv_sink sink = mv_sink_file(file.stream);
    MV_TRY(mv_sealer_finish(sealer, stats, &sink, err));
    MV_TRY(mv_output_commit(&file, err));
done:
    mv_output_abort(&file);
    return st;
}

/* Progress is told by files of a study, or by steps of the one image. */
static mv_status add_all(job *j, mv_sealer *sealer, input *in, const study *files,
                         double *encode_ms, uint64_t *bytes_in, mv_error *err)
{
    mv_status st = MV_OK;
    const bool alone = files->count == 1;
    const mv_progress progress = ui_progress();

    j->codec.progress = alone ? progress : (mv_progress){0};
    for (size_t i = 0; i < files->count; i++) {
        MV_TRY(progress.step(progress.user, "sealing files", i, files->count));
        MV_TRY(input_read(&in[i], &files->file[i], alone, err));
        *bytes_in += in[i].bytes.len;
        MV_TRY(add_one(j, sealer, &in[i], alone, encode_ms, err));
        if (!alone) {
            mv_buffer_clear(&in[i].bytes);
        }
    }
done:
    return st;
}

/* The files -> one envelope; several are a study. operand: what the user called them. */
static mv_status encrypt_files(job *j, const study *files, const char *operand, const char *out,
                               mv_error *err)
{
    mv_status st = MV_OK;
    mv_sealer *sealer = NULL;
    mv_envelope_stats stats = {0};
    input *in = calloc(files->count + 1, sizeof *in);
    double encode_ms = 0;
    uint64_t bytes_in = 0;

    memcpy(j->why, j->no_head, sizeof j->why);
    j->left_out = 0;
    j->kept = 0;
    MV_REQUIRE(in != NULL, err, MV_E_MEMORY, "out of memory");
    MV_REQUIRE(files->count != 0, err, MV_E_NOT_FOUND, "there is no file in %s", operand);
    MV_TRY(mv_sealer_new(&sealer, &j->seal, err));
    MV_TRY(add_all(j, sealer, in, files, &encode_ms, &bytes_in, err));
    MV_REQUIRE(!ui_interrupted(), err, MV_E_INTERRUPTED, "interrupted");
    MV_TRY(write_sealed(&stats, sealer, out, j->output_flags, err));
    ui_progress_end();
    if (files->empty_folders != 0) {
        ui_say("folders without a file are not carried: %zu", files->empty_folders);
    }
    report(j, operand, files->count, out, encode_ms, &stats, bytes_in);
done:
    ui_progress_end();
    mv_sealer_free(&sealer);
    for (size_t i = 0; in != NULL && i < files->count; i++) {
        input_clear(&in[i]);
    }
    free(in);
    return st;
}

/* The files without identity, in a folder of ours, instead of the files. */
static mv_status encrypt_nameless(job *j, const study *files, const char *operand, const char *out,
                                  mv_error *err)
{
    mv_status st = MV_OK;
    scratch temporary = {0};
    study nameless = {0};
    char name[PATH_SIZE];
    const char *folder = getenv("TMPDIR");

    MV_TRY(path_join(name, sizeof name, folder == NULL ? "/tmp" : folder, "medveil", "", err));
    MV_TRY(scratch_make(&temporary, name, err));
    MV_TRY(deidentified_write(j->deid, files, temporary.path, j->args, err));
    MV_TRY(study_add(&nameless, temporary.path, false, err));
    MV_TRY(encrypt_files(j, &nameless, operand, out, err));
done:
    study_clear(&nameless);
    scratch_remove(&temporary);
    return st;
}

static mv_status seal_files(job *j, const study *files, const char *operand, const char *out,
                            mv_error *err)
{
    return j->deid == NULL ? encrypt_files(j, files, operand, out, err)
                           : encrypt_nameless(j, files, operand, out, err);
}

static mv_status output_path(char *out, size_t cap, const job *j, const char *in, bool folder,
                             mv_error *err)
{
    mv_status st = MV_OK;
    char stripped[PATH_SIZE];
    const char *given = cli_value(j->args, "output");

    if (!folder) {
        return path_copy(out, cap, given, err);
    }
    MV_TRY(path_copy(stripped, sizeof stripped, in, err));
    path_strip(stripped);
    MV_TRY(path_make_folder(given, err));
    MV_TRY(path_join(out, cap, given, path_base(stripped), ".mv", err));
done:
    return st;
}

/* Several inputs and an output that is called .mv: one envelope. */
static bool wants_study(const job *j)
{
    struct stat info;
    const char *out = cli_value(j->args, "output");
    return j->args->operand_count > 1 && strcasecmp(path_extension(out), ".mv") == 0 &&
           !(stat(out, &info) == 0 && S_ISDIR(info.st_mode));
}

static int encrypt_study(job *j)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    study files = {0};

    for (size_t i = 0; i < j->args->operand_count; i++) {
        MV_TRY(study_add(&files, j->args->operand[i], true, &err));
    }
    MV_TRY(seal_files(j, &files, j->args->operand[0], cli_value(j->args, "output"), &err));
done:
    study_clear(&files);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

static mv_status encrypt_operand(void *context, const char *operand, bool folder, mv_error *err)
{
    job *j = context;
    mv_status st = MV_OK;
    char out[PATH_SIZE];
    study files = {0};

    MV_TRY(study_add(&files, operand, false, err));
    MV_TRY(output_path(out, sizeof out, j, operand, folder, err));
    MV_TRY(seal_files(j, &files, operand, out, err));
done:
    study_clear(&files);
    return st;
}

/* An embedding travels when the model has a head; when not, j->no_head says why. */
static void find_head(job *j)
{
    mv_error err = {0};

    if (cli_flag(j->args, "no-embedding")) {
        (void)snprintf(j->no_head, sizeof j->no_head, "left out: --no-embedding");
    } else if (mv_head_find_for(&j->head, j->model, &err) != MV_OK) {
        (void)snprintf(j->no_head, sizeof j->no_head, "%.150s", err.text);
    }
}

/* The autoencoder, for features and embedding. Beside --compact, --model is not about it. */
static mv_status load_network(job *j, mv_error *err)
{
    mv_status st = MV_OK;
    const char *model = j->compact.wanted ? NULL : cli_value(j->args, "model");

    if (j->features == FEATURES_IF_SMALLER || j->features == FEATURES_ALWAYS ||
        !cli_flag(j->args, "no-embedding")) {
        MV_TRY(path_load_model(&j->model, model, err));
    }
    find_head(j);
done:
    return st;
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
        !parse_numbers(&j) || !parse_exact(&j) || !parse_set(&j)) {
        return CLI_USAGE;
    }
    MV_TRY(find_people(&j, &err));
    MV_TRY(compact_load(&j.compact, args, &err));
    MV_TRY(load_network(&j, &err));
    if (cli_flag(args, "deidentify")) {
        MV_TRY(deidentified_session(&j.deid, args, &err));
    }
    code = wants_study(&j) ? encrypt_study(&j) : ui_each(args, encrypt_operand, &j);
    if (j.deid != NULL && code == CLI_OK && !cli_flag(args, "json")) {
        deidentified_summary(j.deid);
    }
done:
    mv_deid_free(&j.deid);
    compact_clear(&j.compact);
    mv_collection_free(&j.collection);
    mv_collection_public_free(&j.public_key);
    mv_identity_free(&j.sender);
    mv_head_free(&j.head);
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
                "  medveil encrypt -r mv1... --lossy a.png b.png -o sealed/\n"
                "  medveil encrypt -r radiology --compact --target-psnr 42 --lossy a.png -o a.mv\n"
                "  medveil encrypt -s me.id -r radiology examination/ -o study.mv\n",
    .description =
        "The original bytes travel under authenticated encryption, so that decrypt gives back the\n"
        "very file; beside them an embedding and the features that the network makes of each "
        "image,\n"
        "under homomorphic encryption. Features that would take more bytes than the exact image "
        "are\n"
        "left out; --features keeps them, for decrypt --reconstruct and for sums. --bits, --he,\n"
        "--sums, --frame-slices, --resize and --slice are about features and keep them too. With\n"
        "--lossy only the features travel, unless the picture is unlike those the model knows\n"
        "(--lossy-anyway: even then); with --max-error E the samples, none more than E off.\n"
        "--compact sends, in place of features, the image in as few bytes as its quality allows,\n"
        "beside the original or, with --lossy, alone. It is not the exact image, and nothing can "
        "be\n"
        "computed on it; so it travels under authenticated encryption, or, with --he SET, as "
        "bytes\n"
        "under that set all the same. --model is then a file of its networks.\n"
        "Several inputs and an output that ends in .mv make a study: one sealed file. A folder is "
        "a\n"
        "study too, with all files in and beneath it; what is no image in it travels whole.\n"
        "Formats: DICOM, PNG, JPEG, NIfTI, NPY; a DICOM file without an image that can be decoded\n"
        "travels whole, without features. \"-\" reads standard input or writes standard output.\n",
};
