/* SPDX-License-Identifier: Apache-2.0
 *
 * dicom_out.c: which way an image goes to its file, and what is said of how it came to be.
 */
#include "dicom_out.h"

#include "base/file.h"
#include "envelope/exact_coding.h"
#include "image/dicom_like.h"
#include "image/nifti_head.h"
#include "paths.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DERIVED_MAX ((size_t)1 << 32) /* bytes of a derived object in memory */

static bool ends_in(const char *path, const char *extension)
{
    return strcasecmp(path_extension(path), extension) == 0;
}

static size_t samples_len(const mv_image *image)
{
    return mv_image_sample_count(image) * mv_sample_size(image->type);
}

/* ---- .png, .jpg ---- */

static mv_status save_shown(const mv_image *image, const char *path, bool overwrite,
                            const mv_dicom_original *original, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image shown = {0};
    MV_TRY(mv_dicom_shown(&shown, image, original, err));
    MV_TRY(mv_image_save(&shown, path, overwrite, err));
done:
    mv_image_clear(&shown);
    return st;
}

/* ---- .nii, .nii.gz ---- */

static mv_status save_placed(const mv_image *image, const char *path, bool overwrite,
                             const mv_dicom_original *original, bool *placed, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer plain = mv_buffer_make(DERIVED_MAX), packed = mv_buffer_make(DERIVED_MAX);
    const mv_buffer *file = &plain;

    MV_TRY(mv_image_nifti.encode(&plain, image, err));
    MV_TRY(mv_dicom_place_nifti(placed, plain.bytes, plain.len, original, err));
    if (ends_in(path, ".nii.gz")) {
        st = mv_gzip_append(&packed, &plain);
        MV_REQUIRE(st == MV_OK, err, st, "cannot make a NIfTI file: %s", mv_status_sentence(st));
        file = &packed;
    }
    MV_TRY(mv_file_write(path, file->bytes, file->len, overwrite ? MV_OUTPUT_FORCE : 0, err));
done:
    mv_buffer_clear(&plain);
    mv_buffer_clear(&packed);
    return st;
}

/* ---- .dcm ---- */

static mv_status save_derived(const mv_image *image, const char *path, bool overwrite,
                              const mv_dicom_original *original, const mv_member *network,
                              mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer file = mv_buffer_make(DERIVED_MAX);
    const mv_code_meta *code = &network->code;
    const bool compact = network->compact_len != 0;
    const uint64_t travelled =
        compact ? network->compact_len : (network->feature_count * code->feature_bits + 7) / 8;
    char text[256], from[32] = "a compact image";

    if (!compact) {
        (void)snprintf(from, sizeof from, "%u-bit features", (unsigned)code->feature_bits);
    }
    (void)snprintf(text, sizeof text,
                   "Made by the network %s (%02x%02x%02x%02x) of medveil %s from %s; "
                   "detail may be invented, not for diagnosis",
                   code->model_name, code->model_hash[0], code->model_hash[1], code->model_hash[2],
                   code->model_hash[3], MV_VERSION, from);
    const mv_dicom_change change = {compact ? "MEDVEIL_COMPACT" : "MEDVEIL_NETWORK", text,
                                    (double)samples_len(image) / (double)travelled};
    MV_TRY(mv_dicom_derived(&file, image, original, &change, err));
    MV_TRY(mv_file_write(path, file.bytes, file.len, overwrite ? MV_OUTPUT_FORCE : 0, err));
done:
    mv_buffer_clear(&file);
    return st;
}

