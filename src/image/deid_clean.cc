/* SPDX-License-Identifier: Apache-2.0
 *
 * deid_clean.cc: see deid_clean.hh.
 */
#include "image/deid_clean.hh"

#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcsequen.h>
#include <dcmtk/dcmdata/dcxfer.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <string>

namespace
{

/* ---- words ---- */

const char *const words[] = {
#include "image/deid_words.inc"
};

bool is_word(const std::string &text)
{
    std::string low(text);
    for (char &c : low) {
        c = static_cast<char>(tolower(static_cast<unsigned char>(c)));
    }
    return std::binary_search(std::begin(words), std::end(words), low.c_str(),
                              [](const char *a, const char *b) { return strcmp(a, b) < 0; });
}

/* Of ASCII letters and digits, and of what is written beyond ASCII: that makes no word here. */
bool is_in_word(char c)
{
    const unsigned char byte = static_cast<unsigned char>(c);
    return byte >= 0x80 || isalnum(byte) != 0;
}

std::string keep_words(const std::string &text)
{
    std::string kept, word;
    for (size_t i = 0; i <= text.size(); i++) {
        if (i < text.size() && is_in_word(text[i])) {
            word += text[i];
        } else {
            if (is_word(word)) {
                kept += (kept.empty() ? "" : " ") + word;
            }
            word.clear();
        }
    }
    return kept;
}

bool is_text(DcmEVR vr)
{
    return vr == EVR_LO || vr == EVR_LT || vr == EVR_SH || vr == EVR_ST || vr == EVR_UC ||
           vr == EVR_UT;
}

/* ---- structured content ---- */

std::string text_of(DcmItem &item, const DcmTagKey &key)
{
    OFString value;
    (void)item.findAndGetOFString(key, value);
    return value.c_str();
}

bool is_one_of(const std::string &text, const char *list)
{
    return !text.empty() && text.find(' ') == std::string::npos &&
           strstr(list, (" " + text + " ").c_str()) != nullptr;
}

/* Every code of a content item is of a scheme that is public. */
bool has_public_codes(DcmItem &item, const DcmTagKey &key)
{
    static const char schemes[] = " DCM SCT SRT SNM3 UCUM LN FMA RADLEX BI ACR NCIt MSH UMLS ";
    DcmSequenceOfItems *sequence = nullptr;
    if (item.findAndGetSequence(key, sequence).bad() || sequence == nullptr) {
        return true;
    }
    for (unsigned long i = 0; i < sequence->card(); i++) {
        DcmItem *code = sequence->getItem(i);
        if (code == nullptr || !is_one_of(text_of(*code, DCM_CodingSchemeDesignator), schemes)) {
            return false;
        }
    }
    return true;
}

/* Sex and age of the subject: codes of DCM, LOINC and SNOMED CT for what a content item is about.
 */
bool is_about_the_patient(DcmItem &item)
{
    DcmItem *name = nullptr;
    return item.findAndGetSequenceItem(DCM_ConceptNameCodeSequence, name, 0).good() &&
           name != nullptr &&
           is_one_of(text_of(*name, DCM_CodeValue),
                     " 121032 121033 30525-0 46098-0 397669002 263495000 ");
}

/* ---- pixels ---- */

struct Pixels {
    Uint16 rows = 0, columns = 0, samples = 0, allocated = 0, stored = 0, planar = 0, is_signed = 0;
    Sint32 frames = 0;
    std::string photometric;
};

void read_pixels(Pixels &p, DcmDataset &data)
{
    (void)data.findAndGetUint16(DCM_Rows, p.rows);
    (void)data.findAndGetUint16(DCM_Columns, p.columns);
    (void)data.findAndGetUint16(DCM_SamplesPerPixel, p.samples);
    (void)data.findAndGetUint16(DCM_BitsAllocated, p.allocated);
    (void)data.findAndGetUint16(DCM_BitsStored, p.stored);
    (void)data.findAndGetUint16(DCM_PlanarConfiguration, p.planar);
    (void)data.findAndGetUint16(DCM_PixelRepresentation, p.is_signed);
    if (data.findAndGetSint32(DCM_NumberOfFrames, p.frames).bad()) {
        p.frames = 1;
    }
    p.photometric = text_of(data, DCM_PhotometricInterpretation);
}

uint64_t length_of(const Pixels &p)
{
    return p.frames < 1 || p.samples > 4 || p.allocated > 64
               ? 0
               : static_cast<uint64_t>(p.rows) * p.columns * p.samples * ((p.allocated + 7u) / 8) *
                     static_cast<uint64_t>(p.frames);
}

mv_dicom_verdict check(const Pixels &p)
{
    if ((p.allocated != 8 && p.allocated != 16) || p.stored == 0 || p.stored > p.allocated) {
        return MV_DICOM_DEPTH;
    }
    if ((p.samples != 1 && p.samples != 3) ||
        (p.samples == 3 && p.photometric != "RGB" && p.photometric != "YBR_FULL")) {
        return MV_DICOM_COLOUR;
    }
    return length_of(p) == 0 || length_of(p) > UINT32_MAX ? MV_DICOM_SHAPE : MV_DICOM_OK;
}

/* Black, as a number of the bits that are allocated. */
Uint16 black(const Pixels &p, unsigned channel)
{
    const unsigned half = 1u << (p.stored - 1);
    if (p.photometric == "MONOCHROME1") {
        return static_cast<Uint16>(p.is_signed != 0 ? half - 1 : 2 * half - 1);
    }
    if (p.photometric == "YBR_FULL" && channel != 0) {
        return static_cast<Uint16>(half);
    }
    return static_cast<Uint16>(p.is_signed != 0 && p.photometric == "MONOCHROME2" ? 0u - half : 0u);
}

/* The samples, in the byte order of this machine; bytes that came as words are swapped there, where
 * that order is big-endian. */
struct Store {
    Uint8 *bytes = nullptr;
    Uint16 *words = nullptr;
    bool swapped = false;

