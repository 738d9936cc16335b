/* SPDX-License-Identifier: Apache-2.0
 *
 * dicom_like.c: the parent's side of dicom_view.cc and dicom_write.cc.
 */
#include "image/dicom_like.h"
#include "base/rng.h"
#include "image/dicom_run.h"
#include "image/dicom_shim.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ORIGINAL "the original" /* in messages */

static mv_image_source source_of(const mv_dicom_original *original)
{
    return (mv_image_source){.bytes = original->bytes, .len = original->len, .name = ORIGINAL};
}

/* ---- shown ---- */

static uint32_t display_work(const mv_sandbox_job *job)
{
    return mv_dicom_display(job->bulk, job->context, job->bytes, job->len);
}

mv_status mv_dicom_shown(mv_image *out, const mv_image *image, const mv_dicom_original *original,
                         mv_error *err)
{
    mv_status st = MV_OK;
    const mv_image_source source = source_of(original);
    const size_t len = mv_image_sample_count(image);
    mv_sandbox_job job = mv_dicom_job(&source, len);
    size_t came = len;

    memset(out, 0, sizeof *out);
    st = mv_image_alloc(out, image->width, image->height, image->depth, image->channels,
                        MV_SAMPLE_U8);
    MV_REQUIRE(st == MV_OK, err, st, "out of memory for the shown image");
    memcpy(out->spacing_mm, image->spacing_mm, sizeof out->spacing_mm);
    job.work = display_work;
    job.context = image;
    job.bulk = out->sample;
    job.bulk_len = &came;
    MV_TRY(mv_dicom_run(&job, ORIGINAL, err));
    MV_REQUIRE(came == len, err, MV_E_FORMAT, "%s is a damaged DICOM file", ORIGINAL);
done:
    if (st != MV_OK) {
        mv_image_clear(out);
    }
    return st;
}

/* ---- placed ---- */

static uint32_t place_work(const mv_sandbox_job *job)
{
    return mv_dicom_find_place(job->answer, job->bytes, job->len);
}

/* Length of a column: the size of a voxel along that axis. */
static double step_mm(const mv_dicom_place *place, size_t axis)
{
    double sum = 0;
    for (size_t c = 0; c < 3; c++) {
        sum += place->affine[c][axis] * place->affine[c][axis];
    }
    return sqrt(sum);
}

static bool is_usable(const mv_dicom_place *place)
{
    bool ok = place->known == 1;
    for (size_t i = 0; i < 12; i++) {
        ok = ok && isfinite(place->affine[i / 4][i % 4]) && fabs(place->affine[i / 4][i % 4]) < 1e6;
    }
    return ok && step_mm(place, 0) > 0 && step_mm(place, 1) > 0 && step_mm(place, 2) > 0;
}

/* The sform (scanner coordinates) and the voxel sizes [NIFTI]; the fields of NIfTI-1 and -2. */
static void put_place(uint8_t *head, bool is_v2, const mv_dicom_place *place)
{
    enum { SCANNER = 1 };
    for (size_t axis = 0; axis < 3; axis++) {
        if (is_v2) {
            mv_store_f64le(head + 104 + 8 * (axis + 1), step_mm(place, axis));
        } else {
            mv_store_f32le(head + 76 + 4 * (axis + 1), (float)step_mm(place, axis));
        }
    }
    for (size_t i = 0; i < 12; i++) {
        if (is_v2) {
            mv_store_f64le(head + 400 + 8 * i, place->affine[i / 4][i % 4]);
        } else {
            mv_store_f32le(head + 280 + 4 * i, (float)place->affine[i / 4][i % 4]);
        }
    }
    if (is_v2) {
        mv_store_u32le(head + 348, SCANNER);
    } else {
        mv_store_u16le(head + 254, SCANNER);
    }
}

mv_status mv_dicom_place_nifti(bool *placed, uint8_t *bytes, size_t len,
                               const mv_dicom_original *original, mv_error *err)
{
    enum { V1_LEN = 348, V2_LEN = 540 };
    mv_status st = MV_OK;
    const mv_image_source source = source_of(original);
    mv_dicom_place place = {0};
    mv_sandbox_job job = mv_dicom_job(&source, 0);

    *placed = false;
    MV_ASSERT(len >= V2_LEN || (len >= V1_LEN && mv_load_u32le(bytes) == V1_LEN));
    job.work = place_work;
    job.answer = &place;
    job.answer_len = sizeof place;
    MV_TRY(mv_dicom_run(&job, ORIGINAL, err));
    *placed = is_usable(&place);
    if (*placed) {
        put_place(bytes, mv_load_u32le(bytes) == V2_LEN, &place);
    }
done:
    (void)len;
    return st;
}

