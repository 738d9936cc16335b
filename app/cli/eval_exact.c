/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_exact.c: every file is sealed and opened; its samples go through other coders too.
 *
 * All coders get the same samples, frame by frame: those of the decoded file as numbers from 0, in
 * the bits that it states. The section is measured on a raw file of these samples, so that files
 * count that were compressed before.
 */
#include "eval_exact.h"

#include "base/file.h"
#include "codec/jpegls.h"
#include "envelope/exact_coding.h"
#include "eval_jxl.h"
#include "image/dicom_like.h"
#include "image/image_format.h"
#include "image/nifti_head.h"
#include "j2k.h"
#include "medveil/envelope.h"
#include "paths.h"
#include "study.h"
#include "ui.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define FILE_MAX ((size_t)1 << 31)

const char *const exact_coder_name[EXACT_CODERS] = {
    "exact section", "exact section, best", "JPEG-LS", "JPEG 2000", "PNG", "gzip", "JPEG XL"};

unsigned exact_coders(void)
{
    return eval_jxl_is_here() ? EXACT_CODERS : EXACT_JXL;
}

/* ---- time ---- */

static double ms_of(const struct timeval *t)
{
    return 1e3 * (double)t->tv_sec + 1e-3 * (double)t->tv_usec;
}

/* Processor time so far, of this process and of its children that have ended. */
static double cpu_ms(void)
{
    struct rusage own, children;
    (void)getrusage(RUSAGE_SELF, &own);
    (void)getrusage(RUSAGE_CHILDREN, &children);
    return ms_of(&own.ru_utime) + ms_of(&own.ru_stime) + ms_of(&children.ru_utime) +
           ms_of(&children.ru_stime);
}

/* ---- the other coders: samples in a byte or two each ---- */

static mv_status j2k_len(double *sum, const mv_jpegls_frame *f, const void *samples)
{
    mv_status st = MV_OK;
    mv_buffer stream = mv_buffer_make(FILE_MAX);

    MV_TRY(j2k_encode(&stream, f, samples, 0));
    *sum += (double)stream.len;
done:
    mv_buffer_clear(&stream);
    return st;
}

static mv_status jxl_len(double *sum, const mv_jpegls_frame *f, const void *samples)
{
    mv_status st = MV_OK;
    mv_buffer stream = mv_buffer_make(FILE_MAX);

    MV_TRY(eval_jxl_encode(&stream, f, samples, 0));
    *sum += (double)stream.len;
done:
    mv_buffer_clear(&stream);
    return st;
}

static mv_status png_len(double *sum, const mv_jpegls_frame *f, const void *samples)
{
    mv_status st = MV_OK;
    mv_image image = {0};
    mv_buffer file = mv_buffer_make(FILE_MAX);
    const mv_sample_type type = f->bits <= 8 ? MV_SAMPLE_U8 : MV_SAMPLE_U16;

    MV_TRY(mv_image_alloc(&image, f->width, f->height, 1, f->channels, type));
    memcpy(image.sample, samples, mv_jpegls_samples_len(f));
    MV_TRY(mv_image_png.encode(&file, &image, NULL));
    *sum += (double)file.len;
done:
    mv_image_clear(&image);
    mv_buffer_clear(&file);
    return st;
}

static mv_status gzip_len(double *sum, const mv_jpegls_frame *f, const void *samples)
{
    mv_status st = MV_OK;
    mv_buffer plain = mv_buffer_make(FILE_MAX), packed = plain;

    MV_TRY(mv_buffer_append(&plain, samples, mv_jpegls_samples_len(f)));
    MV_TRY(mv_gzip_append(&packed, &plain));
    *sum += (double)packed.len;
done:
    mv_buffer_clear(&plain);
    mv_buffer_clear(&packed);
    return st;
}

