/* SPDX-License-Identifier: Apache-2.0
 *
 * deid_clean.hh: the clean options of PS3.15 Annex E [DICOM-15], for deid_shim.cc and nobody else:
 * what stays of descriptions, of structured content and of pixels.
 */
#ifndef MV_DEID_CLEAN_HH
#define MV_DEID_CLEAN_HH

#include "image/deid_shim.h"

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcdatset.h>

namespace mv_deid
{

/* Words of deid_words.inc stay, in their order; false: none is left, or nobody can tell words apart
 * (a character set with escapes, no text). */
bool clean_words(DcmElement &element);

/* Whether a content item (PS3.3 C.17.3) may stay before its own elements are looked at: a code of a
 * public scheme, a number, coordinates, a reference, or a container. Age and sex only with the
 * patient's characteristics. */
bool may_stay(DcmItem &item, unsigned keep);

/* rows, columns and pixels_len of the facts */
void measure_pixels(mv_deid_facts *facts, DcmDataset &data);

/* The rectangles of the plan black in every frame, compression undone; syntax: how it is written
 * now. */
mv_dicom_verdict blank_pixels(DcmDataset &data, E_TransferSyntax &syntax, const mv_deid_plan &plan);

} // namespace mv_deid

#endif
