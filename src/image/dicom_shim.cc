/* SPDX-License-Identifier: Apache-2.0
 *
 * dicom_shim.cc: the thin C++ layer over DCMTK. It parses the file from memory, lets DCMTK's own
 * decoders (RLE, JPEG, JPEG-LS) or OpenJPEG unpack the pixels, and lays the stored values out as an
 * mv_image. The limits are checked before anything is decompressed.
 */
#include "image/dicom_shim.h"
#include "image/dicom_file.hh"
#include "image/dicom_j2k.h"

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcdict.h>
#include <dcmtk/dcmdata/dcfilefo.h>
#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcmetinf.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/oflog.h>

#include <cmath>
#include <cstring>
#include <new>
#include <string>
#include <vector>

using mv_dicom::decimal;
using mv_dicom::File;
using mv_dicom::Layout;
using mv_dicom::open_file;
using mv_dicom::read_layout;

namespace
{

bool is_htj2k(DcmFileFormat &format)
{
    OFString uid;
    if (format.getMetaInfo() == nullptr ||
        format.getMetaInfo()->findAndGetOFString(DCM_TransferSyntaxUID, uid).bad()) {
        return false;
    }
    return uid == "1.2.840.10008.1.2.4.201" || uid == "1.2.840.10008.1.2.4.202" ||
           uid == "1.2.840.10008.1.2.4.203";
}

void feed(DcmInputBufferStream &stream, const uint8_t *bytes, size_t len)
{
    stream.setBuffer(bytes, static_cast<offile_off_t>(len));
    stream.setEos();
}

template <typename Object>
OFCondition parse(Object &object, E_TransferSyntax syntax, DcmInputBufferStream &stream)
{
    object.transferInit();
    const OFCondition result = object.read(stream, syntax, EGL_noChange, DCM_MaxReadLength);
    object.transferEnd();
    return result;
}

/* HTJ2K is younger than this DCMTK, but its files are laid out as those of JPEG 2000. */
OFCondition parse_as_j2k(DcmDataset &data, const uint8_t *bytes, size_t len)
{
    DcmInputBufferStream stream;
    DcmMetaInfo meta;
    feed(stream, bytes, len);
    const OFCondition result = parse(meta, EXS_Unknown, stream);
    return result.bad() ? result : parse(data, EXS_JPEG2000, stream);
}

/* DCMTK asks for the memory that an element states before it looks whether the file has it: more
 * than the sandbox allows is more than the file holds, unless that is deflated. */
bool is_short(const OFCondition &result)
{
    return result == EC_StreamNotifyClient || result == EC_EndOfStream ||
           result == EC_InvalidStream || result == EC_SequDelimitationItemMissing ||
           result == EC_MemoryExhausted;
}

} // namespace

mv_dicom_verdict mv_dicom::open_file(File &file, const uint8_t *bytes, size_t len)
{
    DcmInputBufferStream stream;
    feed(stream, bytes, len);
    OFCondition result = parse(file.format, EXS_Unknown, stream);
    file.data = file.format.getDataset();
    if (is_htj2k(file.format)) {
        result = parse_as_j2k(file.bare, bytes, len);
        file.data = &file.bare;
    }
    if (file.data != nullptr) {
        file.syntax = file.data->getOriginalXfer();
    }
    if (result == EC_MemoryExhausted && file.syntax == EXS_DeflatedLittleEndianExplicit) {
        return MV_DICOM_MEMORY;
    }
    if (is_short(result)) {
        return MV_DICOM_TRUNCATED;
    }
    if (result.bad() || file.data == nullptr || file.data->card() == 0) {
        return MV_DICOM_DAMAGED;
    }
    return MV_DICOM_OK;
}

namespace
{

Uint16 number(DcmDataset *data, const DcmTagKey &key, Uint16 otherwise)
{
    Uint16 value = 0;
    return data->findAndGetUint16(key, value).good() ? value : otherwise;
}

} // namespace

bool mv_dicom::decimal(double &out, DcmDataset *data, const DcmTagKey &key, unsigned long position)
{
    Float64 value = 0;
    if (data->findAndGetFloat64(key, value, position).bad()) {
        DcmItem *shared = nullptr;
        if (data->findAndGetSequenceItem(DCM_SharedFunctionalGroupsSequence, shared, 0).bad() ||
            shared->findAndGetFloat64(key, value, position, OFTrue).bad()) {
            return false;
        }
    }
    if (!std::isfinite(value)) {
        return false;
    }
    out = value;
    return true;
}

