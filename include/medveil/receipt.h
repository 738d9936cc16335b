/* SPDX-License-Identifier: Apache-2.0
 *
 * receipt.h: what a recipient signs when a sealed file has arrived.
 *
 * A receipt names the sealed bytes by hash and length, says how many of the files inside are
 * bit-identical to what the sender sealed, when, and whom the envelope named as its sender. The
 * recipient's identity signs it. Because it names the very bytes, a receipt for one file proves
 * nothing about another, and an old one nothing new. On its way it is sealed to the sender, always
 * to the same length, so that a relay learns from it no more than that the file was fetched.
 * docs/formats/wire.md has every byte.
 */
#ifndef MEDVEIL_RECEIPT_H
#define MEDVEIL_RECEIPT_H

#include "medveil/keys.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MV_RECEIPT_LEN        152
#define MV_RECEIPT_SEALED_LEN 1288

typedef struct mv_receipt {
    uint8_t file[32]; /* BLAKE2b-256 of the sealed bytes */
    uint64_t len;     /* of the sealed bytes */
    uint32_t members; /* files inside */
    uint32_t identical;
    uint64_t time_s;                  /* seconds since 1970-01-01, by the recipient's clock */
    uint8_t sender[MV_CARD_SIGN_LEN]; /* signing key that the envelope names */
} mv_receipt;

/* mv_receipt_make: signed by the recipient. errors: MV_E_INTERNAL */
MV_API MV_MUST_CHECK mv_status mv_receipt_make(uint8_t out[MV_RECEIPT_LEN],
                                               const mv_receipt *receipt,
                                               const mv_identity *recipient);

/* mv_receipt_check: what it says, if the owner of this card has signed it. errors: MV_E_AUTH,
 * MV_E_FORMAT; *out is then zero */
MV_API MV_MUST_CHECK mv_status mv_receipt_check(mv_receipt *out,
                                                const uint8_t bytes[MV_RECEIPT_LEN],
                                                const mv_card *recipient);

/* For the way: sealed to the sender's card, opened with the sender's identity.
 * errors: MV_E_RANGE (the card's key), MV_E_RANDOM; MV_E_AUTH. Outputs are zero on error. */
MV_API MV_MUST_CHECK mv_status mv_receipt_seal(uint8_t out[MV_RECEIPT_SEALED_LEN],
                                               const uint8_t bytes[MV_RECEIPT_LEN],
                                               const mv_card *sender);
MV_API MV_MUST_CHECK mv_status mv_receipt_open(uint8_t bytes[MV_RECEIPT_LEN],
                                               const uint8_t sealed[MV_RECEIPT_SEALED_LEN],
                                               const mv_identity *sender);

#ifdef __cplusplus
}
#endif
#endif
