/* SPDX-License-Identifier: Apache-2.0
 *
 * mailbox.h: the names under which a relay keeps somebody's mail, a new one each epoch (a week). A
 * tag is the owner's Ed25519 key blinded by a factor that whoever holds the whole card can compute
 * and a relay cannot: to the relay the tags of two epochs, and the keys that open them, are
 * unrelated. Only the owner can sign under a tag. docs/formats/wire.md, "Mailboxes".
 */
#ifndef MV_ENVELOPE_MAILBOX_H
#define MV_ENVELOPE_MAILBOX_H

#include "medveil/keys.h"

#define MV_MAILBOX_TAG_LEN 32
#define MV_EPOCH_S         604800 /* seconds of an epoch; epoch 0 began with 1970 */

/* mv_mailbox_tag: the mailbox of the card's owner. errors: MV_E_AUTH (the card's key is not one
 * that an owner can have made) */
MV_MUST_CHECK mv_status mv_mailbox_tag(uint8_t tag[MV_MAILBOX_TAG_LEN], const mv_card *card,
                                       uint32_t epoch);

/* mv_mailbox_sign: a signature [RFC8032] that verifies under the identity's own tag of this epoch.
 * errors: as above, MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_mailbox_sign(uint8_t signature[64], const mv_identity *identity,
                                        uint32_t epoch, const uint8_t *msg, size_t len);

#endif
