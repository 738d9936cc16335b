/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_policy.h: who may do what. A nonce is the relay's own statement "given at this time", so
 * that giving one costs no memory: time || random || keyed hash of both, under a secret that lives
 * as long as the process. Only nonces that came back in a valid proof are remembered, until they
 * expire, so that each works once.
 */
#ifndef MV_RELAY_POLICY_H
#define MV_RELAY_POLICY_H

#include "wire/messages.h"

typedef struct relay_policy relay_policy; /* safe for threads */

MV_MUST_CHECK mv_status relay_policy_new(relay_policy **out,
                                         const uint8_t relay_key[MV_RELAY_KEY_LEN],
                                         bool anonymous_send);
void relay_policy_free(relay_policy **policy);

MV_MUST_CHECK mv_status relay_nonce_make(uint8_t nonce[MV_NONCE_LEN], const relay_policy *policy);

/* Who has to prove something. The tag of a mailbox is the key that proofs of its owner verify with.
 */
typedef enum relay_proof_need {
    RELAY_PROOF_NONE,
    RELAY_PROOF_ANYBODY, /* any key will do: senders must sign */
    RELAY_PROOF_OWNER,
    RELAY_PROOF_MEMBER /* of a gallery: its owner, or one of its senders */
} relay_proof_need;

relay_proof_need relay_policy_need(const relay_policy *policy, const char *method,
                                   const mv_route *route);

const uint8_t *relay_policy_owner(const mv_route *route); /* the key of a mailbox, or gallery */

/* relay_policy_check: whether this request may be done, and that once. authorization: the header's
 * value or NULL. sender: the key of the gallery's senders, NULL: there are none. Spends the nonce.
 * errors: MV_E_AUTH for every bad or missing proof, MV_E_BUSY (too many proofs within the life of a
 * nonce) */
MV_MUST_CHECK mv_status relay_policy_check(relay_policy *policy, const char *method,
                                           const char *target, const mv_route *route,
                                           const char *authorization, const uint8_t *sender);

#endif
