/* SPDX-License-Identifier: Apache-2.0
 *
 * raster.c: three small walkers, each from the first byte of a file to its first sample.
 */
#include "codec/raster.h"
#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

enum { SIDE_MAX = 65535, WINDOW = 4096, JOINED_SAMPLES = 65536 };

uint64_t mv_raster_frame_len(const mv_raster *r)
{
    return (uint64_t)r->width * r->height * r->channels * r->sample_bytes;
}

bool mv_raster_valid(const mv_raster *r, uint64_t len)
{
    if (r->width == 0 || r->width > SIDE_MAX || r->height == 0 || r->height > SIDE_MAX ||
        r->frames == 0 || (r->channels != 1 && r->channels != 3) || r->sample_bytes == 0 ||
        r->sample_bytes > 2 || (r->big_endian && r->sample_bytes != 2) || r->at > len) {
        return false;
    }
    const uint64_t frame = mv_raster_frame_len(r); /* below 2^35 */
    return frame <= MV_RASTER_FRAME_MAX && r->frames <= (len - r->at) / frame;
}

/* ---- looking into the file ---- */

/* A window over the file; st is the first failure of its reads. */
typedef struct looker {
    const mv_raster_file *file;
    mv_error *err;
    mv_status st;
    uint64_t from;
    size_t len;
    uint8_t window[WINDOW];
} looker;

/* The n bytes (at most WINDOW) at a place, or NULL: they are not there, or cannot be read. */
static const uint8_t *look(looker *l, uint64_t at, size_t n)
{
    if (l->st != MV_OK || at > l->file->len || n > l->file->len - at) {
        return NULL;
    }
    if (at < l->from || at + n > l->from + l->len) {
        const uint64_t left = l->file->len - at;
        l->from = at;
        l->len = left < WINDOW ? (size_t)left : WINDOW;
        l->st = l->file->read(l->file->user, at, l->window, l->len, l->err);
        if (l->st != MV_OK) {
            l->len = 0;
            return NULL;
        }
    }
    return l->window + (at - l->from);
}

/* ---- DICOM, PS3.5 section 7 [DICOM] ---- */

enum { DEPTH_MAX = 32 };

#define UNDEFINED       0xffffffffu /* of a length */
#define ITEM            0xfffee000u
#define ITEM_END        0xfffee00du
#define SEQUENCE_END    0xfffee0ddu
#define TRANSFER_SYNTAX 0x00020010u
#define PIXEL_DATA      0x7fe00010u

typedef struct walker {
    looker *look;
    uint64_t at;
    bool explicit_vr, big_endian;
} walker;

typedef struct element {
    uint32_t tag, len;
    uint64_t value; /* place */
    char vr[2];
} element;

static uint32_t load16(const walker *w, const uint8_t *p)
{
    return w->big_endian ? (uint32_t)p[0] << 8 | p[1] : mv_load_u16le(p);
}

static uint32_t load32(const walker *w, const uint8_t *p)
{
    return w->big_endian ? load16(w, p) << 16 | load16(w, p + 2) : mv_load_u32le(p);
}

static bool has_long_length(const char vr[2])
{
    static const char known[] = "OB OD OF OL OV OW SQ SV UC UN UR UT UV";
    const char text[3] = {vr[0], vr[1], '\0'};
    return strstr(known, text) != NULL;
}

/* The head of the element at w->at, which moves to its value. */
static bool next_element(element *e, walker *w)
{
    const uint8_t *p = look(w->look, w->at, 8);
    if (p == NULL) {
        return false;
    }
    e->tag = load16(w, p) << 16 | load16(w, p + 2);
    e->len = load32(w, p + 4);
    e->vr[0] = e->vr[1] = '\0';
    w->at += 8;
    if (w->explicit_vr && e->tag >> 16 != ITEM >> 16) {
        memcpy(e->vr, p + 4, 2);
        e->len = load16(w, p + 6);
        if (has_long_length(e->vr)) {
            p = look(w->look, w->at, 4);
            if (p == NULL) {
                return false;
            }
            e->len = load32(w, p);
            w->at += 4;
        }
    }
    e->value = w->at;
    return e->len == UNDEFINED || e->len <= w->look->file->len - w->at;
}

static bool skip_items(walker *w, unsigned depth);

static bool skip_value(walker *w, const element *e, unsigned depth)
{
    if (e->len != UNDEFINED) {
        w->at = e->value + e->len;
        return true;
    }
    const bool was_explicit = w->explicit_vr;
    if (memcmp(e->vr, "UN", 2) == 0) { /* what is inside has no value representations */
        if (w->big_endian) {
            return false;
        }
        w->explicit_vr = false;
    }
    const bool ok = depth < DEPTH_MAX && skip_items(w, depth + 1);
    w->explicit_vr = was_explicit;
    return ok;
}

