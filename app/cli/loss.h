/* SPDX-License-Identifier: Apache-2.0
 *
 * loss.h: the record of what a picture lost (medveil/fidelity.h), for encrypt, decrypt and inspect.
 */
#ifndef MV_CLI_LOSS_H
#define MV_CLI_LOSS_H

#include "compact.h"
#include "medveil/envelope.h"
#include "medveil/fidelity.h"

#include <jansson.h>

/* Zero-initialise. Of one image. */
typedef struct loss {
    mv_fidelity record;
    bool there;
} loss;

/* loss_of: rebuild what will travel, the compact form where there is one, else the features, as the
 * receiver will, and compare it with image (resized as codec says). model made the features; head
 * and model score both pictures, unless head is NULL or cannot (then without scores). A compact
 * picture is judged by its networks. */
MV_MUST_CHECK mv_status loss_of(loss *out, const compact *c, const mv_code *code,
                                const mv_model *model, const mv_head *head, const mv_image *image,
                                const mv_codec_opts *codec, mv_error *err);

/* loss_read: what the sender says of member i; out->there is false when he says nothing. */
MV_MUST_CHECK mv_status loss_read(loss *out, mv_opener *opener, size_t i, mv_error *err);

/* One or two sentences without a final stop: "PSNR 45.2 dB, ..." */
enum { LOSS_TEXT_SIZE = 400 };
void loss_text(char out[LOSS_TEXT_SIZE], const mv_fidelity *record);
json_t *loss_json(const loss *l); /* an object, or null */

#endif
