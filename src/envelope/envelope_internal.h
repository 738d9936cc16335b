/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope_internal.h: the part of sealing below the choice of random bytes, for mv_envelope_seal
 * and for tests that need the same envelope twice.
 */
#ifndef MV_ENVELOPE_INTERNAL_H
#define MV_ENVELOPE_INTERNAL_H

#include "container.h"

/* Everything random in an envelope but the seeds of HE ciphertexts, which mv_pack_encrypt draws
 * itself. In mv_secret memory, drawn from the operating system by mv_envelope_seal and nowhere else
 * in the product; used for one envelope only. */
typedef struct mv_seal_secrets {
    uint8_t envelope_key[MV_KEY_LEN];
    uint8_t collection_key[MV_KEY_LEN];
    uint8_t ephemeral[MV_ENVELOPE_RECIPIENTS_MAX][MV_KEY_LEN]; /* one per recipient */
} mv_seal_secrets;

/* mv_envelope_seal_with: as mv_envelope_seal, but with these secrets; opts->collection_key is not
 * looked at. */
MV_MUST_CHECK mv_status mv_envelope_seal_with(uint8_t **out, size_t *out_len,
                                              mv_envelope_stats *stats, const mv_content *content,
                                              const mv_seal_opts *opts,
                                              const mv_seal_secrets *secrets, mv_error *err);

#endif