namespace
{

void read_scaling(mv_image *out, DcmDataset *data)
{
    out->slope = 1;
    out->intercept = 0;
    if (!decimal(out->slope, data, DCM_RescaleSlope, 0) || out->slope == 0) {
        out->slope = 1;
    }
    (void)decimal(out->intercept, data, DCM_RescaleIntercept, 0);
}

void read_spacing(mv_image *out, DcmDataset *data)
{
    for (const DcmTagKey &key : {DCM_PixelSpacing, DCM_ImagerPixelSpacing}) {
        double rows = 0, columns = 0;
        if (decimal(rows, data, key, 0) && decimal(columns, data, key, 1) && rows > 0 &&
            columns > 0) {
            out->spacing_mm[0] = columns; /* between columns: along x */
            out->spacing_mm[1] = rows;
            break;
        }
    }
    double z = 0;
    if ((decimal(z, data, DCM_SpacingBetweenSlices, 0) && z > 0) ||
        (decimal(z, data, DCM_SliceThickness, 0) && z > 0)) {
        out->spacing_mm[2] = z;
    }
}

mv_dicom_verdict read_type(mv_image *out, const Layout &layout)
{
    out->bits = layout.stored;
    if (layout.pixels == DCM_FloatPixelData || layout.pixels == DCM_DoubleFloatPixelData) {
        out->bits = 0;
        out->type = layout.pixels == DCM_FloatPixelData ? MV_SAMPLE_F32 : MV_SAMPLE_F64;
        return MV_DICOM_OK;
    }
    if (layout.stored == 0 || layout.stored > layout.allocated || layout.high >= layout.allocated ||
        layout.high + 1 < layout.stored) {
        return MV_DICOM_DEPTH;
    }
    if (layout.allocated <= 8) {
        out->type = layout.is_signed ? MV_SAMPLE_I8 : MV_SAMPLE_U8;
    } else if (layout.allocated <= 16) {
        out->type = layout.is_signed ? MV_SAMPLE_I16 : MV_SAMPLE_U16;
    } else if (layout.allocated <= 32) {
        out->type = layout.is_signed ? MV_SAMPLE_I32 : MV_SAMPLE_U32;
    } else {
        return MV_DICOM_DEPTH;
    }
    return MV_DICOM_OK;
}

/* Colour comes out as RGB: a palette is looked up, YBR converted, both with 8 bits only. */
mv_dicom_verdict read_colour(mv_image *out, const Layout &layout, Uint16 samples)
{
    const std::string &p = layout.photometric;
    out->channels = samples;
    if (p == "PALETTE COLOR" && samples == 1 && layout.allocated > 1 && layout.allocated <= 16 &&
        !layout.is_signed) {
        out->channels = 3;
        out->type = MV_SAMPLE_U8;
        out->bits = 8;
        return MV_DICOM_OK;
    }
    if (p == "MONOCHROME1" || p == "MONOCHROME2") {
        return samples == 1 ? MV_DICOM_OK : MV_DICOM_COLOUR;
    }
    if (samples != 3 || layout.allocated == 1 || layout.is_signed) {
        return MV_DICOM_COLOUR;
    }
    if (p == "RGB" || p == "YBR_RCT" || p == "YBR_ICT" ||
        ((p == "YBR_FULL" || p == "YBR_FULL_422") && layout.allocated == 8)) {
        return MV_DICOM_OK;
    }
    return MV_DICOM_COLOUR;
}

bool find_pixels(DcmTagKey &out, DcmDataset *data)
{
    for (const DcmTagKey &key : {DCM_PixelData, DCM_FloatPixelData, DCM_DoubleFloatPixelData}) {
        if (data->tagExists(key)) {
            out = key;
            return true;
        }
    }
    return false;
}

} // namespace

void mv_dicom::read_layout(Layout &layout, DcmDataset *data)
{
    OFString photometric;
    layout.allocated = number(data, DCM_BitsAllocated, 0);
    layout.stored = number(data, DCM_BitsStored, layout.allocated);
    layout.high = number(data, DCM_HighBit, static_cast<Uint16>(layout.stored - 1));
    layout.planar = number(data, DCM_PlanarConfiguration, 0);
    layout.is_signed = number(data, DCM_PixelRepresentation, 0) == 1;
    (void)data->findAndGetOFString(DCM_PhotometricInterpretation, photometric);
    layout.photometric = photometric.c_str();
}

