/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope_manifest.h: the manifest: what the members are, who else was told, which collection
 * opens the features, and of a collection its generation and holders. CBOR, its fields in
 * docs/formats/mv.md, section "Manifest".
 */
#ifndef MV_ENVELOPE_MANIFEST_H
#define MV_ENVELOPE_MANIFEST_H

#include "base/bytes.h"
#include "container.h"

typedef struct mv_manifest {
    mv_member *member; /* owned */
    size_t count, cap;
    bool archived; /* archive is set */
    uint8_t archive[MV_CARD_ID_LEN];
    bool outside; /* features are under the public key of the collection with this id: */
    uint8_t collection_id[MV_COLLECTION_ID_LEN];
    uint32_t generation; /* of a collection, which has no members; 0: no collection */
    mv_card *holder;     /* owned; holder_count of them, at least one in a collection */
    size_t holder_count;
} mv_manifest;

enum { MV_SECTION_EMBEDDING = 1 }; /* kind of a further section: head hash 32 | ciphertext */

void mv_manifest_clear(mv_manifest *manifest); /* wipes and frees */

/* mv_manifest_grow: room for one more member, which is zero; *out is it, borrowed until the next
 * call. errors: MV_E_MEMORY, MV_E_LIMIT */
MV_MUST_CHECK mv_status mv_manifest_grow(mv_manifest *manifest, mv_member **out);

/* mv_manifest_write: errors: MV_E_ARGUMENT (file names), MV_E_RANGE (a number is not finite),
 * MV_E_LIMIT (too long), MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_manifest_write(mv_buffer *out, const mv_manifest *manifest,
                                          mv_error *err);

/* mv_manifest_read: every field validated, descriptions by mv_code_expect, holders' signatures.
 * owner: clear *out; it is empty on error.
 * errors: MV_E_FORMAT, MV_E_TRUNCATED, MV_E_RANGE, MV_E_LIMIT, MV_E_AUTH (a holder's card) */
MV_MUST_CHECK mv_status mv_manifest_read(mv_manifest *out, const uint8_t *bytes, size_t len,
                                         mv_error *err);

/* mv_member_exact_len: plaintext bytes of the original's section. */
static inline uint64_t mv_member_exact_len(const mv_member *member)
{
    return member->exact_coding != 0 ? member->coded_len : member->exact_len;
}

/* mv_member_has_image: there is something of it: the original, features or a compact image. */
static inline bool mv_member_has_image(const mv_member *member)
{
    return member->exact_kept || member->feature_count != 0 || member->compact_len != 0;
}

/* mv_file_name_valid: UTF-8, plain names with '/' between them: each of 1 to 255 bytes, without
 * backslash and control characters, not "." or ".."; or empty as a whole. So a name leads from a
 * folder downwards or stays in it. */
bool mv_file_name_valid(const char *name);

#endif