static mv_status jpegls_len(double *sum, const mv_jpegls_frame *f, const void *samples)
{
    mv_status st = MV_OK;
    size_t len = 0;
    uint8_t *stream = malloc(mv_jpegls_room(f));

    MV_ENSURE(stream != NULL, MV_E_MEMORY);
    MV_TRY(mv_jpegls_encode(stream, mv_jpegls_room(f), &len, f, samples));
    *sum += (double)len;
done:
    free(stream);
    return st;
}

/* Frame z as numbers from 0. */
static void raise_frame(uint16_t *out, const mv_image *image, uint32_t z, size_t count)
{
    const bool is_signed = image->type == MV_SAMPLE_I16 || image->type == MV_SAMPLE_I8;
    const double base = is_signed ? (double)(1u << (image->bits - 1)) : 0;
    for (size_t i = 0; i < count; i++) {
        out[i] = (uint16_t)(mv_image_get(image, z * count + i) + base);
    }
}

static void narrow(uint16_t *samples, size_t count)
{
    uint8_t *small = (uint8_t *)samples;
    for (size_t i = 0; i < count; i++) {
        small[i] = (uint8_t)samples[i];
    }
}

static mv_status code_frames(exact_group *sums, const mv_image *image)
{
    mv_status st = MV_OK;
    const mv_jpegls_frame f = {.width = image->width,
                               .height = image->height,
                               .channels = image->channels,
                               .bits = image->bits};
    const size_t count = (size_t)f.width * f.height * f.channels;
    uint16_t *samples = malloc(count * sizeof *samples);

    MV_ENSURE(samples != NULL, MV_E_MEMORY);
    for (uint32_t z = 0; z < image->depth; z++) {
        MV_ENSURE(!ui_interrupted(), MV_E_INTERRUPTED);
        raise_frame(samples, image, z, count);
        if (f.bits <= 8) {
            narrow(samples, count);
        }
        MV_TRY(j2k_len(&sums->bytes[EXACT_J2K], &f, samples));
        MV_TRY(jpegls_len(&sums->bytes[EXACT_JPEGLS], &f, samples));
        MV_TRY(png_len(&sums->bytes[EXACT_PNG], &f, samples));
        MV_TRY(gzip_len(&sums->bytes[EXACT_GZIP], &f, samples));
        MV_TRY(jxl_len(&sums->bytes[EXACT_JXL], &f, samples));
    }
    sums->frames = image->depth;
    sums->raw = (double)mv_jpegls_samples_len(&f) * image->depth;
done:
    free(samples);
    return st;
}

/* ---- the exact section ---- */

static mv_status append(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    (void)err;
    return mv_buffer_append(user, bytes, len);
}

static mv_status decode(mv_buffer *back, const mv_buffer *coded, uint32_t coding, size_t file_len)
{
    const mv_sink sink = {append, back};
    mv_exact_decoder *decoder = NULL;
    mv_status st = mv_exact_decoder_new(&decoder, coding, file_len, &sink);
    st = st == MV_OK ? mv_exact_decoder_write(decoder, coded->bytes, coded->len, NULL) : st;
    st = st == MV_OK ? mv_exact_decoder_end(decoder, NULL) : st;
    mv_exact_decoder_free(&decoder);
    return st;
}

/* What does not get smaller travels as it is, and is decoded in no time. */
static mv_status code_section(exact_group *sums, const mv_image *image, exact_coder coder)
{
    mv_status st = MV_OK;
    mv_buffer raw = mv_buffer_make(FILE_MAX), coded = raw, back = raw;
    const mv_sink sink = {append, &coded};
    const mv_exact_opts opts = {.choice = coder == EXACT_BEST ? MV_EXACT_BEST : MV_EXACT_JPEGLS};
    uint64_t len = 0;
    uint32_t coding = MV_CODING_NONE;

    MV_TRY(mv_image_npy.encode(&raw, image, NULL));
    const mv_source source = mv_source_memory(raw.bytes, raw.len);
    const size_t besides = raw.len - mv_image_sample_count(image) * mv_sample_size(image->type);
    const double start_ms = cpu_ms();
    MV_TRY(mv_exact_encode(&coding, &len, &sink, &source, &opts, NULL));
    const double middle_ms = cpu_ms();
    if (coding != MV_CODING_NONE) {
        MV_TRY(decode(&back, &coded, coding, raw.len));
    }
    sums->encode_ms[coder] = middle_ms - start_ms;
    sums->decode_ms[coder] = cpu_ms() - middle_ms;
    sums->bytes[coder] = (double)((coding != MV_CODING_NONE ? coded.len : raw.len) - besides);
done:
    mv_buffer_clear(&raw);
    mv_buffer_clear(&coded);
    mv_buffer_clear(&back);
    return st;
}