namespace
{

mv_dicom_verdict read_shape(mv_image *out, Layout &layout, DcmDataset *data)
{
    Sint32 frames = 1;
    *out = mv_image();
    if (!find_pixels(layout.pixels, data)) {
        return MV_DICOM_NO_PIXELS;
    }
    read_layout(layout, data);
    if (data->tagExistsWithValue(DCM_NumberOfFrames) &&
        data->findAndGetSint32(DCM_NumberOfFrames, frames).bad()) {
        return MV_DICOM_SHAPE;
    }
    const Uint16 samples = number(data, DCM_SamplesPerPixel, 1);
    out->width = number(data, DCM_Columns, 0);
    out->height = number(data, DCM_Rows, 0);
    out->depth = static_cast<uint32_t>(frames);
    if (out->width == 0 || out->height == 0 || frames < 1 || (samples != 1 && samples != 3)) {
        return MV_DICOM_SHAPE;
    }
    mv_dicom_verdict verdict = read_type(out, layout);
    if (verdict == MV_DICOM_OK) {
        verdict = read_colour(out, layout, samples);
    }
    const uint64_t pixels = static_cast<uint64_t>(out->width) * out->height;
    if (verdict == MV_DICOM_OK && out->depth > MV_IMAGE_SAMPLES_MAX / out->channels / pixels) {
        verdict = MV_DICOM_LIMIT;
    }
    read_scaling(out, data);
    read_spacing(out, data);
    OFString modality;
    (void)data->findAndGetOFString(DCM_Modality, modality);
    out->never_lossy = modality == "MG";
    return verdict;
}

/* Sample i of any integer type from the low `bits` bits of a stored word. */
void put(mv_image *image, size_t i, uint32_t word, unsigned bits, bool is_signed)
{
    const uint32_t mask = 0xffffffffu >> (32 - bits);
    word &= mask;
    if (is_signed && (word >> (bits - 1)) != 0) {
        word |= ~mask;
    }
    switch (image->type) {
    case MV_SAMPLE_U8:
    case MV_SAMPLE_I8:
        static_cast<uint8_t *>(image->sample)[i] = static_cast<uint8_t>(word);
        break;
    case MV_SAMPLE_U16:
    case MV_SAMPLE_I16:
        static_cast<uint16_t *>(image->sample)[i] = static_cast<uint16_t>(word);
        break;
    default:
        static_cast<uint32_t *>(image->sample)[i] = word;
    }
}

/* The uncompressed words of the pixel element, whatever their width. */
struct Words {
    const uint8_t *bytes = nullptr;
    size_t len = 0;          /* bytes */
    bool is_swapped = false; /* 32-bit words with their halves exchanged (big-endian OW) */
};

/* Cells of other widths follow each other in words of 16 bits, from the low bits on; PS3.5 8.1.1.
 */
uint32_t cell_at(const Words &words, size_t i, unsigned allocated)
{
    const uint64_t bit = static_cast<uint64_t>(i) * allocated;
    uint64_t cell = 0;
    for (unsigned got = 0; got < bit % 16 + allocated; got += 16) {
        const size_t at = static_cast<size_t>(2 * (bit / 16)) + got / 8;
        uint16_t half = 0;
        if (at + 2 <= words.len) {
            memcpy(&half, words.bytes + at, 2);
        }
        cell |= static_cast<uint64_t>(half) << got;
    }
    return static_cast<uint32_t>(cell >> bit % 16 & 0xffffffffu >> (32 - allocated));
}

uint32_t word_at(const Words &words, size_t i, unsigned allocated)
{
    uint16_t half[2];
    switch (allocated) {
    case 1:
        return words.bytes[i / 8] >> (i % 8) & 1;
    case 8:
        return words.bytes[i];
    case 16:
        memcpy(half, words.bytes + 2 * i, 2);
        return half[0];
    case 32:
        memcpy(half, words.bytes + 4 * i, 4);
        return words.is_swapped ? static_cast<uint32_t>(half[0]) << 16 | half[1]
                                : static_cast<uint32_t>(half[1]) << 16 | half[0];
    default:
        return cell_at(words, i, allocated);
    }
}

mv_dicom_verdict find_words(Words &out, DcmDataset *data, const Layout &layout, bool big_endian)
{
    DcmElement *element = nullptr;
    Uint8 *bytes = nullptr;
    Uint16 *words = nullptr;
    if (data->findAndGetElement(DCM_PixelData, element).bad()) {
        return MV_DICOM_DECODER;
    }
    const bool by_byte = layout.allocated == 1 || layout.allocated == 8;
    const bool ok =
        by_byte ? element->getUint8Array(bytes).good() : element->getUint16Array(words).good();
    out.bytes = by_byte ? bytes : reinterpret_cast<const uint8_t *>(words);
    out.len = element->getLength();
    out.is_swapped = big_endian;
    return ok && out.bytes != nullptr ? MV_DICOM_OK : MV_DICOM_TRUNCATED;
}

size_t bytes_for(size_t samples, unsigned allocated)
{
    return static_cast<size_t>((static_cast<uint64_t>(samples) * allocated + 7) / 8);
}

uint8_t clamp8(double v)
{
    return v <= 0 ? 0 : v >= 255 ? 255 : static_cast<uint8_t>(v + 0.5);
}

/* YBR_FULL to RGB, in place; the inverse of PS3.3 C.7.6.3.1.2 [DICOM]. */
void ybr_to_rgb(uint8_t *rgb, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++) {
        uint8_t *p = rgb + 3 * i;
        const double y = p[0], b = p[1] - 128.0, r = p[2] - 128.0;
        p[0] = clamp8(y + 1.402 * r);
        p[1] = clamp8(y - 0.344136 * b - 0.714136 * r);
        p[2] = clamp8(y + 1.772 * b);
    }
}

