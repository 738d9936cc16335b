/* SPDX-License-Identifier: Apache-2.0
 *
 * dicom_syntax.h: which transfer syntaxes there are, for all that DCMTK and we know, and which of
 * them are decoded. docs/conformance.md is held to this list.
 */
#ifndef MV_DICOM_SYNTAX_H
#define MV_DICOM_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

const char *mv_dicom_syntax_at(size_t i); /* its UID; NULL after the last */

/* Whether pixels in this transfer syntax are decoded. After mv_dicom_prepare. */
bool mv_dicom_syntax_is_read(const char *uid);

#ifdef __cplusplus
}
#endif
#endif
