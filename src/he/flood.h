/* SPDX-License-Identifier: Apache-2.0
 *
 * flood.h: making a result tell nothing but its message, to the very holder of the key.
 *
 * Who decrypts c = W c' with plain secret W sees more than W m: the noise W e and the polynomial
 * W c1 give W away. Flooding adds an encryption of zero under the public key, after which c1 looks
 * uniform (RLWE), and to c0 uniform noise 2^bits times wider than anything that the noise can be.
 * Two results of one message then differ, in what the key holder can see, by a statistical distance
 * of at most 2^-bits for each coefficient, besides the RLWE assumption; and noise that is random
 * and wide tells nobody who sees decrypted results anything about the key (the IND-CPA-D setting
 * [LM21]). The message must be all that may be known: coefficients and slots that are not part of
 * the answer have to be masked by random numbers before.
 */
#ifndef MV_HE_FLOOD_H
#define MV_HE_FLOOD_H

#include "medveil/he.h"

#define MV_FLOOD_BITS 40

/* mv_he_flood: BFV. errors: MV_E_NOISE (no room for that much), MV_E_UNSUPPORTED, MV_E_MISMATCH,
 * MV_E_RANDOM; out, which may be a, is then empty */
MV_MUST_CHECK mv_status mv_he_flood(mv_he_work *work, mv_cipher *out, const mv_cipher *a,
                                    const mv_he_public *key, unsigned bits);

#endif
