/* SPDX-License-Identifier: Apache-2.0
 *
 * dicom_syntax.cc: asking DCMTK's registered decoders. OpenJPEG's share (JPEG 2000, HTJ2K) is
 * stated here as dicom_shim.cc uses it.
 */
#include "image/dicom_syntax.h"

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dccodec.h>
#include <dcmtk/dcmdata/dcxfer.h>

#include <cstring>

namespace
{

/* Younger than this DCMTK. */
const char *const htj2k[] = {"1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202",
                             "1.2.840.10008.1.2.4.203"};
const size_t htj2k_count = sizeof htj2k / sizeof htj2k[0];
const size_t known_count = EXS_DeflatedLittleEndianExplicit + 64;

/* The i-th that this DCMTK knows, or an empty text. */
const char *known(size_t i)
{
    const DcmXfer xfer(static_cast<E_TransferSyntax>(i));
    return xfer.getXfer() == EXS_Unknown ? "" : xfer.getXferID();
}

} // namespace

const char *mv_dicom_syntax_at(size_t i)
{
    size_t seen = 0;
    for (size_t at = 0; at < known_count; at++) {
        if (known(at)[0] != '\0' && seen++ == i) {
            return known(at);
        }
    }
    return i < seen + htj2k_count ? htj2k[i - seen] : nullptr;
}

bool mv_dicom_syntax_is_read(const char *uid)
{
    for (const char *one : htj2k) {
        if (strcmp(one, uid) == 0) {
            return true;
        }
    }
    const DcmXfer xfer(uid);
    if (xfer.getXfer() == EXS_JPEG2000 || xfer.getXfer() == EXS_JPEG2000LosslessOnly) {
        return true;
    }
    const bool elsewhere = xfer.isReferenced(); /* JPIP: the pixels are on a server */
    return xfer.getXfer() != EXS_Unknown && !elsewhere &&
           (!xfer.isEncapsulated() ||
            DcmCodecList::canChangeCoding(xfer.getXfer(), EXS_LittleEndianExplicit));
}
