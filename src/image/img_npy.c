/* SPDX-License-Identifier: Apache-2.0
 *
 * img_npy.c: NumPy's .npy files, versions 1 to 3, both byte orders, C and Fortran order.
 *
 * Shapes: (h, w) a gray picture, (h, w, 3) RGB, (d, h, w) a gray stack, (d, h, w, 3) an RGB stack;
 * (d, h, w, 1) is a gray stack too, written only where (d, h, w) would read as RGB. The format
 * holds neither scaling nor spacing.
 */
#include "base/platform.h"
#include "image/image_format.h"
#include "image/samples.h"

#include <stdio.h>
#include <string.h>

#define HEADER_TEXT_MAX 65536u

static const uint8_t npy_magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

static const struct {
    const char *code;
    mv_sample_type type;
} npy_types[] = {
    {"u1", MV_SAMPLE_U8},  {"i1", MV_SAMPLE_I8},  {"u2", MV_SAMPLE_U16}, {"i2", MV_SAMPLE_I16},
    {"u4", MV_SAMPLE_U32}, {"i4", MV_SAMPLE_I32}, {"f4", MV_SAMPLE_F32}, {"f8", MV_SAMPLE_F64},
};

enum { NPY_TYPES = sizeof npy_types / sizeof npy_types[0], AXES_MAX = 4, CODE_MAX = 8 };

typedef struct npy_header {
    char descr[CODE_MAX]; /* "<f4" */
    bool fortran_order;
    uint64_t axis[AXES_MAX];
    size_t axes;
    mv_reader data; /* what follows the header */
} npy_header;

/* ---- the header's Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
 * The text helpers skip blanks, move on when they find what they look for, and never pass end. */

static void skip_blanks(mv_reader *text)
{
    while (mv_reader_left(text) > 0 && strchr(" \t\r\n", *text->next) != NULL && *text->next) {
        text->next++;
    }
}

static bool take(mv_reader *text, const char *word)
{
    const size_t len = strlen(word);
    skip_blanks(text);
    if (mv_reader_left(text) < len || memcmp(text->next, word, len) != 0) {
        return false;
    }
    text->next += len;
    return true;
}

/* 'text' or "text" into out, NUL-terminated; false when it is no string or does not fit. */
static bool take_string(mv_reader *text, char *out, size_t size)
{
    const char quote = take(text, "'") ? '\'' : take(text, "\"") ? '"' : 0;
    size_t len = 0;
    if (quote == 0) {
        return false;
    }
    while (mv_reader_left(text) > 0 && len + 1 < size && *text->next != (uint8_t)quote) {
        out[len++] = (char)*text->next++;
    }
    out[len] = '\0';
    return mv_reader_left(text) > 0 && *text->next++ == (uint8_t)quote;
}

/* Decimal digits; at most 10, so that products of a few cannot pass 2^64 unseen. */
static bool take_number(mv_reader *text, uint64_t *out)
{
    size_t digits = 0;
    *out = 0;
    skip_blanks(text);
    while (mv_reader_left(text) > 0 && *text->next >= '0' && *text->next <= '9' && digits < 10) {
        *out = *out * 10 + (uint64_t)(*text->next++ - '0');
        digits++;
    }
    return digits > 0;
}

/* (2, 3) or (4,); more axes than we know are counted, not kept. */
static bool take_shape(mv_reader *text, npy_header *h)
{
    h->axes = 0;
    if (!take(text, "(")) {
        return false;
    }
    while (!take(text, ")")) {
        uint64_t n = 0;
        if (!take_number(text, &n)) {
            return false;
        }
        if (h->axes < AXES_MAX) {
            h->axis[h->axes] = n;
        }
        h->axes++;
        if (!take(text, ",")) {
            return take(text, ")");
        }
    }
    return true;
}

static bool take_entry(mv_reader *text, npy_header *h, unsigned *seen)
{
    char key[16];
    if (!take_string(text, key, sizeof key) || !take(text, ":")) {
        return false;
    }
    if (strcmp(key, "descr") == 0) {
        *seen |= 1;
        return take_string(text, h->descr, sizeof h->descr);
    }
    if (strcmp(key, "fortran_order") == 0) {
        *seen |= 2;
        h->fortran_order = take(text, "True");
        return h->fortran_order || take(text, "False");
    }
    *seen |= 4;
    return strcmp(key, "shape") == 0 && take_shape(text, h);
}

static bool take_dictionary(mv_reader *text, npy_header *h)
{
    unsigned seen = 0;
    if (!take(text, "{")) {
        return false;
    }
    while (!take(text, "}")) {
        if (!take_entry(text, h, &seen)) {
            return false;
        }
        if (!take(text, ",")) {
            return take(text, "}") && seen == 7;
        }
    }
    return seen == 7;
}

