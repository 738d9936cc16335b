/* SPDX-License-Identifier: Apache-2.0
 *
 * img_dicom.c: DICOM files, read through DCMTK and OpenJPEG in a sandboxed child process.
 *
 * A DICOM object may have no image at all (a report, a plan): MV_E_RANGE. Gray samples are the
 * stored values of the file, colour comes out as RGB; docs/modules/dicom.md has the particulars.
 * Pixels of other files are not made DICOM; derived objects of DICOM files are in dicom_like.c.
 */
#include "image/dicom_run.h"
#include "image/dicom_shim.h"

#include <math.h>
#include <string.h>

#define PREAMBLE_LEN    128u
#define CHILD_SECONDS   60u
#define CHILD_MEMORY    ((size_t)512 << 20) /* beyond four times file and samples */
#define CHILD_SHARE     4u
#define ELEMENTS_LOOKED 3u
#define TEXT_LEN_MAX    4096u /* of the first elements of a data set without a head */

/* ---- recognising ---- */

static bool has_magic(const mv_image_source *source)
{
    return source->len >= PREAMBLE_LEN + 4 && memcmp(source->bytes + PREAMBLE_LEN, "DICM", 4) == 0;
}

/* Explicit value representations with 16-bit lengths that open a data set. */
static bool is_vr(const uint8_t *p)
{
    static const char known[] = "UL UI SH CS DA TM LO PN ST AE IS DS US LT DT AS SS FL FD AT";
    const char text[3] = {(char)p[0], (char)p[1], '\0'};
    return p[0] >= 'A' && p[0] <= 'Z' && p[1] >= 'A' && p[1] <= 'Z' && strstr(known, text) != NULL;
}

/* Step over one little-endian element whose tag is above *tag. The first is of group 2 or 8, as are
 * those without a value representation. */
static bool step_over(mv_reader *r, uint32_t *tag)
{
    const uint8_t *head = NULL, *value = NULL;
    if (mv_read_view(r, &head, 8) != MV_OK) {
        return false;
    }
    const uint32_t group = mv_load_u16le(head), here = group << 16 | mv_load_u16le(head + 2);
    const bool expected = group == 2 || group == 8 || (*tag != 0 && is_vr(head + 4));
    uint32_t len = is_vr(head + 4) ? mv_load_u16le(head + 6) : mv_load_u32le(head + 4);
    if (group == 2 && memcmp(head + 4, "OB\0\0", 4) == 0) { /* its length is in 32 bits more */
        const uint8_t *more = NULL;
        len = mv_read_view(r, &more, 4) == MV_OK ? mv_load_u32le(more) : UINT32_MAX;
    }
    if (!expected || here <= *tag || len > TEXT_LEN_MAX || mv_read_view(r, &value, len) != MV_OK) {
        return false;
    }
    *tag = here;
    return true;
}

/* A data set without preamble has no magic number: its first elements must make sense in a row. */
static bool opens_like_a_data_set(const mv_image_source *source)
{
    mv_reader r = mv_reader_make(source->bytes, source->len);
    uint32_t tag = 0;
    for (unsigned i = 0; i < ELEMENTS_LOOKED; i++) {
        if (!step_over(&r, &tag)) {
            return false;
        }
    }
    return true;
}

static bool dicom_recognises(const mv_image_source *source)
{
    return has_magic(source) || opens_like_a_data_set(source);
}

/* ---- sentences ---- */

static mv_status refusal(mv_dicom_verdict verdict, const char *name, mv_error *err)
{
    static const struct {
        mv_status status;
        const char *why;
    } row[MV_DICOM_VERDICTS] = {
        [MV_DICOM_NO_PIXELS] = {MV_E_RANGE, "is a DICOM object without an image"},
        [MV_DICOM_TRUNCATED] = {MV_E_TRUNCATED, "is a DICOM file with fewer bytes than it states"},
        [MV_DICOM_DAMAGED] = {MV_E_FORMAT, "is a damaged DICOM file"},
        [MV_DICOM_SHAPE] = {MV_E_FORMAT, "is a DICOM file whose image size is missing or absurd"},
        [MV_DICOM_LIMIT] = {MV_E_LIMIT,
                            "is a DICOM file with more pixels than this program handles"},
        [MV_DICOM_DEPTH] = {MV_E_UNSUPPORTED, "is a DICOM file with an unusual number of bits"},
        [MV_DICOM_COLOUR] = {MV_E_UNSUPPORTED, "is a DICOM file in a colour form not read here"},
        [MV_DICOM_SYNTAX] = {MV_E_UNSUPPORTED,
                             "is a DICOM file in a transfer syntax not read here"},
        [MV_DICOM_DECODER] = {MV_E_FORMAT, "is a DICOM file whose pixels cannot be decoded"},
        [MV_DICOM_MEMORY] = {MV_E_LIMIT,
                             "is a DICOM file that needs more memory than its reader may have"},
        [MV_DICOM_MAMMOGRAM] = {MV_E_POLICY,
                                "is a mammogram, of which no lossy DICOM object is made"},
        [MV_DICOM_OTHER] = {MV_E_UNSUPPORTED, "has a DICOM header that does not fit the samples"},
    };
    return verdict == MV_DICOM_OK
               ? MV_OK
               : mv_fail(err, row[verdict].status, "%s %s", name, row[verdict].why);
}