/* ---- there and back ---- */

static mv_status seal(mv_buffer *sealed, double *inside, const mv_identity *self,
                      const mv_buffer *file, mv_error *err)
{
    mv_status st = MV_OK;
    mv_card card;
    mv_envelope_stats stats;
    mv_sealer *sealer = NULL;
    const mv_source original = mv_source_memory(file->bytes, file->len);
    const mv_sink sink = {append, sealed};

    mv_identity_card(&card, self);
    const mv_seal_opts opts = {.sender = self, .recipient = &card, .recipient_count = 1};
    MV_TRY(mv_sealer_new(&sealer, &opts, err));
    MV_TRY(mv_sealer_add(sealer, "file", NULL, &original, err));
    MV_TRY(mv_sealer_finish(sealer, &stats, &sink, err));
    *inside = (double)stats.bytes_coded;
done:
    mv_sealer_free(&sealer);
    return st;
}

/* The file through an envelope; *identical: it came out as it went in. */
static mv_status travel(bool *identical, double *inside, const mv_identity *self,
                        const mv_buffer *file, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer sealed = mv_buffer_make(2 * FILE_MAX), back = sealed;
    mv_opener *opener = NULL;
    const mv_sink sink = {append, &back};

    MV_TRY(seal(&sealed, inside, self, file, err));
    const mv_source source = mv_source_memory(sealed.bytes, sealed.len);
    MV_TRY(mv_opener_new(&opener, &source, self, err));
    MV_TRY(mv_opener_exact(opener, 0, &sink, err));
    *identical = back.len == file->len && memcmp(back.bytes, file->bytes, file->len) == 0;
done:
    mv_opener_free(&opener);
    mv_buffer_clear(&sealed);
    mv_buffer_clear(&back);
    return st;
}

/* ---- one file ---- */

static mv_status find_kind(char out[EXACT_NAME_MAX], const mv_buffer *file, mv_error *err)
{
    mv_status st = MV_OK;
    char modality[MV_DICOM_MODALITY_MAX] = "";
    const mv_image_source source = {.bytes = file->bytes, .len = file->len, .name = ""};
    const mv_dicom_original dicom = {file->bytes, file->len};
    const mv_image_format *format = mv_image_format_of(&source);

    if (format == NULL || format == &mv_image_nifti_gz) {
        format = &mv_image_nifti; /* or the voxels of a pair, which nothing recognises */
    }
    if (format == &mv_image_dicom) {
        MV_TRY(mv_dicom_modality(modality, &dicom, err));
    }
    (void)snprintf(out, EXACT_NAME_MAX, "%s", modality[0] != '\0' ? modality : format->name);
done:
    return st;
}

mv_status eval_exact_image(exact_group *sums, const mv_image *image)
{
    mv_status st = MV_OK;
    sums->measured = 1;
    MV_TRY(code_frames(sums, image));
    MV_TRY(code_section(sums, image, EXACT_SECTION));
    MV_TRY(code_section(sums, image, EXACT_BEST));
done:
    return st;
}

static bool suits(const mv_image *image)
{
    return mv_sample_size(image->type) <= 2 && image->bits >= 2;
}