/* An item of undefined length, up to its end. */
static bool skip_elements(walker *w, unsigned depth)
{
    element e;
    while (next_element(&e, w)) {
        if (e.tag == ITEM_END) {
            return true;
        }
        if (!skip_value(w, &e, depth)) {
            return false;
        }
    }
    return false;
}

/* A sequence of undefined length, up to its end. */
static bool skip_items(walker *w, unsigned depth)
{
    element e;
    while (next_element(&e, w)) {
        if (e.tag == SEQUENCE_END) {
            return true;
        }
        if (e.tag != ITEM ||
            !(e.len == UNDEFINED ? skip_elements(w, depth) : skip_value(w, &e, depth))) {
            return false;
        }
    }
    return false;
}

/* The value as text, without its padding; "" when it is longer than out. */
static void text_of(char *out, size_t size, const walker *w, const element *e)
{
    const uint8_t *p = e->len < size ? look(w->look, e->value, e->len) : NULL;
    size_t len = p != NULL ? e->len : 0;
    if (len != 0) {
        memcpy(out, p, len);
    }
    while (len != 0 && (out[len - 1] == ' ' || out[len - 1] == '\0')) {
        len--;
    }
    out[len] = '\0';
}

static bool set_syntax(walker *w, const char *uid)
{
    w->explicit_vr = strcmp(uid, "1.2.840.10008.1.2") != 0;
    w->big_endian = strcmp(uid, "1.2.840.10008.1.2.2") == 0;
    return !w->explicit_vr || w->big_endian || strcmp(uid, "1.2.840.10008.1.2.1") == 0;
}

/* The elements of group 2, and with them how the others are written. */
static bool walk_head(walker *w)
{
    char uid[65] = "";
    const uint8_t *p = NULL;
    element e;
    while ((p = look(w->look, w->at, 2)) != NULL && mv_load_u16le(p) == 2) {
        if (!next_element(&e, w) || !skip_value(w, &e, 0)) {
            return false;
        }
        if (e.tag == TRANSFER_SYNTAX) {
            text_of(uid, sizeof uid, w, &e);
        }
    }
    if (uid[0] != '\0') {
        return set_syntax(w, uid);
    }
    p = look(w->look, w->at, 8); /* no head: a look at the first element has to do */
    w->explicit_vr = p != NULL && p[4] >= 'A' && p[4] <= 'Z' && p[5] >= 'A' && p[5] <= 'Z';
    return p != NULL;
}

typedef struct layout {
    uint32_t samples, planar, rows, columns, allocated, is_signed;
    long frames;
} layout;

static void note(layout *out, const walker *w, const element *e)
{
    char text[16];
    uint32_t *const number = e->tag == 0x00280002u   ? &out->samples
                             : e->tag == 0x00280006u ? &out->planar
                             : e->tag == 0x00280010u ? &out->rows
                             : e->tag == 0x00280011u ? &out->columns
                             : e->tag == 0x00280100u ? &out->allocated
                             : e->tag == 0x00280103u ? &out->is_signed
                                                     : NULL;
    if (e->tag == 0x00280008u) {
        text_of(text, sizeof text, w, e);
        out->frames = strtol(text, NULL, 10);
    } else if (number != NULL && e->len == 2) {
        const uint8_t *p = look(w->look, e->value, 2);
        *number = p != NULL ? load16(w, p) : 0;
    }
}

static bool raster_of(mv_raster *out, const layout *l, const walker *w, const element *pixels)
{
    const bool by_plane = l->samples == 3 && l->planar == 1;
    if (pixels->len == UNDEFINED || l->frames < 1 || l->frames > INT32_MAX ||
        (l->allocated != 8 && l->allocated != 16)) {
        return false;
    }
    *out = (mv_raster){.at = pixels->value,
                       .width = l->columns,
                       .height = by_plane ? 3 * l->rows : l->rows,
                       .frames = (uint32_t)l->frames,
                       .channels = by_plane ? 1 : l->samples,
                       .sample_bytes = l->allocated / 8,
                       .is_signed = l->is_signed == 1,
                       .big_endian = w->big_endian && l->allocated == 16};
    return mv_raster_valid(out, pixels->value + pixels->len);
}

