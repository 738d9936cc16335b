/* SPDX-License-Identifier: Apache-2.0
 *
 * dicom_view.cc: what a DICOM header says of how stored values are shown (PS3.3 C.11.1, C.11.2) and
 * where they lie in the patient (PS3.3 C.7.6.2). [DICOM]
 */
#include "image/dicom_file.hh"

#include <dcmtk/dcmdata/dcdeftag.h>

#include <cmath>
#include <cstring>
#include <new>
#include <vector>

using mv_dicom::decimal;
using mv_dicom::File;
using mv_dicom::Layout;

namespace
{

/* Entries of a lookup table, of which the first stands for the value `first`. */
struct Table {
    std::vector<uint16_t> entry;
    double first = 0;
    double top = 0; /* the largest value that its bits allow */

    bool given() const
    {
        return !entry.empty();
    }
    double at(double value) const
    {
        const double last = static_cast<double>(entry.size() - 1);
        const double i = std::floor(value - first + 0.5);
        return entry[static_cast<size_t>(i <= 0 ? 0 : i >= last ? last : i)];
    }
};

struct Look {
    Table modality, voi;
    double slope = 1, intercept = 0;
    double center = 0, width = 0; /* width 0: no window */
    std::string function;
    bool inverted = false;
};

/* The first item of a sequence of the image, or of the functional groups of its frames. */
DcmItem *find_item(DcmDataset *data, const DcmTagKey &sequence)
{
    DcmItem *item = nullptr, *group = nullptr;
    if (data->findAndGetSequenceItem(sequence, item, 0).good()) {
        return item;
    }
    for (const DcmTagKey &groups :
         {DCM_SharedFunctionalGroupsSequence, DCM_PerFrameFunctionalGroupsSequence}) {
        if (data->findAndGetSequenceItem(groups, group, 0).good() &&
            group->findAndGetSequenceItem(sequence, item, 0).good()) {
            return item;
        }
    }
    return nullptr;
}

/* Entries of 8 bits may stand two in a word. */
void unpack_entries(Table &out, const Uint16 *words, size_t len, size_t count, unsigned bits)
{
    const bool packed = bits <= 8 && len < 2 * count;
    if (len < (packed ? count : 2 * count)) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        out.entry.push_back(packed ? words[i / 2] >> (8 * (i % 2)) & 0xff : words[i]);
    }
}

void read_table(Table &out, DcmItem *item, bool is_signed)
{
    Uint16 count = 0, first = 0, bits = 0;
    Sint16 signed_first = 0;
    DcmElement *element = nullptr;
    Uint16 *words = nullptr;
    if (item == nullptr || item->findAndGetElement(DCM_LUTDescriptor, element).bad()) {
        return;
    }
    if (element->getUint16(count, 0).bad()) { /* the descriptor may be of signed shorts */
        Sint16 value = 0;
        if (element->getSint16(value, 0).bad() || element->getSint16(signed_first, 1).bad() ||
            element->getSint16(value, 2).bad()) {
            return;
        }
        bits = static_cast<Uint16>(value);
        (void)element->getSint16(value, 0);
        count = static_cast<Uint16>(value);
        first = static_cast<Uint16>(signed_first);
    } else if (element->getUint16(first, 1).bad() || element->getUint16(bits, 2).bad()) {
        return;
    }
    if (bits < 8 || bits > 16 || item->findAndGetElement(DCM_LUTData, element).bad() ||
        element->getUint16Array(words).bad() || words == nullptr) {
        return;
    }
    out.first = is_signed ? static_cast<Sint16>(first) : static_cast<double>(first);
    out.top = std::ldexp(1.0, bits) - 1;
    unpack_entries(out, words, element->getLength(), count == 0 ? 65536u : count, bits);
}

/* A window of the image, or of its functional groups. */
void read_window(Look &look, DcmDataset *data)
{
    DcmItem *item = data->tagExistsWithValue(DCM_WindowCenter)
                        ? data
                        : find_item(data, DCM_FrameVOILUTSequence);
    OFString function;
    Float64 center = 0, width = 0;
    if (item == nullptr || item->findAndGetFloat64(DCM_WindowCenter, center).bad() ||
        item->findAndGetFloat64(DCM_WindowWidth, width).bad() || !std::isfinite(center) ||
        !std::isfinite(width)) {
        return;
    }
    (void)item->findAndGetOFString(DCM_VOILUTFunction, function);
    look.function = function.c_str();
    const bool usable = look.function.empty() || look.function == "LINEAR" ? width >= 1 : width > 0;
    if (usable) {
        look.center = center;
        look.width = width;
    }
}

