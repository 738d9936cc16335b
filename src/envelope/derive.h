/* SPDX-License-Identifier: Apache-2.0
 *
 * derive.h: the one way in which medveil makes keys and hashes from other bytes.
 *
 *     derive(key, label, parts) = BLAKE2b-256, keyed with key, of  label || 0x00 || parts in order
 *     hash(label, parts)        = the same without a key
 *
 * Labels contain no zero byte, so no label with its parts is the beginning of another. Every part
 * but the last has a fixed length under its label. docs/formats lists all labels.
 */
#ifndef MV_ENVELOPE_DERIVE_H
#define MV_ENVELOPE_DERIVE_H

#include <stddef.h>
#include <stdint.h>

#define MV_KEY_LEN  32
#define MV_HASH_LEN 32

typedef struct mv_part {
    const uint8_t *bytes;
    size_t len;
} mv_part;

/* mv_derive: key MV_KEY_LEN bytes, or NULL for the plain hash. time: depends on lengths only. */
void mv_derive(uint8_t out[MV_HASH_LEN], const uint8_t *key, const char *label, const mv_part *part,
               size_t part_count);

#endif