static mv_status read_header(npy_header *h, const mv_image_source *source, mv_error *err)
{
    mv_status st = MV_OK;
    mv_reader in = mv_reader_make(source->bytes, source->len);
    mv_reader text;
    const uint8_t *view = NULL;
    uint8_t major = 0, minor = 0;
    uint16_t len16 = 0;
    uint32_t len = 0;

    memset(h, 0, sizeof *h);
    MV_TRY(mv_read_view(&in, &view, sizeof npy_magic));
    MV_TRY(mv_read_u8(&in, &major));
    MV_TRY(mv_read_u8(&in, &minor));
    MV_REQUIRE(major >= 1 && major <= 3, err, MV_E_UNSUPPORTED,
               "%s is an NPY file of version %u.%u; 1 to 3 are known", source->name, major, minor);
    if (major == 1) {
        MV_TRY(mv_read_u16le(&in, &len16));
        len = len16;
    } else {
        MV_TRY(mv_read_u32le(&in, &len));
    }
    MV_REQUIRE(len <= HEADER_TEXT_MAX, err, MV_E_FORMAT,
               "%s is a damaged NPY file: its header is %u bytes long", source->name, len);
    MV_TRY(mv_read_view(&in, &view, len));
    text = mv_reader_make(view, len);
    MV_REQUIRE(take_dictionary(&text, h), err, MV_E_FORMAT,
               "%s is an NPY file whose header cannot be read", source->name);
    h->data = in;
done:
    if (st == MV_E_TRUNCATED) {
        (void)mv_fail(err, st, "%s is an NPY file that ends too early", source->name);
    }
    return st;
}

/* Sample type of a descr such as "<f4"; false for one that we do not read. */
static bool type_of(const char *descr, mv_sample_type *type)
{
    if (strchr("<>|=", descr[0]) == NULL || descr[0] == '\0') {
        return false;
    }
    for (size_t i = 0; i < NPY_TYPES; i++) {
        if (strcmp(descr + 1, npy_types[i].code) == 0) {
            *type = npy_types[i].type;
            return true;
        }
    }
    return false;
}

static mv_status refuse_type(const npy_header *h, const mv_image_source *source, mv_error *err)
{
    const mv_status st = mv_fail(err, MV_E_UNSUPPORTED, "%s holds samples of NumPy type %.7s",
                                 source->name, h->descr);
    mv_hint(err, "convert it with astype() to u1, i1, u2, i2, u4, i4, f4 or f8");
    return st;
}

/* Width, height, depth and channels from the axes. */
static void shape_of(mv_image *out, const npy_header *h, size_t axes)
{
    const bool has_channels =
        axes == 4 || (axes == 3 && h->axis[2] == 3); /* (d, h, w, c) or (h, w, 3) */
    const size_t first = has_channels ? axes - 3 : axes - 2;
    out->channels = has_channels ? (uint32_t)h->axis[axes - 1] : 1;
    out->depth = first == 1 ? (uint32_t)h->axis[0] : 1;
    out->height = (uint32_t)h->axis[first];
    out->width = (uint32_t)h->axis[first + 1];
}

static mv_status check_shape(const npy_header *h, const mv_image_source *source, mv_error *err)
{
    uint64_t samples = 1;
    if (h->axes < 2 || h->axes > AXES_MAX || (h->axes == 4 && h->axis[3] != 1 && h->axis[3] != 3)) {
        const mv_status st = mv_fail(
            err, MV_E_UNSUPPORTED, "%s is an array of %zu axes, not an image or a stack of images",
            source->name, h->axes);
        mv_hint(err, "medveil reads (h, w), (h, w, 3), (d, h, w) and (d, h, w, 3)");
        return st;
    }
    for (size_t i = 0; i < h->axes; i++) {
        if (h->axis[i] == 0) {
            return mv_fail(err, MV_E_RANGE, "%s is an array without samples", source->name);
        }
        if (h->axis[i] > MV_IMAGE_SAMPLES_MAX / samples) {
            return mv_fail(err, MV_E_LIMIT, "%s holds more than %llu samples", source->name,
                           (unsigned long long)MV_IMAGE_SAMPLES_MAX);
        }
        samples *= h->axis[i];
    }
    return MV_OK;
}

static bool npy_recognises(const mv_image_source *source)
{
    return source->len >= sizeof npy_magic &&
           memcmp(source->bytes, npy_magic, sizeof npy_magic) == 0;
}

