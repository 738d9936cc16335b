/* SPDX-License-Identifier: Apache-2.0
 *
 * recipients.h: the keys of an envelope wrapped to one recipient.
 *
 *     wrap = X-Wing ciphertext 1120 | ChaCha20-Poly1305(envelope key | collection key) 80
 *
 * Each wrap is a key encapsulation on its own; nothing links two wraps, and none names anybody.
 */
#ifndef MV_ENVELOPE_RECIPIENTS_H
#define MV_ENVELOPE_RECIPIENTS_H

#include "container.h"
#include "identity.h"

/* mv_wrap_seal: coins are fresh random bytes, used for this wrap only. keys->shared and keys->wrap
 * are scratch. errors: MV_E_RANGE (the card's key is unusable); out is then zero */
MV_MUST_CHECK mv_status mv_wrap_seal(uint8_t out[MV_WRAP_LEN], mv_envelope_keys *keys,
                                     const mv_card *recipient,
                                     const uint8_t coins[MV_XWING_COINS_LEN]);

/* mv_wrap_open: both keys into keys; false when the wrap is not this identity's. */
bool mv_wrap_open(mv_envelope_keys *keys, const mv_identity *identity,
                  const uint8_t wrap[MV_WRAP_LEN]);

#endif