/* Y0 Y1 Cb Cr -> two pixels of three samples. */
mv_dicom_verdict expand_422(mv_image *image, const Words &words, size_t pixels)
{
    uint8_t *out = static_cast<uint8_t *>(image->sample);
    if (image->width % 2 != 0) {
        return MV_DICOM_COLOUR;
    }
    if (words.len < 2 * pixels) {
        return MV_DICOM_TRUNCATED;
    }
    for (size_t i = 0; i < pixels; i++) {
        const uint8_t *group = words.bytes + i / 2 * 4;
        out[3 * i] = group[i % 2];
        out[3 * i + 1] = group[2];
        out[3 * i + 2] = group[3];
    }
    return MV_DICOM_OK;
}

/* The entries of a palette's table as they lie in its words: words, or bytes two to a word. */
struct Entries {
    const Uint16 *words = nullptr;
    size_t count = 0;
    bool packed = false;

    uint32_t at(size_t i) const
    {
        return packed ? words[i / 2] >> 8 * (i % 2) & 0xff : words[i];
    }
};

bool find_entries(Entries &out, DcmDataset *data, const DcmTagKey &table)
{
    DcmElement *element = nullptr;
    Uint16 *words = nullptr;
    if (data->findAndGetElement(table, element).bad() || element->getUint16Array(words).bad() ||
        words == nullptr) {
        return false;
    }
    out.words = words;
    out.count = element->getLength() / (out.packed ? 1 : 2);
    return true;
}

constexpr size_t palette_max = 65536;

/* One segment of a segmented table, at place at, which moves on: values, a line from the last
 * value, or a copy of earlier segments (not nested); PS3.3 C.7.9.2 [DICOM]. */
bool expand(std::vector<uint32_t> &out, const Entries &in, size_t &at, bool copied)
{
    const size_t offset_len = in.packed ? 4 : 2;
    if (at >= in.count || in.count - at < 2) {
        return false;
    }
    const uint32_t kind = in.at(at), n = in.at(at + 1);
    at += 2;
    if (kind == 0 && n <= in.count - at && out.size() + n <= palette_max) {
        for (uint32_t k = 0; k < n; k++) {
            out.push_back(in.at(at++));
        }
        return true;
    }
    if (kind == 1 && at < in.count && !out.empty() && out.size() + n <= palette_max) {
        const double from = out.back(), to = in.at(at++);
        for (uint32_t k = 1; k <= n; k++) {
            out.push_back(static_cast<uint32_t>(from + (to - from) * k / n + 0.5));
        }
        return true;
    }
    if (kind != 2 || copied || in.count - at < offset_len) {
        return false;
    }
    size_t from = 0;
    for (size_t k = offset_len; k-- > 0;) {
        from = from << (in.packed ? 8 : 16) | in.at(at + k);
    }
    at += offset_len;
    from /= in.packed ? 1 : 2; /* bytes are counted */
    for (uint32_t k = 0; k < n; k++) {
        if (!expand(out, in, from, true)) {
            return false;
        }
    }
    return true;
}