static bool find_dicom(mv_raster *out, looker *l)
{
    walker w = {.look = l, .explicit_vr = true};
    layout found = {.samples = 1, .frames = 1};
    element e;
    const uint8_t *p = look(l, 128, 4);

    w.at = p != NULL && memcmp(p, "DICM", 4) == 0 ? 132 : 0;
    p = look(l, w.at, 4);
    if (p == NULL || p[1] != 0 || (p[0] != 2 && p[0] != 8) || p[3] != 0) {
        return false;
    }
    if (!walk_head(&w)) {
        return false;
    }
    while (next_element(&e, &w)) {
        if (e.tag == PIXEL_DATA) {
            return raster_of(out, &found, &w, &e);
        }
        note(&found, &w, &e);
        if (!skip_value(&w, &e, 0)) {
            return false;
        }
    }
    return false;
}

/* ---- NIfTI [NIFTI] ---- */

enum { NIFTI1_LEN = 348, NIFTI2_LEN = 540, NIFTI_DIMS = 7 };

typedef struct nifti {
    walker bytes; /* for its byte order */
    uint32_t type;
    uint64_t dim[NIFTI_DIMS + 1], offset;
} nifti;

static uint64_t load64(const walker *w, const uint8_t *p)
{
    return w->big_endian ? (uint64_t)load32(w, p) << 32 | load32(w, p + 4) : mv_load_u64le(p);
}

static bool read_nifti1(nifti *n, const uint8_t *p)
{
    const uint32_t word = load32(&n->bytes, p + 108);
    float offset = 0;
    if (memcmp(p + 344, "n+1", 4) != 0) {
        return false;
    }
    memcpy(&offset, &word, sizeof offset);
    if (!(offset >= NIFTI1_LEN && offset < 1e9f)) {
        return false;
    }
    n->offset = (uint64_t)offset;
    n->type = load16(&n->bytes, p + 70);
    for (size_t i = 0; i <= NIFTI_DIMS; i++) {
        n->dim[i] = load16(&n->bytes, p + 40 + 2 * i);
    }
    return true;
}

static bool read_nifti2(nifti *n, const uint8_t *p)
{
    if (memcmp(p + 4, "n+2", 4) != 0) {
        return false;
    }
    n->type = load16(&n->bytes, p + 12);
    for (size_t i = 0; i <= NIFTI_DIMS; i++) {
        n->dim[i] = load64(&n->bytes, p + 16 + 8 * i);
    }
    n->offset = load64(&n->bytes, p + 168);
    return true;
}

static bool nifti_type(mv_raster *out, uint32_t type)
{
    out->channels = type == 128 ? 3 : 1; /* RGB24 */
    out->sample_bytes = type == 2 || type == 256 || type == 128 ? 1 : 2;
    out->is_signed = type == 256 || type == 4;
    return type == 2 || type == 4 || type == 128 || type == 256 || type == 512;
}

static bool find_nifti(mv_raster *out, looker *l)
{
    nifti n = {.bytes = {.look = l}};
    const uint8_t *p = look(l, 0, NIFTI1_LEN);
    uint64_t frames = 1;

    if (p == NULL) {
        return false;
    }
    n.bytes.big_endian = p[0] == 0;
    const uint32_t len = load32(&n.bytes, p);
    p = len == NIFTI2_LEN ? look(l, 0, NIFTI2_LEN) : p;
    if (p == NULL || !(len == NIFTI1_LEN   ? read_nifti1(&n, p)
                       : len == NIFTI2_LEN ? read_nifti2(&n, p)
                                           : false)) {
        return false;
    }
    *out = (mv_raster){.at = n.offset};
    if (n.dim[0] < 2 || n.dim[0] > NIFTI_DIMS || !nifti_type(out, n.type)) {
        return false;
    }
    for (size_t i = 1; i <= n.dim[0]; i++) {
        if (n.dim[i] == 0 || n.dim[i] > SIDE_MAX || frames > UINT32_MAX) {
            return false;
        }
        frames *= i > 2 ? n.dim[i] : 1; /* below 2^48 */
    }
    out->width = (uint32_t)n.dim[1];
    out->height = (uint32_t)n.dim[2];
    out->frames = frames <= UINT32_MAX ? (uint32_t)frames : 0;
    out->big_endian = n.bytes.big_endian && out->sample_bytes == 2;
    return mv_raster_valid(out, l->file->len);
}

/* ---- NPY [NPY] ---- */

enum { NPY_HEAD_MAX = 1024, NPY_DIMS = 8 };

/* The text after 'key': or NULL. */
static const char *npy_value(const char *head, const char *key)
{
    const char *at = strstr(head, key);
    return at == NULL ? NULL : at + strlen(key) + strspn(at + strlen(key), " ");
}