static mv_status travel_file(exact_group *sums, const mv_identity *self, const char *path,
                             mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer file = mv_buffer_make(FILE_MAX);
    bool identical = false;
    double inside = 0;

    MV_TRY(mv_file_read(&file, path, err));
    MV_TRY(travel(&identical, &inside, self, &file, err));
    sums->files++;
    sums->identical += identical;
    sums->file_bytes += (double)file.len;
    sums->inside_bytes += inside;
    if (sums->kind[0] == '\0') {
        MV_TRY(find_kind(sums->kind, &file, err));
    }
done:
    mv_buffer_clear(&file);
    return st;
}

/* partner: the voxels that belong to this header, or "". */
static mv_status measure(exact_group *sums, const mv_identity *self, const char *path,
                         const char *partner, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image image = {0};

    MV_TRY(mv_image_load(&image, path, err));
    MV_TRY(travel_file(sums, self, path, err));
    if (partner[0] != '\0') {
        MV_TRY(travel_file(sums, self, partner, err));
    }
    if (suits(&image)) {
        MV_TRY(eval_exact_image(sums, &image));
    }
done:
    mv_image_clear(&image);
    return st;
}

/* ---- all files ---- */

static void add(exact_group *to, const exact_group *more)
{
    to->files += more->files;
    to->identical += more->identical;
    to->file_bytes += more->file_bytes;
    to->inside_bytes += more->inside_bytes;
    to->measured += more->measured;
    to->frames += more->frames;
    to->raw += more->raw;
    for (size_t k = 0; k <= EXACT_BEST; k++) {
        to->encode_ms[k] += more->encode_ms[k];
        to->decode_ms[k] += more->decode_ms[k];
    }
    for (size_t k = 0; k < EXACT_CODERS; k++) {
        to->bytes[k] += more->bytes[k];
    }
}

static mv_status note(exact_result *r, const exact_group *sums, mv_error *err)
{
    mv_status st = MV_OK;
    size_t i = 0;
    while (i < r->group_count &&
           (strcmp(r->group[i].set, sums->set) != 0 || strcmp(r->group[i].kind, sums->kind) != 0)) {
        i++;
    }
    MV_REQUIRE(i < EXACT_GROUPS_MAX, err, MV_E_LIMIT, "more than %d kinds of files",
               EXACT_GROUPS_MAX);
    if (i == r->group_count) {
        memcpy(r->group[i].set, sums->set, sizeof sums->set);
        memcpy(r->group[i].kind, sums->kind, sizeof sums->kind);
        r->group_count++;
    }
    add(&r->group[i], sums);
    add(&r->all, sums);
done:
    return st;
}

/* Of the others the file is named and left out. */
static bool stops(mv_status st)
{
    return mv_status_category(st) == MV_CATEGORY_RESOURCE || st == MV_E_INTERRUPTED ||
           st == MV_E_INTERNAL;
}

static mv_status one(exact_result *r, const char *set, const mv_identity *self, const char *path,
                     mv_error *err)
{
    mv_status st = MV_OK;
    exact_group sums = {.files = 0};
    char partner[PATH_SIZE];
    bool is_header = false;
    mv_error why = {0};

    if (strcmp(path_base(path), "manifest.tsv") == 0 ||
        (mv_image_partner(partner, sizeof partner, &is_header, path) && !is_header)) {
        return MV_OK; /* the header of a pair stands for both */
    }
    memcpy(sums.set, set, sizeof sums.set);
    st = measure(&sums, self, path, partner, &why);
    if (st == MV_OK) {
        return note(r, &sums, err);
    }
    if (stops(st)) {
        *err = why;
        return st;
    }
    r->unreadable++;
    const char *reason = why.text[0] != '\0' ? why.text : mv_status_sentence(st);
    const bool named = strstr(reason, path) != NULL;
    ui_say("left out: %s%s%s", named ? "" : path, named ? "" : ": ", reason);
    return MV_OK;
}