/* The values of one of the three tables of a palette, plain or segmented. */
bool read_entries(std::vector<uint32_t> &out, DcmDataset *data, const DcmTagKey &table,
                  const DcmTagKey &segmented, size_t count, unsigned bits)
{
    Entries in;
    if (find_entries(in, data, table)) {
        in.packed = in.count < count;
        if (in.packed && (bits != 8 || 2 * in.count < count)) {
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            out.push_back(in.at(i));
        }
        return true;
    }
    in.packed = bits == 8;
    if (!find_entries(in, data, segmented)) {
        return false;
    }
    for (size_t at = 0; out.size() < count;) {
        if (!expand(out, in, at, false)) {
            return false;
        }
    }
    return out.size() == count;
}

struct Palette {
    DcmTagKey descriptor, table, segmented;
};

/* One of the three lookup tables of a palette: 8 bits an entry, first: the index of entry 0. */
bool read_table(std::vector<uint8_t> &out, uint32_t &first, DcmDataset *data,
                const Palette &palette)
{
    Uint16 entries = 0, start = 0, bits = 0;
    std::vector<uint32_t> values;
    if (data->findAndGetUint16(palette.descriptor, entries, 0).bad() ||
        data->findAndGetUint16(palette.descriptor, start, 1).bad() ||
        data->findAndGetUint16(palette.descriptor, bits, 2).bad() || (bits != 8 && bits != 16) ||
        !read_entries(values, data, palette.table, palette.segmented,
                      entries == 0 ? palette_max : entries, bits)) {
        return false;
    }
    for (const uint32_t value : values) {
        out.push_back(static_cast<uint8_t>(value >> (bits - 8u)));
    }
    first = start;
    return true;
}

mv_dicom_verdict look_up(mv_image *image, const Words &words, const Layout &layout,
                         DcmDataset *data)
{
    const Palette palette[3] = {
        {DCM_RedPaletteColorLookupTableDescriptor, DCM_RedPaletteColorLookupTableData,
         DCM_SegmentedRedPaletteColorLookupTableData},
        {DCM_GreenPaletteColorLookupTableDescriptor, DCM_GreenPaletteColorLookupTableData,
         DCM_SegmentedGreenPaletteColorLookupTableData},
        {DCM_BluePaletteColorLookupTableDescriptor, DCM_BluePaletteColorLookupTableData,
         DCM_SegmentedBluePaletteColorLookupTableData}};
    const size_t pixels = mv_image_sample_count(image) / 3;
    if (words.len < bytes_for(pixels, layout.allocated)) {
        return MV_DICOM_TRUNCATED;
    }
    for (size_t c = 0; c < 3; c++) {
        std::vector<uint8_t> table;
        uint32_t first = 0;
        if (!read_table(table, first, data, palette[c])) {
            return MV_DICOM_COLOUR;
        }
        for (size_t i = 0; i < pixels; i++) {
            const uint32_t index = word_at(words, i, layout.allocated);
            const size_t entry = index <= first ? 0 : index - first;
            static_cast<uint8_t *>(image->sample)[3 * i + c] =
                table[entry < table.size() ? entry : table.size() - 1];
        }
    }
    return MV_DICOM_OK;
}

/* Words as they lie in the file -> samples, colour by pixel. */
mv_dicom_verdict unpack(mv_image *image, const Words &words, const Layout &layout)
{
    const size_t count = mv_image_sample_count(image);
    const size_t plane = static_cast<size_t>(image->width) * image->height;
    const size_t channels = image->channels;
    const bool planar = channels == 3 && layout.planar == 1;
    const unsigned shift = layout.high + 1u - layout.stored;

    if (words.len < bytes_for(count, layout.allocated)) {
        return MV_DICOM_TRUNCATED;
    }
    for (size_t i = 0; i < count; i++) {
        const size_t frame = i / (plane * channels), in_frame = i % (plane * channels);
        const size_t from =
            planar ? frame * plane * channels + in_frame % channels * plane + in_frame / channels
                   : i;
        put(image, i, word_at(words, from, layout.allocated) >> shift, layout.stored,
            layout.is_signed);
    }
    return MV_DICOM_OK;
}