void read_look(Look &look, DcmDataset *data)
{
    Layout layout;
    OFString shape;
    mv_dicom::read_layout(layout, data);
    read_table(look.modality, find_item(data, DCM_ModalityLUTSequence), layout.is_signed);
    if (!decimal(look.slope, data, DCM_RescaleSlope, 0) || look.slope == 0) {
        look.slope = 1;
    }
    (void)decimal(look.intercept, data, DCM_RescaleIntercept, 0);
    read_window(look, data);
    if (look.width == 0) {
        const bool below_zero = !look.modality.given() && (layout.is_signed || look.intercept < 0);
        read_table(look.voi, find_item(data, DCM_VOILUTSequence), below_zero);
    }
    (void)data->findAndGetOFString(DCM_PresentationLUTShape, shape);
    look.inverted = layout.photometric == "MONOCHROME1" || shape == "INVERSE";
}

double to_real(const Look &look, double stored)
{
    return look.modality.given() ? look.modality.at(stored) : stored * look.slope + look.intercept;
}

/* PS3.3 C.11.2.1.2 and C.11.2.1.3: a value in 0..1. */
double windowed(const Look &look, double x)
{
    if (look.function == "SIGMOID") {
        return 1 / (1 + std::exp(-4 * (x - look.center) / look.width));
    }
    if (look.function == "LINEAR_EXACT") {
        return (x - look.center) / look.width + 0.5;
    }
    const double center = look.center - 0.5, width = look.width - 1;
    return width <= 0 ? (x > center ? 1 : 0) : (x - center) / width + 0.5;
}

uint8_t level(const Look &look, double unit)
{
    const double u = unit <= 0 ? 0 : unit >= 1 ? 1 : unit;
    return static_cast<uint8_t>((look.inverted ? 1 - u : u) * 255 + 0.5);
}

/* Without a window or a table: from the lowest to the highest real value. */
void spread(Look &look, const mv_image *image, size_t count)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        const double v = to_real(look, mv_image_get(image, i));
        low = v < low ? v : low;
        high = v > high ? v : high;
    }
    look.function = "LINEAR_EXACT";
    look.center = (low + high) / 2;
    look.width = high > low ? high - low : 1;
}

void show_gray(uint8_t *out, Look &look, const mv_image *image)
{
    const size_t count = mv_image_sample_count(image);
    if (look.width == 0 && !look.voi.given()) {
        spread(look, image, count);
    }
    for (size_t i = 0; i < count; i++) {
        const double v = to_real(look, mv_image_get(image, i));
        out[i] = level(look, look.width != 0 ? windowed(look, v) : look.voi.at(v) / look.voi.top);
    }
}

/* Colour has no window; of more than 8 bits the upper eight are shown. */
void show_colour(uint8_t *out, const mv_image *image)
{
    const double scale = std::ldexp(1.0, 8 - static_cast<int>(image->bits));
    const size_t count = mv_image_sample_count(image);
    for (size_t i = 0; i < count; i++) {
        const double v = std::floor(mv_image_get(image, i) * scale);
        out[i] = static_cast<uint8_t>(v <= 0 ? 0 : v >= 255 ? 255 : v);
    }
}

mv_dicom_verdict display(uint8_t *out, const mv_image *image, const uint8_t *bytes, size_t len)
{
    File file;
    Look look;
    const mv_dicom_verdict verdict = mv_dicom::open_file(file, bytes, len);
    if (verdict != MV_DICOM_OK) {
        return verdict;
    }
    if (image->channels == 3) {
        show_colour(out, image);
        return MV_DICOM_OK;
    }
    read_look(look, file.data);
    show_gray(out, look, image);
    return MV_DICOM_OK;
}

/* ---- place ---- */

struct Position {
    double at[3];
};

/* Numbers of the image, or of an item of its functional groups. */
bool numbers(double *out, unsigned long count, DcmItem *item, const DcmTagKey &key)
{
    for (unsigned long i = 0; i < count; i++) {
        if (item == nullptr || item->findAndGetFloat64(key, out[i], i, OFTrue).bad() ||
            !std::isfinite(out[i])) {
            return false;
        }
    }
    return true;
}

DcmItem *frame_group(DcmDataset *data, long frame)
{
    DcmItem *item = nullptr;
    return data->findAndGetSequenceItem(DCM_PerFrameFunctionalGroupsSequence, item, frame).good()
               ? item
               : nullptr;
}