    void put(const Pixels &p, size_t at, Uint16 value) const
    {
        if (p.allocated == 16) {
            words[at] = value;
        } else {
            bytes[swapped ? at ^ 1 : at] = static_cast<Uint8>(value);
        }
    }
};

bool open_store(Store &store, const Pixels &p, DcmDataset &data)
{
    DcmElement *element = nullptr;
    if (data.findAndGetElement(DCM_PixelData, element).bad() || element == nullptr ||
        element->getLength() < length_of(p)) {
        return false;
    }
    if (p.allocated == 16 || element->getVR() == EVR_OW) {
        store.swapped = gLocalByteOrder == EBO_BigEndian;
        const bool ok = element->getUint16Array(store.words).good() && store.words != nullptr;
        store.bytes = reinterpret_cast<Uint8 *>(store.words);
        return ok;
    }
    return element->getUint8Array(store.bytes).good() && store.bytes != nullptr;
}

void blank_one(const Store &store, const Pixels &p, const mv_deid_blank &b)
{
    const size_t plane = static_cast<size_t>(p.rows) * p.columns;
    const uint64_t right = std::min<uint64_t>(p.columns, static_cast<uint64_t>(b.x) + b.width);
    const uint64_t bottom = std::min<uint64_t>(p.rows, static_cast<uint64_t>(b.y) + b.height);
    for (size_t f = 0; f < static_cast<size_t>(p.frames); f++) {
        for (size_t y = b.y; y < bottom; y++) {
            for (size_t x = b.x; x < right; x++) {
                for (unsigned c = 0; c < p.samples; c++) {
                    const size_t pixel = y * p.columns + x, frame = f * plane * p.samples;
                    store.put(p,
                              frame + (p.planar == 1 ? c * plane + pixel : pixel * p.samples + c),
                              black(p, c));
                }
            }
        }
    }
}

/* Samples have changed: the object is derived, and nothing is burned in that was seen. */
void mark_pixels(DcmDataset &data)
{
    OFString type;
    if (data.findAndGetOFStringArray(DCM_ImageType, type).good() && type.find("ORIGINAL") == 0) {
        type.replace(0, 8, "DERIVED");
        (void)data.putAndInsertOFStringArray(DCM_ImageType, type);
    }
    (void)data.putAndInsertString(DCM_BurnedInAnnotation, "NO");
    delete data.remove(DCM_SmallestImagePixelValue);
    delete data.remove(DCM_LargestImagePixelValue);
}

} // namespace

bool mv_deid::clean_words(DcmElement &element)
{
    OFString all;
    if (!is_text(element.ident()) || element.getOFStringArray(all).bad() ||
        all.find('\x1b') != OFString_npos) {
        return false;
    }
    const std::string kept = keep_words(all.c_str());
    return !kept.empty() && element.putOFStringArray(kept.c_str()).good();
}

bool mv_deid::may_stay(DcmItem &item, unsigned keep)
{
    static const char types[] =
        " CODE NUM CONTAINER SCOORD SCOORD3D TCOORD IMAGE COMPOSITE WAVEFORM ";
    return is_one_of(text_of(item, DCM_ValueType), types) &&
           has_public_codes(item, DCM_ConceptNameCodeSequence) &&
           has_public_codes(item, DCM_ConceptCodeSequence) &&
           ((keep & MV_DEID_KEEP_PATIENT) != 0 || !is_about_the_patient(item));
}

void mv_deid::measure_pixels(mv_deid_facts *facts, DcmDataset &data)
{
    Pixels p;
    read_pixels(p, data);
    facts->rows = p.rows;
    facts->columns = p.columns;
    facts->pixels_len = length_of(p);
}

mv_dicom_verdict mv_deid::blank_pixels(DcmDataset &data, E_TransferSyntax &syntax,
                                       const mv_deid_plan &plan)
{
    Pixels p;
    Store store;
    if (DcmXfer(syntax).isEncapsulated()) {
        syntax = EXS_LittleEndianExplicit;
        if (data.chooseRepresentation(syntax, nullptr).bad()) {
            return MV_DICOM_SYNTAX;
        }
        data.removeAllButCurrentRepresentations();
    }
    read_pixels(p, data);
    const mv_dicom_verdict verdict = check(p);
    if (verdict != MV_DICOM_OK) {
        return verdict;
    }
    if (!open_store(store, p, data)) {
        return MV_DICOM_TRUNCATED;
    }
    for (size_t i = 0; i < plan.blank_count; i++) {
        blank_one(store, p, plan.blank[i]);
    }
    mark_pixels(data);
    return MV_DICOM_OK;
}