static mv_status end_of_child(mv_sandbox_end end, const char *name, mv_error *err)
{
    switch (end) {
    case MV_SANDBOX_ANSWERED:
        return MV_OK;
    case MV_SANDBOX_NOT_STARTED:
        return mv_fail(err, MV_E_MEMORY, "%s cannot be read: no process for its reader", name);
    case MV_SANDBOX_REFUSED:
        return mv_fail(err, MV_E_POLICY,
                       "%s is not read: this system refuses the sandbox for DICOM files", name);
    case MV_SANDBOX_TOO_SLOW:
        return mv_fail(err, MV_E_LIMIT, "%s is a DICOM file that takes too long to read", name);
    case MV_SANDBOX_DIED:
        break;
    }
    return mv_fail(err, MV_E_FORMAT, "%s is a DICOM file at which its sandboxed reader died", name);
}

/* ---- reading ---- */

mv_status mv_dicom_run(const mv_sandbox_job *job, const char *name, mv_error *err)
{
    mv_status st = MV_OK;
    uint32_t result = MV_DICOM_VERDICTS;

    MV_REQUIRE(mv_dicom_prepare(), err, MV_E_NOT_FOUND,
               "%s cannot be read: DCMTK's data dictionary is not installed", name);
    MV_TRY(end_of_child(mv_sandbox_run(&result, job), name, err));
    if (result >= MV_DICOM_VERDICTS) {
        st = end_of_child(MV_SANDBOX_DIED, name, err); /* nonsense */
        goto done;
    }
    MV_TRY(refusal((mv_dicom_verdict)result, name, err));
done:
    return st;
}

mv_sandbox_job mv_dicom_job(const mv_image_source *source, size_t room)
{
    return (mv_sandbox_job){.bytes = source->bytes,
                            .len = source->len,
                            .seconds = CHILD_SECONDS,
                            .memory = CHILD_MEMORY + CHILD_SHARE * (source->len + room)};
}

/* What the child says about the image is checked as if it were a file. */
static bool is_sane(const mv_image *shape)
{
    const size_t size = mv_sample_size(shape->type);
    for (size_t i = 0; i < 3; i++) {
        if (!isfinite(shape->spacing_mm[i]) || shape->spacing_mm[i] < 0) {
            return false;
        }
    }
    return size != 0 && (shape->channels == 1 || shape->channels == 3) && shape->bits <= 8 * size &&
           isfinite(shape->slope) && shape->slope != 0 && isfinite(shape->intercept);
}

static uint32_t shape_work(const mv_sandbox_job *job)
{
    return mv_dicom_shape(job->answer, job->bytes, job->len);
}

static mv_status dicom_header(mv_image *out, const mv_image_source *source, mv_error *err)
{
    mv_status st = MV_OK;
    mv_sandbox_job job = mv_dicom_job(source, 0);
    job.work = shape_work;
    job.answer = out;
    job.answer_len = sizeof *out;
    MV_TRY(mv_dicom_run(&job, source->name, err));
    out->sample = NULL; /* a pointer of another process */
    MV_REQUIRE(is_sane(out), err, MV_E_FORMAT, "%s is a damaged DICOM file", source->name);
done:
    return st;
}

static uint32_t samples_work(const mv_sandbox_job *job)
{
    mv_image image = *(const mv_image *)job->context;
    return mv_dicom_samples(&image, job->bytes, job->len);
}

static mv_status dicom_pixels(mv_image *image, const mv_image_source *source, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t len = mv_image_sample_count(image) * mv_sample_size(image->type);
    size_t came = len;
    mv_sandbox_job job = mv_dicom_job(source, len);
    job.work = samples_work;
    job.context = image;
    job.bulk = image->sample;
    job.bulk_len = &came;
    MV_TRY(mv_dicom_run(&job, source->name, err));
    MV_REQUIRE(came == len, err, MV_E_FORMAT, "%s is a damaged DICOM file", source->name);
done:
    return st;
}

static mv_status dicom_encode(mv_buffer *out, const mv_image *image, mv_error *err)
{
    const mv_status st = mv_fail(err, MV_E_UNSUPPORTED,
                                 "cannot make a DICOM file from pixels of "
                                 "another file");
    (void)out;
    (void)image;
    mv_hint(err, "write .png (8 or 16 bit), .nii, .nii.gz or .npy instead");
    return st;
}

static const char *const dicom_extensions[] = {".dcm", ".dicom", NULL};

const mv_image_format mv_image_dicom = {
    .name = "DICOM",
    .extensions = dicom_extensions,
    .may_see_hostile_bytes = true,
    .trust_reason = "DCMTK and OpenJPEG have many known faults, so they run in a child process "
                    "without files, network or much memory (seccomp); fuzz_image_dicom",
    .recognises = dicom_recognises,
    .header = dicom_header,
    .pixels = dicom_pixels,
    .encode = dicom_encode,
};

bool mv_image_is_dicom(const uint8_t *bytes, size_t len)
{
    const mv_image_source source = {.bytes = bytes, .len = len, .name = ""};
    return dicom_recognises(&source);
}