/* ---- modality ---- */

static uint32_t modality_work(const mv_sandbox_job *job)
{
    return mv_dicom_find_modality(job->answer, job->bytes, job->len);
}

mv_status mv_dicom_modality(char out[MV_DICOM_MODALITY_MAX], const mv_dicom_original *original,
                            mv_error *err)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ ";
    const mv_image_source source = source_of(original);
    mv_sandbox_job job = mv_dicom_job(&source, 0);

    memset(out, 0, MV_DICOM_MODALITY_MAX);
    job.work = modality_work;
    job.answer = out;
    job.answer_len = MV_DICOM_MODALITY_MAX;
    const mv_status st = mv_dicom_run(&job, ORIGINAL, err);
    out[MV_DICOM_MODALITY_MAX - 1] = '\0';
    if (st != MV_OK || out[strspn(out, allowed)] != '\0') {
        out[0] = '\0';
    }
    return st;
}

/* ---- DICOM again ---- */

#define ROOM_BESIDES ((size_t)1 << 20) /* what a new head and marks take, and longer lengths */

/* A child that writes at most room bytes, appended to out. */
static mv_status run_writer(mv_buffer *out, mv_sandbox_job *job, size_t room, mv_error *err)
{
    mv_status st = MV_OK;
    size_t came = room;

    st = mv_buffer_reserve(out, room);
    MV_REQUIRE(st == MV_OK, err, st, "out of memory for a DICOM object");
    job->bulk = out->bytes + out->len;
    job->bulk_len = &came;
    MV_TRY(mv_dicom_run(job, ORIGINAL, err));
    out->len += came;
done:
    return st;
}

static uint32_t strip_work(const mv_sandbox_job *job)
{
    return mv_dicom_strip(job->bulk, job->bulk_len, job->bytes, job->len);
}

mv_status mv_dicom_header_only(mv_buffer *out, const mv_dicom_original *original, mv_error *err)
{
    const mv_image_source source = source_of(original);
    const size_t room = 2 * original->len + ROOM_BESIDES;
    mv_sandbox_job job = mv_dicom_job(&source, room);
    job.work = strip_work;
    return run_writer(out, &job, room, err);
}

static uint32_t derive_work(const mv_sandbox_job *job)
{
    return mv_dicom_derive(job->bulk, job->bulk_len, job->bytes, job->len, job->context);
}

/* 2.25 and a random UUID as a decimal number, PS3.5 B.2 [DICOM]. */
static mv_status fresh_uid(char out[65])
{
    uint8_t uuid[16];
    char digits[40];
    size_t count = 0;
    const mv_status st = mv_random_bytes(uuid, sizeof uuid);
    bool rest = st == MV_OK;

    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40); /* version 4, variant 1 [RFC4122] */
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
    while (rest) { /* the lowest decimal digit, and the number without it */
        unsigned carry = 0;
        rest = false;
        for (size_t i = 0; i < sizeof uuid; i++) {
            const unsigned v = carry << 8 | uuid[i];
            uuid[i] = (uint8_t)(v / 10);
            carry = v % 10;
            rest = rest || uuid[i] != 0;
        }
        digits[count++] = (char)('0' + carry);
    }
    strcpy(out, "2.25.");
    for (size_t i = 0; i < count; i++) {
        out[5 + i] = digits[count - 1 - i];
    }
    out[5 + count] = '\0';
    return st;
}

mv_status mv_dicom_derived(mv_buffer *out, const mv_image *image, const mv_dicom_original *original,
                           const mv_dicom_change *change, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_image_source source = source_of(original);
    const size_t samples = mv_image_sample_count(image) * mv_sample_size(image->type);
    const size_t room = 2 * original->len + samples + ROOM_BESIDES;
    mv_sandbox_job job = mv_dicom_job(&source, room + samples);
    mv_dicom_derivation d = {.image = image, .ratio = change->ratio};

    MV_REQUIRE(image->type != MV_SAMPLE_F32 && image->type != MV_SAMPLE_F64, err, MV_E_UNSUPPORTED,
               "a lossy DICOM object is not made of float samples");
    st = fresh_uid(d.uid);
    MV_REQUIRE(st == MV_OK, err, st, "%s", mv_status_sentence(st));
    (void)snprintf(d.method, sizeof d.method, "%s", change->method);
    (void)snprintf(d.description, sizeof d.description, "%s", change->description);
    job.work = derive_work;
    job.context = &d;
    MV_TRY(run_writer(out, &job, room, err));
done:
    return st;
}
