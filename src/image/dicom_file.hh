/* SPDX-License-Identifier: Apache-2.0
 *
 * dicom_file.hh: a parsed DICOM file, for the C++ files over DCMTK and nobody else.
 */
#ifndef MV_DICOM_FILE_HH
#define MV_DICOM_FILE_HH

#include "image/dicom_shim.h"

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcfilefo.h>

#include <string>

namespace mv_dicom
{

/* How the samples lie in the file, beside what mv_image says of them. */
struct Layout {
    Uint16 allocated = 0, stored = 0, high = 0, planar = 0;
    bool is_signed = false;
    std::string photometric;
    DcmTagKey pixels; /* which of the three pixel elements */
};

struct File {
    DcmFileFormat format;
    DcmDataset bare; /* instead of that in format, where only we know the transfer syntax */
    DcmDataset *data = nullptr;
    E_TransferSyntax syntax = EXS_Unknown; /* of the pixels */
};

mv_dicom_verdict open_file(File &file, const uint8_t *bytes, size_t len);
void read_layout(Layout &layout, DcmDataset *data);

/* A decimal of the image, or of the functional groups that all its frames share. */
bool decimal(double &out, DcmDataset *data, const DcmTagKey &key, unsigned long position);

} // namespace mv_dicom

#endif