mv_dicom_verdict to_samples(mv_image *image, const Words &words, const Layout &layout,
                            DcmDataset *data)
{
    const size_t pixels = static_cast<size_t>(image->width) * image->height * image->depth;
    if (layout.photometric == "PALETTE COLOR") {
        return look_up(image, words, layout, data);
    }
    const mv_dicom_verdict verdict = layout.photometric == "YBR_FULL_422" && words.len < 3 * pixels
                                         ? expand_422(image, words, pixels)
                                         : unpack(image, words, layout);
    if (verdict == MV_DICOM_OK &&
        (layout.photometric == "YBR_FULL" || layout.photometric == "YBR_FULL_422")) {
        ybr_to_rgb(static_cast<uint8_t *>(image->sample), pixels);
    }
    return verdict;
}

template <typename T>
mv_dicom_verdict copy_floats(mv_image *image, const T *values, DcmElement *element)
{
    const size_t bytes = mv_image_sample_count(image) * sizeof(T);
    if (values == nullptr || element->getLength() < bytes) {
        return MV_DICOM_TRUNCATED;
    }
    memcpy(image->sample, values, bytes);
    return MV_DICOM_OK;
}

mv_dicom_verdict floats(mv_image *image, const Layout &layout, DcmDataset *data)
{
    DcmElement *element = nullptr;
    Float32 *single = nullptr;
    Float64 *doubled = nullptr;
    if (data->findAndGetElement(layout.pixels, element).bad()) {
        return MV_DICOM_TRUNCATED;
    }
    if (image->type == MV_SAMPLE_F32) {
        return element->getFloat32Array(single).good() ? copy_floats(image, single, element)
                                                       : MV_DICOM_TRUNCATED;
    }
    return element->getFloat64Array(doubled).good() ? copy_floats(image, doubled, element)
                                                    : MV_DICOM_TRUNCATED;
}

bool starts_frame(const Uint8 *bytes, size_t len)
{
    static const uint8_t stream[4] = {0xff, 0x4f, 0xff, 0x51}, box[4] = {0, 0, 0, 12};
    return len >= 4 && (memcmp(bytes, stream, 4) == 0 || memcmp(bytes, box, 4) == 0);
}

/* The JPEG 2000 frames; one may be spread over several fragments. */
mv_dicom_verdict j2k_frames(std::vector<std::vector<uint8_t>> &out, DcmDataset *data,
                            E_TransferSyntax syntax)
{
    DcmElement *element = nullptr;
    DcmPixelSequence *sequence = nullptr;
    if (data->findAndGetElement(DCM_PixelData, element).bad()) {
        return MV_DICOM_DECODER;
    }
    auto *pixels = dynamic_cast<DcmPixelData *>(element);
    if (pixels == nullptr ||
        pixels->getEncapsulatedRepresentation(syntax, nullptr, sequence).bad() ||
        sequence == nullptr) {
        return MV_DICOM_DECODER;
    }
    for (unsigned long i = 1; i < sequence->card(); i++) { /* item 0 is the offset table */
        DcmPixelItem *item = nullptr;
        Uint8 *bytes = nullptr;
        if (sequence->getItem(item, i).bad() || item->getUint8Array(bytes).bad() ||
            bytes == nullptr) {
            return MV_DICOM_TRUNCATED;
        }
        const size_t len = item->getLength();
        if (out.empty() || starts_frame(bytes, len)) {
            out.emplace_back();
        }
        out.back().insert(out.back().end(), bytes, bytes + len);
    }
    return MV_DICOM_OK;
}

