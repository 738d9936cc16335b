/* SPDX-License-Identifier: Apache-2.0
 *
 * dicom_write.cc: DICOM objects that are not the original: its header alone, and derived objects
 * with other samples, marked as PS3.3 C.7.6.1 wants lossy images marked. [DICOM]
 */
#include "image/dicom_file.hh"

#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcostrmb.h>
#include <dcmtk/dcmdata/dcuid.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>
#include <vector>

using mv_dicom::File;
using mv_dicom::Layout;

namespace
{

void remove(DcmItem *item, const DcmTagKey &key)
{
    delete item->remove(key);
}

/* The pixels, and what is only true of them or of the whole object's bytes. An icon can be
 * compressed, which an uncompressed object cannot hold. */
void remove_pixels(DcmDataset *data)
{
    for (const DcmTagKey &key :
         {DCM_PixelData, DCM_FloatPixelData, DCM_DoubleFloatPixelData, DCM_ExtendedOffsetTable,
          DCM_ExtendedOffsetTableLengths, DCM_PixelDataProviderURL, DCM_SmallestImagePixelValue,
          DCM_LargestImagePixelValue, DCM_IconImageSequence, DCM_MACParametersSequence,
          DCM_DigitalSignaturesSequence, DCM_DataSetTrailingPadding}) {
        remove(data, key);
    }
}

mv_dicom_verdict write(uint8_t *out, size_t *out_len, DcmDataset *data)
{
    DcmFileFormat file(data, OFTrue); /* a copy: the head is made new */
    DcmOutputBufferStream stream(out, static_cast<offile_off_t>(*out_len));
    void *written = nullptr;
    offile_off_t len = 0;
    file.transferInit();
    const OFCondition result = file.write(stream, EXS_LittleEndianExplicit, EET_ExplicitLength,
                                          nullptr, EGL_withoutGL, EPD_withoutPadding);
    file.transferEnd();
    stream.flush();
    stream.flushBuffer(written, len);
    *out_len = static_cast<size_t>(len);
    return result.good() ? MV_DICOM_OK : MV_DICOM_MEMORY;
}

mv_dicom_verdict strip(uint8_t *out, size_t *out_len, const uint8_t *bytes, size_t len)
{
    File file;
    const mv_dicom_verdict verdict = mv_dicom::open_file(file, bytes, len);
    if (verdict != MV_DICOM_OK) {
        return verdict;
    }
    remove_pixels(file.data);
    return write(out, out_len, file.data);
}

/* ---- a derived object ---- */

/* Text of any number of values, also of unknown representation (UN), or "". */
std::string text(DcmItem *item, const DcmTagKey &key)
{
    OFString value;
    DcmElement *element = nullptr;
    Uint8 *bytes = nullptr;
    if (item->findAndGetElement(key, element).good() && element->getVR() == EVR_UN &&
        element->getUint8Array(bytes).good() && bytes != nullptr) {
        const std::string raw(reinterpret_cast<const char *>(bytes), element->getLength());
        return raw.substr(0, raw.find_last_not_of(std::string(" \0", 2)) + 1);
    }
    return item->findAndGetOFStringArray(key, value).good() ? value.c_str() : "";
}

bool put_text(DcmItem *item, const DcmTagKey &key, const std::string &value)
{
    return item->putAndInsertString(key, value.c_str()).good();
}

/* One more value behind those that an earlier compression left. */
bool append_text(DcmItem *item, const DcmTagKey &key, const std::string &value)
{
    const std::string before = text(item, key);
    return put_text(item, key, before.empty() ? value : before + "\\" + value);
}

bool put_code(DcmItem *item, const DcmTagKey &sequence, const char *value, const char *meaning)
{
    DcmItem *code = nullptr;
    return item->findOrCreateSequenceItem(sequence, code, -2).good() &&
           put_text(code, DCM_CodeValue, value) &&
           put_text(code, DCM_CodingSchemeDesignator, "DCM") &&
           put_text(code, DCM_CodeMeaning, meaning);
}

bool put_source(DcmDataset *data, const std::string &object_class, const std::string &object)
{
    DcmItem *source = nullptr;
    return data->findOrCreateSequenceItem(DCM_SourceImageSequence, source, -2).good() &&
           put_text(source, DCM_ReferencedSOPClassUID, object_class) &&
           put_text(source, DCM_ReferencedSOPInstanceUID, object) &&
           put_code(source, DCM_PurposeOfReferenceCodeSequence, "121320",
                    "Uncompressed predecessor");
}

/* An enhanced object names, in one place, what of its study it refers to; PS3.3 C.12.2 [DICOM]. */
bool put_series(DcmDataset *data, const std::string &object_class, const std::string &object)
{
    DcmItem *series = nullptr, *instance = nullptr;
    if (!data->tagExists(DCM_SharedFunctionalGroupsSequence)) {
        return true;
    }
    return data->findOrCreateSequenceItem(DCM_ReferencedSeriesSequence, series, -2).good() &&
           put_text(series, DCM_SeriesInstanceUID, text(data, DCM_SeriesInstanceUID)) &&
           series->findOrCreateSequenceItem(DCM_ReferencedInstanceSequence, instance, -2).good() &&
           put_text(instance, DCM_ReferencedSOPClassUID, object_class) &&
           put_text(instance, DCM_ReferencedSOPInstanceUID, object);
}

/* How an enhanced MR image was taken: of an image that is ORIGINAL or MIXED only; PS3.3 C.8.13.3
 * and C.8.13.4 [DICOM]. */
void remove_acquisition(DcmDataset *data)
{
    if (text(data, DCM_SOPClassUID) != UID_EnhancedMRImageStorage &&
        text(data, DCM_SOPClassUID) != UID_EnhancedMRColorImageStorage) {
        return;
    }
    for (const DcmTagKey &key : {DCM_BulkMotionCompensationTechnique,
                                 DCM_BulkMotionSignalSource,
                                 DCM_PulseSequenceName,
                                 DCM_MRAcquisitionType,
                                 DCM_EchoPulseSequence,
                                 DCM_MultipleSpinEcho,
                                 DCM_MultiPlanarExcitation,
                                 DCM_PhaseContrast,
                                 DCM_VelocityEncodingAcquisitionSequence,
                                 DCM_TimeOfFlightContrast,
                                 DCM_ArterialSpinLabelingContrast,
                                 DCM_SteadyStatePulseSequence,
                                 DCM_EchoPlanarPulseSequence,
                                 DCM_SaturationRecovery,
                                 DCM_SpectrallySelectedSuppression,
                                 DCM_OversamplingPhase,
                                 DCM_GeometryOfKSpaceTraversal,
                                 DCM_RectilinearPhaseEncodeReordering,
                                 DCM_SegmentedKSpaceTraversal,
                                 DCM_CoverageOfKSpace,
                                 DCM_NumberOfKSpaceTrajectories}) {
        remove(data, key);
    }
}

/* DERIVED, and the other values as they were. */
std::string image_type(const std::string &before)
{
    const size_t first = before.find('\\');
    return "DERIVED" + (first == std::string::npos ? "\\SECONDARY" : before.substr(first));
}

/* The same of the frames of an enhanced object, each of which has a type of its own. */
void mark_frames(DcmDataset *data)
{
    DcmStack found;
    while (data->nextObject(found, OFTrue).good()) {
        if (found.top()->getTag() == DCM_FrameType) {
            OFString before;
            auto *element = dynamic_cast<DcmElement *>(found.top());
            if (element != nullptr && element->getOFStringArray(before).good()) {
                (void)element->putString(image_type(before.c_str()).c_str());
            }
        }
    }
}

bool mark(DcmDataset *data, const mv_dicom_derivation &d)
{
    const std::string object_class = text(data, DCM_SOPClassUID);
    const std::string object = text(data, DCM_SOPInstanceUID);
    const std::string before = text(data, DCM_DerivationDescription);
    char ratio[17];
    (void)snprintf(ratio, sizeof ratio, "%.6g", d.ratio);
    mark_frames(data);
    remove_acquisition(data);
    return (object.empty() || object_class.empty() ||
            (put_text(data, DCM_SOPClassUID, object_class) &&
             put_source(data, object_class, object) && put_series(data, object_class, object))) &&
           put_text(data, DCM_SOPInstanceUID, d.uid) &&
           put_text(data, DCM_ImageType, image_type(text(data, DCM_ImageType))) &&
           put_text(data, DCM_LossyImageCompression, "01") &&
           append_text(data, DCM_LossyImageCompressionRatio, ratio) &&
           append_text(data, DCM_LossyImageCompressionMethod, d.method) &&
           put_text(data, DCM_DerivationDescription,
                    (before.empty() ? "" : before.substr(0, 500) + "; ") + d.description) &&
           put_code(data, DCM_DerivationCodeSequence, "113040", "Lossy Compression");
}

/* Colour has become RGB by the pixel. */
bool describe_colour(DcmDataset *data)
{
    for (const DcmTagKey &key :
         {DCM_RedPaletteColorLookupTableDescriptor, DCM_GreenPaletteColorLookupTableDescriptor,
          DCM_BluePaletteColorLookupTableDescriptor, DCM_RedPaletteColorLookupTableData,
          DCM_GreenPaletteColorLookupTableData, DCM_BluePaletteColorLookupTableData,
          DCM_SegmentedRedPaletteColorLookupTableData,
          DCM_SegmentedGreenPaletteColorLookupTableData,
          DCM_SegmentedBluePaletteColorLookupTableData, DCM_PaletteColorLookupTableUID,
          DCM_PixelPaddingValue, DCM_PixelPaddingRangeLimit}) {
        remove(data, key);
    }
    return put_text(data, DCM_PhotometricInterpretation, "RGB") &&
           data->putAndInsertUint16(DCM_PlanarConfiguration, 0).good();
}

bool describe_samples(DcmDataset *data, const mv_image &image)
{
    const auto allocated = static_cast<Uint16>(8 * mv_sample_size(image.type));
    const auto stored = static_cast<Uint16>(image.bits);
    const bool is_signed =
        image.type == MV_SAMPLE_I8 || image.type == MV_SAMPLE_I16 || image.type == MV_SAMPLE_I32;
    return data->putAndInsertUint16(DCM_SamplesPerPixel, static_cast<Uint16>(image.channels))
               .good() &&
           (image.channels == 1 || describe_colour(data)) &&
           data->putAndInsertUint16(DCM_Rows, static_cast<Uint16>(image.height)).good() &&
           data->putAndInsertUint16(DCM_Columns, static_cast<Uint16>(image.width)).good() &&
           data->putAndInsertUint16(DCM_BitsAllocated, allocated).good() &&
           data->putAndInsertUint16(DCM_BitsStored, stored).good() &&
           data->putAndInsertUint16(DCM_HighBit, static_cast<Uint16>(stored - 1)).good() &&
           data->putAndInsertUint16(DCM_PixelRepresentation, is_signed).good();
}

/* Native words, 32-bit ones as two halves, which DCMTK puts in the order of the file. */
bool put_samples(DcmDataset *data, const mv_image &image)
{
    const size_t bytes = mv_image_sample_count(&image) * mv_sample_size(image.type);
    if (mv_sample_size(image.type) == 1) {
        return data
            ->putAndInsertUint8Array(DCM_PixelData, static_cast<const Uint8 *>(image.sample),
                                     static_cast<unsigned long>(bytes))
            .good();
    }
    return data
        ->putAndInsertUint16Array(DCM_PixelData, static_cast<const Uint16 *>(image.sample),
                                  static_cast<unsigned long>(bytes / 2))
        .good();
}

/* Whether header and samples can be one object: no masks of one bit, no floats; same size. */
bool belongs(DcmDataset *data, const mv_image &image)
{
    Sint32 frames = 1;
    Uint16 rows = 0, columns = 0;
    if (data->findAndGetSint32(DCM_NumberOfFrames, frames).bad()) {
        frames = 1; /* not there: DCMTK has set it to 0 */
    }
    (void)data->findAndGetUint16(DCM_Rows, rows);
    (void)data->findAndGetUint16(DCM_Columns, columns);
    return image.bits > 1 && image.width == columns && image.height == rows && frames > 0 &&
           image.depth == static_cast<uint32_t>(frames);
}

mv_dicom_verdict derive(uint8_t *out, size_t *out_len, const uint8_t *bytes, size_t len,
                        const mv_dicom_derivation &d)
{
    File file;
    OFString modality;
    const mv_dicom_verdict verdict = mv_dicom::open_file(file, bytes, len);
    if (verdict != MV_DICOM_OK) {
        return verdict;
    }
    (void)file.data->findAndGetOFString(DCM_Modality, modality);
    if (modality == "MG") {
        return MV_DICOM_MAMMOGRAM;
    }
    if (!belongs(file.data, *d.image)) {
        return MV_DICOM_OTHER;
    }
    remove_pixels(file.data);
    if (!mark(file.data, d) || !describe_samples(file.data, *d.image) ||
        !put_samples(file.data, *d.image)) {
        return MV_DICOM_DAMAGED;
    }
    return write(out, out_len, file.data);
}

} // namespace

mv_dicom_verdict mv_dicom_strip(uint8_t *out, size_t *out_len, const uint8_t *bytes, size_t len)
{
    try {
        return strip(out, out_len, bytes, len);
    } catch (const std::bad_alloc &) {
        return MV_DICOM_MEMORY;
    } catch (...) {
        return MV_DICOM_DAMAGED;
    }
}

mv_dicom_verdict mv_dicom_derive(uint8_t *out, size_t *out_len, const uint8_t *bytes, size_t len,
                                 const mv_dicom_derivation *derivation)
{
    try {
        return derive(out, out_len, bytes, len, *derivation);
    } catch (const std::bad_alloc &) {
        return MV_DICOM_MEMORY;
    } catch (...) {
        return MV_DICOM_DAMAGED;
    }
}
