/* SPDX-License-Identifier: Apache-2.0
 *
 * text_likelihood.h: whether letters seem to be burned into the pixels of an image, which could
 * name a patient. A check that errs to both sides: docs/decisions/0015-studies.md has its hit
 * rates.
 */
#ifndef MV_TEXT_LIKELIHOOD_H
#define MV_TEXT_LIKELIHOOD_H

#include "base/status.h"
#include "medveil/image.h"

enum { MV_TEXT_LETTERS = 4 }; /* so many in a row are text */

/* mv_text_letters: the longest row of marks that look like letters on the first, the middle or the
 * last slice: sharp, small, of one height, on one line, near each other. errors: MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_text_letters(uint32_t *out, const mv_image *image);

#endif