static bool npy_type(mv_raster *out, const char *descr)
{
    const char order = descr[1], kind = descr[2], size = descr[3];
    if (descr[0] != '\'' || strchr("<>|", order) == NULL || (kind != 'u' && kind != 'i') ||
        (size != '1' && size != '2') || descr[4] != '\'') {
        return false;
    }
    out->sample_bytes = (uint32_t)(size - '0');
    out->is_signed = kind == 'i';
    out->big_endian = order == '>' && size == '2';
    return true;
}

/* The dimensions from the slowest to the fastest. */
static size_t npy_dims(uint32_t dim[NPY_DIMS], const char *shape, bool fortran)
{
    size_t count = 0;
    char *end = NULL;
    for (const char *at = shape + 1; count < NPY_DIMS; at = end + strspn(end, ", ")) {
        const unsigned long v = strtoul(at, &end, 10);
        if (end == at || v == 0 || v > SIDE_MAX) {
            break;
        }
        dim[count++] = (uint32_t)v;
    }
    for (size_t i = 0; fortran && i < count / 2; i++) {
        const uint32_t swap = dim[i];
        dim[i] = dim[count - 1 - i];
        dim[count - 1 - i] = swap;
    }
    return *end == ')' ? count : 0;
}

static bool npy_shape(mv_raster *out, const char *shape, bool fortran)
{
    uint32_t dim[NPY_DIMS] = {0};
    size_t count = shape[0] == '(' ? npy_dims(dim, shape, fortran) : 0;
    uint64_t frames = 1;
    out->channels = 1;
    if (count >= 3 && dim[count - 1] == 3 && !fortran) {
        out->channels = 3;
        count--;
    }
    if (count < 2) {
        return false;
    }
    out->width = dim[count - 1];
    out->height = dim[count - 2];
    for (size_t i = 0; i + 2 < count; i++) {
        if (frames > UINT32_MAX) {
            return false;
        }
        frames *= dim[i];
    }
    out->frames = frames <= UINT32_MAX ? (uint32_t)frames : 0;
    return true;
}

static bool find_npy(mv_raster *out, looker *l)
{
    char head[NPY_HEAD_MAX + 1] = "";
    const uint8_t *p = look(l, 0, 12);
    if (p == NULL || memcmp(p, "\x93NUMPY", 6) != 0 || p[6] < 1 || p[6] > 3) {
        return false;
    }
    const uint32_t start = p[6] == 1 ? 10 : 12;
    const uint32_t len = p[6] == 1 ? mv_load_u16le(p + 8) : mv_load_u32le(p + 8);
    p = len <= NPY_HEAD_MAX ? look(l, start, len) : NULL;
    if (p == NULL) {
        return false;
    }
    memcpy(head, p, len);
    const char *descr = npy_value(head, "'descr':"), *shape = npy_value(head, "'shape':");
    const char *order = npy_value(head, "'fortran_order':");
    *out = (mv_raster){.at = (uint64_t)start + len};
    return descr != NULL && shape != NULL && order != NULL && strlen(descr) > 5 &&
           npy_type(out, descr) && npy_shape(out, shape, order[0] == 'T') &&
           mv_raster_valid(out, l->file->len);
}

/* ---- small frames ---- */

/* The largest number of frames that together are still a small picture, and divides all of them. */
static uint32_t joinable(const mv_raster *r)
{
    const uint64_t samples = (uint64_t)r->width * r->height * r->channels;
    const uint32_t lines = r->channels == 3 ? SIDE_MAX / 3 : SIDE_MAX;
    uint64_t most = JOINED_SAMPLES / samples;
    most = most < lines / r->height ? most : lines / r->height;
    uint32_t k = most < r->frames ? (uint32_t)most : r->frames;
    while (k > 1 && r->frames % k != 0) {
        k--;
    }
    return k > 1 ? k : 1;
}

/* One under another they are one picture, whose statistics are learned once. */
static void join_frames(mv_raster *r)
{
    const uint32_t k = joinable(r);
    r->height *= k;
    r->frames /= k;
}

mv_status mv_raster_find(mv_raster *out, bool *found, const mv_raster_file *file, mv_error *err)
{
    looker l = {.file = file, .err = err};
    *found = find_nifti(out, &l) || find_npy(out, &l) || find_dicom(out, &l);
    if (l.st != MV_OK || !*found) {
        *found = false;
        memset(out, 0, sizeof *out);
    } else {
        join_frames(out);
    }
    return l.st;
}