/* NAME=DIR */
static mv_status one_set(exact_result *r, const mv_identity *self, const char *text, mv_error *err)
{
    mv_status st = MV_OK;
    study files = {0};
    char name[EXACT_NAME_MAX] = "";
    const char *equals = strchr(text, '=');
    const mv_progress progress = ui_progress();

    MV_REQUIRE(equals != NULL && equals != text && equals[1] != '\0' &&
                   memchr(text, ',', (size_t)(equals - text)) == NULL &&
                   (size_t)(equals - text) < sizeof name,
               err, MV_E_ARGUMENT, "--data needs NAME=DIR, not \"%s\"", text);
    memcpy(name, text, (size_t)(equals - text));
    MV_REQUIRE(study_is_folder(equals + 1), err, MV_E_NOT_FOUND, "there is no folder %s",
               equals + 1);
    MV_TRY(study_add(&files, equals + 1, false, err));
    for (size_t i = 0; i < files.count; i++) {
        MV_TRY(progress.step(progress.user, "measuring files", i, files.count));
        MV_TRY(one(r, name, self, files.file[i].path, err));
    }
done:
    ui_progress_end();
    study_clear(&files);
    return st;
}

static int by_name(const void *a, const void *b)
{
    const exact_group *x = a, *y = b;
    const int set = strcmp(x->set, y->set);
    return set != 0 ? set : strcmp(x->kind, y->kind);
}

static void say_end(const exact_result *r, const cli_args *args, const char *folder)
{
    const exact_group *all = &r->all;
    if (cli_flag(args, "json")) {
        ui_json(json_pack("{s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:f}", "report", "report.html",
                          "files", (json_int_t)all->files, "identical", (json_int_t)all->identical,
                          "measured", (json_int_t)all->measured, "unreadable",
                          (json_int_t)r->unreadable, "section_bytes", all->bytes[EXACT_SECTION],
                          "best_bytes", all->bytes[EXACT_BEST], "jpegls_bytes",
                          all->bytes[EXACT_JPEGLS]));
        return;
    }
    const double jpegls = all->measured == 0 ? 1 : all->bytes[EXACT_JPEGLS] / 100;
    ui_say("bit-identical: %zu/%zu, exact section %+.2f %% over JPEG-LS, the best of two coders "
           "%+.2f %%: see %s/report.html",
           all->identical, all->files,
           all->measured == 0 ? 0 : all->bytes[EXACT_SECTION] / jpegls - 100,
           all->measured == 0 ? 0 : all->bytes[EXACT_BEST] / jpegls - 100, folder);
    if (r->unreadable != 0) {
        ui_say("%zu file%s could not be read and %s in no figure", r->unreadable,
               r->unreadable == 1 ? "" : "s", r->unreadable == 1 ? "is" : "are");
    }
}

static mv_status evaluate(exact_result *r, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    mv_identity *self = NULL;
    const char *folder = cli_value(args, "output"), *data = NULL;

    MV_TRY(mv_identity_generate(&self));
    MV_TRY(path_make_folder(folder, err));
    for (size_t i = 0; (data = cli_value_at(args, "data", i)) != NULL; i++) {
        MV_TRY(one_set(r, self, data, err));
    }
    (void)snprintf(r->all.set, sizeof r->all.set, "all");
    MV_REQUIRE(r->all.files != 0, err, MV_E_FORMAT,
               "there is no file that can be read as an image");
    qsort(r->group, r->group_count, sizeof r->group[0], by_name);
    MV_TRY(report_exact(r, folder, err));
    say_end(r, args, folder);
    MV_REQUIRE(r->all.identical == r->all.files, err, MV_E_INTERNAL,
               "%zu of %zu files did not come back bit for bit", r->all.files - r->all.identical,
               r->all.files);
done:
    mv_identity_free(&self);
    return st;
}

int eval_exact(const cli_args *args)
{
    mv_error err = {0};

    if (cli_flag(args, "models")) {
        ui_say("--exact measures without a network; leave out --models");
        return CLI_USAGE;
    }
    exact_result *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return ui_fail(MV_E_MEMORY, NULL);
    }
    const mv_status st = evaluate(r, args, &err);
    const bool partial = r->unreadable != 0;
    free(r);
    if (st != MV_OK) {
        return ui_fail(st, &err);
    }
    return partial ? CLI_PARTIAL : CLI_OK;
}