static mv_status npy_header_step(mv_image *out, const mv_image_source *source, mv_error *err)
{
    mv_status st = MV_OK;
    npy_header h;

    MV_TRY(read_header(&h, source, err));
    if (!type_of(h.descr, &out->type)) {
        st = refuse_type(&h, source, err);
        goto done;
    }
    MV_TRY(check_shape(&h, source, err));
    shape_of(out, &h, h.axes);
    MV_REQUIRE(mv_image_sample_count(out) * mv_sample_size(out->type) <= mv_reader_left(&h.data),
               err, MV_E_TRUNCATED, "%s is an NPY file that ends too early", source->name);
    out->bits = out->type == MV_SAMPLE_F32 || out->type == MV_SAMPLE_F64
                    ? 0
                    : 8 * (uint32_t)mv_sample_size(out->type);
    out->slope = 1;
done:
    return st;
}

/* Fortran order: the first axis runs fastest in the file; to (C order) the last one does. */
static void copy_fortran(uint8_t *to, const uint8_t *from, const npy_header *h, size_t size)
{
    uint64_t n[AXES_MAX] = {1, 1, 1, 1};
    memcpy(n, h->axis, h->axes * sizeof n[0]);
    for (uint64_t a = 0; a < n[0]; a++) {
        for (uint64_t b = 0; b < n[1]; b++) {
            for (uint64_t c = 0; c < n[2]; c++) {
                for (uint64_t d = 0; d < n[3]; d++) {
                    memcpy(to, from + (a + n[0] * (b + n[1] * (c + n[2] * d))) * size, size);
                    to += size;
                }
            }
        }
    }
}

static mv_status npy_pixels(mv_image *image, const mv_image_source *source, mv_error *err)
{
    npy_header h;
    const size_t size = mv_sample_size(image->type);
    const mv_status st = read_header(&h, source, err);
    if (st != MV_OK) {
        return st;
    }
    if (h.fortran_order) {
        copy_fortran(image->sample, h.data.next, &h, size);
    } else {
        memcpy(image->sample, h.data.next, mv_image_sample_count(image) * size);
    }
    if (h.descr[0] == (MV_BIG_ENDIAN ? '<' : '>')) {
        mv_samples_swap_bytes(image->sample, mv_image_sample_count(image), size);
    }
    return MV_OK;
}

static const char *code_of(mv_sample_type type)
{
    size_t i = 0;
    while (i + 1 < NPY_TYPES && npy_types[i].type != type) {
        i++;
    }
    return npy_types[i].code;
}

static int print_shape(char *out, size_t size, const mv_image *image)
{
    const unsigned d = image->depth, h = image->height, w = image->width, c = image->channels;
    if (d == 1) {
        return snprintf(out, size, c == 1 ? "(%u, %u)" : "(%u, %u, %u)", h, w, c);
    }
    return snprintf(out, size, c == 1 && w != 3 ? "(%u, %u, %u)" : "(%u, %u, %u, %u)", d, h, w, c);
}

static mv_status npy_encode(mv_buffer *out, const mv_image *image, mv_error *err)
{
    enum { PREAMBLE = 10, ALIGNMENT = 64 };
    mv_status st = MV_OK;
    char shape[64], text[192];
    const char order = mv_sample_size(image->type) == 1 ? '|' : '<';

    (void)print_shape(shape, sizeof shape, image);
    int len =
        snprintf(text, sizeof text, "{'descr': '%c%s', 'fortran_order': False, 'shape': %s, }",
                 order, code_of(image->type), shape);
    while ((PREAMBLE + len + 1) % ALIGNMENT != 0) {
        text[len++] = ' ';
    }
    text[len++] = '\n';
    MV_TRY(mv_buffer_append(out, npy_magic, sizeof npy_magic));
    MV_TRY(mv_buffer_put_u8(out, 1));
    MV_TRY(mv_buffer_put_u8(out, 0));
    MV_TRY(mv_buffer_put_u16le(out, (uint16_t)len));
    MV_TRY(mv_buffer_append(out, (const uint8_t *)text, (size_t)len));
    MV_TRY(mv_samples_append_le(out, image));
done:
    if (st != MV_OK) {
        (void)mv_fail(err, st, "cannot make an NPY file: %s", mv_status_sentence(st));
    }
    return st;
}

static const char *const npy_extensions[] = {".npy", NULL};

const mv_image_format mv_image_npy = {
    .name = "NPY",
    .extensions = npy_extensions,
    .may_see_hostile_bytes = true,
    .trust_reason = "our own bounded reader; fuzz_image_npy",
    .recognises = npy_recognises,
    .header = npy_header_step,
    .pixels = npy_pixels,
    .encode = npy_encode,
};
