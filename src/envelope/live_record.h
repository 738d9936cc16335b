/* SPDX-License-Identifier: Apache-2.0
 *
 * live_record.h: the bytes of a live stream, as its sealer writes and its opener reads them.
 *
 *     head:    magic 8 | version u16 | wraps u16 | wraps 1200 each | commitment 32
 *     record:  len u32 | ChaCha20-Poly1305 of  content len u32 | content | signature | zeros
 *
 * Nonce: index u64 le | 1 for the last record, else 0 | three zeros; the len is authenticated too.
 * docs/formats/live.md is the specification.
 */
#ifndef MV_ENVELOPE_LIVE_RECORD_H
#define MV_ENVELOPE_LIVE_RECORD_H

#include "base/bytes.h"
#include "container.h"
#include "identity.h"
#include "medveil/live.h"

enum {
    MV_LIVE_VERSION = 1,
    MV_LIVE_HEADER_LEN = 12,
    MV_LIVE_AEAD_LEN = 16,
    MV_LIVE_START_LEN = 24, /* and the card */
    MV_LIVE_FRAME_LEN = 24, /* and the pixels and the embedding */
    MV_LIVE_EMBEDDING_MAX = 4096
};

#define MV_LIVE_CONTENT_MAX (MV_LIVE_FRAME_MAX + MV_LIVE_FRAME_LEN + MV_LIVE_EMBEDDING_MAX)
#define MV_LIVE_RECORD_MAX  (MV_LIVE_CONTENT_MAX + MV_LIVE_CONTENT_MAX / 8)

typedef enum mv_live_kind { MV_LIVE_START, MV_LIVE_FRAME, MV_LIVE_END } mv_live_kind;
typedef enum mv_live_coding { MV_LIVE_RAW, MV_LIVE_JPEGLS } mv_live_coding;

/* What both sides of a stream keep; in mv_secret memory. */
typedef struct mv_live_secret {
    mv_envelope_keys keys;
    uint8_t record_key[MV_KEY_LEN];
} mv_live_secret;

/* The chain over all records so far. */
typedef struct mv_live_chain {
    uint64_t index; /* of the next record */
    uint8_t transcript[MV_HASH_LEN];
} mv_live_chain;

static inline size_t mv_live_head_len(uint32_t wrap_count)
{
    return MV_LIVE_HEADER_LEN + (size_t)MV_WRAP_LEN * wrap_count + MV_COMMITMENT_LEN;
}

/* mv_live_begin: the record key and the chain's start, from the whole head. */
void mv_live_begin(mv_live_secret *secret, mv_live_chain *chain, const uint8_t *head, size_t len);

/* mv_live_extend: the transcript with the next content; index goes up. */
void mv_live_extend(mv_live_chain *chain, const uint8_t *content, size_t len);

/* mv_live_nonce: of the record with this index. */
void mv_live_nonce(uint8_t out[12], uint64_t index, bool last);

/* mv_live_sign_message: what a sender signs: the transcript under a label of its own. */
enum { MV_LIVE_MESSAGE_LEN = 20 + MV_HASH_LEN };
void mv_live_sign_message(uint8_t out[MV_LIVE_MESSAGE_LEN], const mv_live_chain *chain);

bool mv_live_format_valid(const mv_live_format *format);

#endif