mv_dicom_verdict j2k(mv_image *image, const Layout &layout, DcmDataset *data,
                     E_TransferSyntax syntax)
{
    const size_t per_frame = static_cast<size_t>(image->width) * image->height * image->channels;
    std::vector<std::vector<uint8_t>> frames;
    mv_dicom_verdict verdict = j2k_frames(frames, data, syntax);

    if (layout.photometric == "PALETTE COLOR") {
        return MV_DICOM_COLOUR;
    }
    if (verdict == MV_DICOM_OK && frames.size() < image->depth) {
        return MV_DICOM_TRUNCATED;
    }
    std::vector<uint32_t> words(per_frame);
    for (size_t f = 0; verdict == MV_DICOM_OK && f < image->depth; f++) {
        uint32_t bits = 0;
        verdict = mv_dicom_j2k(words.data(), &bits, image->width, image->height, image->channels,
                               frames[f].data(), frames[f].size());
        if (verdict == MV_DICOM_OK && bits > layout.allocated) {
            verdict = MV_DICOM_DECODER;
        }
        for (size_t i = 0; verdict == MV_DICOM_OK && i < per_frame; i++) {
            put(image, f * per_frame + i, words[i], bits, layout.is_signed);
        }
    }
    if (verdict == MV_DICOM_OK && layout.photometric == "YBR_FULL") {
        ybr_to_rgb(static_cast<uint8_t *>(image->sample), per_frame / 3 * image->depth);
    }
    return verdict;
}

bool is_j2k(E_TransferSyntax syntax)
{
    return syntax == EXS_JPEG2000 || syntax == EXS_JPEG2000LosslessOnly;
}

/* Let DCMTK decompress in place; it changes the attributes that describe the pixels with them. */
mv_dicom_verdict decompress(Layout &layout, File &file)
{
    if (!DcmXfer(file.syntax).isEncapsulated()) {
        return MV_DICOM_OK;
    }
    const OFCondition result = file.data->chooseRepresentation(EXS_LittleEndianExplicit, nullptr);
    if (result == EC_CannotChangeRepresentation) {
        return MV_DICOM_SYNTAX;
    }
    if (result.bad() || !file.data->canWriteXfer(EXS_LittleEndianExplicit)) {
        return MV_DICOM_DECODER;
    }
    read_layout(layout, file.data);
    return MV_DICOM_OK;
}

mv_dicom_verdict read_samples(mv_image *image, const uint8_t *bytes, size_t len)
{
    File file;
    Layout layout;
    Words words;
    mv_image shape;
    mv_dicom_verdict verdict = open_file(file, bytes, len);
    if (verdict == MV_DICOM_OK) {
        verdict = read_shape(&shape, layout, file.data);
    }
    if (verdict != MV_DICOM_OK) {
        return verdict;
    }
    if (shape.width != image->width || shape.height != image->height ||
        shape.depth != image->depth || shape.channels != image->channels ||
        shape.type != image->type) {
        return MV_DICOM_SHAPE;
    }
    if (layout.pixels != DCM_PixelData) {
        return floats(image, layout, file.data);
    }
    if (is_j2k(file.syntax)) {
        return j2k(image, layout, file.data, file.syntax);
    }
    verdict = decompress(layout, file);
    if (verdict == MV_DICOM_OK) {
        verdict = read_type(&shape, layout); /* again: a decoder may give fewer bits than stated */
    }
    if (verdict == MV_DICOM_OK) {
        verdict = find_words(words, file.data, layout, file.syntax == EXS_BigEndianExplicit);
    }
    return verdict == MV_DICOM_OK ? to_samples(image, words, layout, file.data) : verdict;
}

} // namespace

bool mv_dicom_prepare(void)
{
    try {
        static const bool ready = [] {
            OFLog::configure(OFLogger::OFF_LOG_LEVEL);
            DcmRLEDecoderRegistration::registerCodecs();
            DJDecoderRegistration::registerCodecs();
            DJLSDecoderRegistration::registerCodecs();
            return dcmDataDict.isDictionaryLoaded();
        }();
        return ready;
    } catch (...) {
        return false;
    }
}

mv_dicom_verdict mv_dicom_shape(mv_image *out, const uint8_t *bytes, size_t len)
{
    *out = mv_image();
    try {
        File file;
        Layout layout;
        const mv_dicom_verdict verdict = open_file(file, bytes, len);
        return verdict == MV_DICOM_OK ? read_shape(out, layout, file.data) : verdict;
    } catch (const std::bad_alloc &) {
        return MV_DICOM_MEMORY;
    } catch (...) {
        return MV_DICOM_DAMAGED;
    }
}

mv_dicom_verdict mv_dicom_samples(mv_image *image, const uint8_t *bytes, size_t len)
{
    try {
        return read_samples(image, bytes, len);
    } catch (const std::bad_alloc &) {
        return MV_DICOM_MEMORY;
    } catch (...) {
        return MV_DICOM_DECODER;
    }
}