mv_status dicom_out_save(const mv_image *image, const char *path, bool overwrite,
                         const mv_image_files *original, const mv_member *network, bool *kept,
                         mv_error *err)
{
    const mv_dicom_original dicom = {original->bytes, original->len};
    *kept = true;
    if (original->bytes != NULL && mv_image_is_dicom(original->bytes, original->len)) {
        if (ends_in(path, ".png") || ends_in(path, ".jpg") || ends_in(path, ".jpeg")) {
            return save_shown(image, path, overwrite, &dicom, err);
        }
        if (ends_in(path, ".nii") || ends_in(path, ".nii.gz")) {
            return save_placed(image, path, overwrite, &dicom, kept, err);
        }
        if (network != NULL && (ends_in(path, ".dcm") || ends_in(path, ".dicom"))) {
            return save_derived(image, path, overwrite, &dicom, network, err);
        }
    }
    return mv_image_save_like(image, path, overwrite, original, kept, err);
}

/* ---- near-lossless ---- */

static mv_status count(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    (void)bytes;
    (void)err;
    *(uint64_t *)user += len;
    return MV_OK;
}

/* Bytes before by bytes after, of the samples alone. */
static mv_status find_ratio(double *out, const mv_buffer *derived, const mv_image *image,
                            const mv_seal_opts *seal, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_exact_opts opts = {seal->max_error, seal->exact, seal->threads};
    uint64_t counted = 0, coded_len = 0;
    const mv_sink sink = {count, &counted};
    const mv_source source = mv_source_memory(derived->bytes, derived->len);
    const double samples = (double)samples_len(image);
    uint32_t coding = MV_CODING_NONE;

    MV_TRY(mv_exact_encode(&coding, &coded_len, &sink, &source, &opts, err));
    *out = samples / ((double)coded_len - ((double)derived->len - samples));
done:
    return st;
}

mv_status dicom_out_near(mv_buffer *out, const mv_buffer *file, const char *name,
                         const mv_seal_opts *seal, mv_error *err)
{
    mv_status st = MV_OK;
    const bool is_standard = seal->exact == MV_EXACT_JPEGLS;
    const mv_dicom_original original = {file->bytes, file->len};
    mv_image image = {0};
    char text[128];
    mv_dicom_change change = {is_standard ? "ISO_14495_1" : "MEDVEIL_PIXELS", text, 1};

    *out = mv_buffer_make(DERIVED_MAX);
    (void)snprintf(text, sizeof text,
                   "Near-lossless%s by medveil %s: no sample is more than %u off",
                   is_standard ? " JPEG-LS" : "", MV_VERSION, (unsigned)seal->max_error);
    MV_TRY(mv_image_decode(&image, file->bytes, file->len, name, err));
    MV_REQUIRE(!image.never_lossy, err, MV_E_POLICY,
               "%s is a mammogram, which is not sent without its original; leave out --max-error",
               name);
    MV_TRY(mv_dicom_derived(out, &image, &original, &change, err));
    MV_TRY(find_ratio(&change.ratio, out, &image, seal, err));
    mv_buffer_clear(out);
    MV_TRY(mv_dicom_derived(out, &image, &original, &change, err));
done:
    mv_image_clear(&image);
    return st;
}

mv_status dicom_out_header(mv_sealer *sealer, const mv_buffer *file, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_dicom_original original = {file->bytes, file->len};
    mv_buffer header = mv_buffer_make(DERIVED_MAX);

    MV_TRY(mv_dicom_header_only(&header, &original, err));
    MV_TRY(mv_sealer_further(sealer, MV_SECTION_DICOM, header.bytes, header.len, err));
done:
    mv_buffer_clear(&header);
    return st;
}

mv_status dicom_out_nifti_header(mv_sealer *sealer, const mv_buffer *file, long slice,
                                 mv_error *err)
{
    mv_status st = MV_OK;
    const mv_image_source source = {.bytes = file->bytes, .len = file->len, .name = "the original"};
    mv_buffer header = mv_buffer_make(DERIVED_MAX);

    MV_TRY(mv_nifti_header_only(&header, &source, slice, err));
    MV_TRY(mv_sealer_further(sealer, MV_SECTION_NIFTI, header.bytes, header.len, err));
done:
    mv_buffer_clear(&header);
    return st;
}
