/* SPDX-License-Identifier: Apache-2.0
 *
 * scan_internal.h: what scan.c and scan_upload.c share.
 */
#ifndef MV_HE_SCAN_INTERNAL_H
#define MV_HE_SCAN_INTERNAL_H

#include "he/cipher_internal.h"
#include "he/scan.h"

static inline size_t mv_scan_poly_words(const mv_he_context *c)
{
    return (size_t)c->data_limbs * c->degree;
}

/* errors: MV_E_ARGUMENT, MV_E_UNSUPPORTED (another set's) */
MV_MUST_CHECK mv_status mv_scan_check_work(const mv_he_work *work);

/* The key of a level, 1 to 12, or NULL. */
const mv_he_eval_key *mv_scan_level_key(const mv_he_eval_keys *keys, uint32_t level);

/* mv_scan_turn: the automorphism of key applied to the cipher whose two polynomials lie at node,
 * into work->temp in the same way. */
void mv_scan_turn(mv_he_work *work, const uint64_t *node, const mv_he_eval_key *key);

/* Variance of the noise of an upload, before anything is done with it. */
double mv_scan_upload_noise(void);

#endif