bool find_orientation(double out[6], DcmDataset *data)
{
    DcmItem *shared = nullptr;
    (void)data->findAndGetSequenceItem(DCM_SharedFunctionalGroupsSequence, shared, 0);
    for (DcmItem *item : {static_cast<DcmItem *>(data), shared, frame_group(data, 0)}) {
        if (numbers(out, 6, item, DCM_ImageOrientationPatient)) {
            return true;
        }
    }
    return false;
}

bool find_position(Position &out, DcmDataset *data, long frame)
{
    return numbers(out.at, 3, frame_group(data, frame), DCM_ImagePositionPatient) ||
           (frame == 0 && numbers(out.at, 3, data, DCM_ImagePositionPatient));
}

/* The step from a frame to the next, in mm. */
void find_step(double out[3], const double axes[6], const Position &origin, DcmDataset *data)
{
    Sint32 frames = 1;
    Position last;
    double thickness = 0;
    if (data->findAndGetSint32(DCM_NumberOfFrames, frames).bad()) {
        frames = 1; /* not there: DCMTK has set it to 0 */
    }
    if (frames > 1 && find_position(last, data, frames - 1)) {
        for (size_t c = 0; c < 3; c++) {
            out[c] = (last.at[c] - origin.at[c]) / (frames - 1);
        }
        return;
    }
    if (!decimal(thickness, data, DCM_SpacingBetweenSlices, 0) || thickness <= 0) {
        (void)decimal(thickness, data, DCM_SliceThickness, 0);
    }
    thickness = thickness > 0 ? thickness : 1;
    for (size_t c = 0; c < 3; c++) { /* across both axes */
        const size_t d = (c + 1) % 3, e = (c + 2) % 3;
        out[c] = thickness * (axes[d] * axes[3 + e] - axes[e] * axes[3 + d]);
    }
}

mv_dicom_verdict find_place(mv_dicom_place *out, const uint8_t *bytes, size_t len)
{
    File file;
    Position origin;
    double axes[6], spacing[2], step[3];
    const mv_dicom_verdict verdict = mv_dicom::open_file(file, bytes, len);
    if (verdict != MV_DICOM_OK) {
        return verdict;
    }
    if (!find_orientation(axes, file.data) || !find_position(origin, file.data, 0) ||
        !decimal(spacing[0], file.data, DCM_PixelSpacing, 0) ||
        !decimal(spacing[1], file.data, DCM_PixelSpacing, 1)) {
        return MV_DICOM_OK;
    }
    find_step(step, axes, origin, file.data);
    for (size_t c = 0; c < 3; c++) {
        const double sign = c < 2 ? -1 : 1; /* DICOM: to the left, to the back, to the head */
        out->affine[c][0] = sign * axes[c] * spacing[1];
        out->affine[c][1] = sign * axes[3 + c] * spacing[0];
        out->affine[c][2] = sign * step[c];
        out->affine[c][3] = sign * origin.at[c];
    }
    for (auto &row : out->affine) {
        for (double &v : row) {
            v += 0.0; /* no negative zeros */
        }
    }
    out->known = 1;
    return MV_DICOM_OK;
}

mv_dicom_verdict find_modality(char *out, const uint8_t *bytes, size_t len)
{
    File file;
    OFString modality;
    const mv_dicom_verdict verdict = mv_dicom::open_file(file, bytes, len);
    if (verdict == MV_DICOM_OK) {
        (void)file.data->findAndGetOFString(DCM_Modality, modality);
        (void)modality.copy(out, MV_DICOM_MODALITY_MAX - 1);
    }
    return verdict;
}

} // namespace

mv_dicom_verdict mv_dicom_display(uint8_t *out, const mv_image *image, const uint8_t *bytes,
                                  size_t len)
{
    try {
        return display(out, image, bytes, len);
    } catch (const std::bad_alloc &) {
        return MV_DICOM_MEMORY;
    } catch (...) {
        return MV_DICOM_DAMAGED;
    }
}

mv_dicom_verdict mv_dicom_find_place(mv_dicom_place *out, const uint8_t *bytes, size_t len)
{
    *out = mv_dicom_place();
    try {
        return find_place(out, bytes, len);
    } catch (const std::bad_alloc &) {
        return MV_DICOM_MEMORY;
    } catch (...) {
        return MV_DICOM_DAMAGED;
    }
}

mv_dicom_verdict mv_dicom_find_modality(char out[MV_DICOM_MODALITY_MAX], const uint8_t *bytes,
                                        size_t len)
{
    std::memset(out, 0, MV_DICOM_MODALITY_MAX);
    try {
        return find_modality(out, bytes, len);
    } catch (const std::bad_alloc &) {
        return MV_DICOM_MEMORY;
    } catch (...) {
        return MV_DICOM_DAMAGED;
    }
}
