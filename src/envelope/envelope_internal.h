/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope_internal.h: the part of sealing below the choice of random bytes, for mv_sealer_new and
 * for tests that need the same envelope twice; and what collections need of both sides.
 */
#ifndef MV_ENVELOPE_INTERNAL_H
#define MV_ENVELOPE_INTERNAL_H

#include "container.h"
#include "envelope_manifest.h"

/* Everything random in an envelope but the seeds of HE ciphertexts, which mv_pack_encrypt draws
 * itself. In mv_secret memory, drawn from the operating system by mv_sealer_new and nowhere else in
 * the product; used for one envelope only. */
typedef struct mv_seal_secrets {
    uint8_t envelope_key[MV_KEY_LEN];
    uint8_t collection_key[MV_KEY_LEN];
    uint8_t coins[MV_ENVELOPE_RECIPIENTS_MAX][MV_XWING_COINS_LEN]; /* per wrap */
} mv_seal_secrets;

/* mv_sealer_new_with: as mv_sealer_new, but with these secrets; opts->collection_key is not looked
 * at. */
MV_MUST_CHECK mv_status mv_sealer_new_with(mv_sealer **out, const mv_seal_opts *opts,
                                           const mv_seal_secrets *secrets, mv_error *err);

/* mv_sealer_collection: the envelope is a collection's: no members, these holders (copied).
 * errors: MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_sealer_collection(mv_sealer *sealer, uint32_t generation,
                                             const mv_card *holder, size_t holder_count);

/* mv_collection_id: derive(collection key, "medveil 1 collection id"), public. */
void mv_collection_id(uint8_t out[MV_COLLECTION_ID_LEN],
                      const uint8_t collection_key[MV_COLLECTION_KEY_LEN]);

/* mv_collection_public_he: its HE public key of this set, or NULL. */
const mv_he_public *mv_collection_public_he(const mv_collection_public *key, const mv_he_set *set);

/* How an embedding is packed: value + 128 in 8 bits. */
mv_pack_shape mv_embedding_shape(mv_he_form form);

/* Of a compact image as a ciphertext. */
#define MV_COMPACT_HE_MAX ((size_t)1 << 26)
mv_pack_shape mv_compact_shape(size_t len, mv_he_form form);

/* mv_opener_ciphertext: the features of member i as they are inside, inspected, and the id of their
 * key. errors: as mv_opener_info */
MV_MUST_CHECK mv_status mv_opener_ciphertext(mv_buffer *out, uint8_t id[MV_COLLECTION_ID_LEN],
                                             mv_opener *o, size_t i, mv_error *err);

const mv_manifest *mv_opener_manifest(const mv_opener *opener);   /* borrowed */
const uint8_t *mv_opener_collection_key(const mv_opener *opener); /* borrowed; secret */

#endif
