/* SPDX-License-Identifier: Apache-2.0
 *
 * live.h: frames that are sealed, sent, opened and shown as they come.
 *
 * A live stream is a file that grows: a head with the keys wrapped to each recipient, then one
 * record for each frame, then a record that ends it. A frame is JPEG-LS under AEAD, bit for bit
 * what was given; every so many frames an embedding comes along under homomorphic encryption.
 * Records only go forward: each opens in its own place and nowhere else, so that one that is lost,
 * repeated, altered or out of order ends the opening, and a stream without its last record is known
 * to be cut off. When the sender is named, every record carries the sender's signature over all
 * records so far: no other recipient can have made a frame. docs/formats/live.md has every byte.
 *
 * On a relay a stream can be read while it grows, by the owner of its mailbox. Once ended it is a
 * file like any other, with a receipt; medveil/client.h and medveil/queue.h go on from there.
 */
#ifndef MEDVEIL_LIVE_H
#define MEDVEIL_LIVE_H

#include "medveil/envelope.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MV_LIVE_MAGIC          "medlive\x1a" /* what every live stream starts with */
#define MV_LIVE_MAGIC_LEN      8
#define MV_LIVE_SIDE_MAX       8192u
#define MV_LIVE_FRAME_MAX      (32u << 20) /* bytes of a frame's samples */
#define MV_LIVE_RECIPIENTS_MAX 64          /* recipients of one stream at most */

typedef struct mv_live_format {
    uint32_t width, height; /* 1..MV_LIVE_SIDE_MAX */
    uint32_t channels;      /* 1, or 3: by pixel */
    uint32_t bits;          /* 2..16: samples are uint8_t up to 8 bits, else uint16_t */
} mv_live_format;

/* mv_live_samples_len: bytes of a frame; 0 for a format out of range. */
MV_API size_t mv_live_samples_len(const mv_live_format *format);

typedef struct mv_live_frame {
    uint64_t number;               /* from 0 on, without gaps */
    uint64_t time_us;              /* since the start, never going back */
    const void *samples;           /* mv_live_samples_len bytes; borrowed */
    const mv_embedding *embedding; /* NULL: none comes along */
} mv_live_frame;

/* ---- sealing ---- */

typedef struct mv_live_opts {
    const mv_identity *sender; /* NULL: anonymous, and shown so */
    const mv_card *recipient;  /* borrowed while mv_live_sealer_new runs */
    size_t recipient_count;    /* 1..MV_LIVE_RECIPIENTS_MAX */
    mv_live_format format;
    mv_sink sink; /* gets the stream; one call for the head, one for each record */
} mv_live_opts;

typedef struct mv_live_sealer mv_live_sealer; /* one thread at a time */

/* mv_live_sealer_new: writes the head and the first record. The sender is borrowed until the sealer
 * is freed. errors: MV_E_ARGUMENT, MV_E_LIMIT, MV_E_POLICY (a card that is not to be used),
 * MV_E_RANDOM, MV_E_MEMORY, those of the sink */
MV_API MV_MUST_CHECK mv_status mv_live_sealer_new(mv_live_sealer **out, const mv_live_opts *opts,
                                                  mv_error *err);
/* mv_live_seal: the next frame; its number must be that of frames before it, its time not before
 * theirs. errors: MV_E_ARGUMENT, MV_E_RANGE (a sample above its bits, the embedding), MV_E_MEMORY,
 * those of the sink; nothing can follow an error */
MV_API MV_MUST_CHECK mv_status mv_live_seal(mv_live_sealer *sealer, const mv_live_frame *frame,
                                            mv_error *err);
/* mv_live_seal_end: the last record. Nothing can follow. */
MV_API MV_MUST_CHECK mv_status mv_live_seal_end(mv_live_sealer *sealer, uint64_t time_us,
                                                mv_error *err);
MV_API void mv_live_sealer_free(mv_live_sealer **sealer);

/* ---- opening ---- */

/* What is known of a stream that is being opened. */
typedef struct mv_live_info {
    bool started; /* the first record is here: format, sender and started_ms are known */
    bool ended;   /* the last record is here */
    mv_live_format format;
    uint64_t started_ms; /* unix time by the sender's clock */
    mv_sender sender;
    uint64_t frames;  /* opened so far */
    uint64_t time_us; /* of the last record */
} mv_live_info;

typedef struct mv_live_opener mv_live_opener; /* one thread at a time */

typedef struct mv_live_watch {
    /* Called once for each frame, in order, when it is authentic; what it returns ends the opening
     * unless it is MV_OK. The frame is borrowed. */
    mv_status (*frame)(void *user, const mv_live_info *info, const mv_live_frame *frame,
                       mv_error *err);
    void *user;
} mv_live_watch;

/* mv_live_opener_new: identity is borrowed until the opener is freed. */
MV_API MV_MUST_CHECK mv_status mv_live_opener_new(mv_live_opener **out, const mv_identity *identity,
                                                  const mv_live_watch *watch, mv_error *err);
/* mv_live_opener_write: the next bytes of the stream, cut anywhere; opener is the user of a sink.
 * errors: MV_E_FORMAT (no live stream), MV_E_WRONG_KEY (not for this identity), MV_E_AUTH (altered,
 * lost, repeated or out of order, or bytes after the end), MV_E_LIMIT, MV_E_POLICY (no sandbox to
 * decode in), MV_E_MEMORY, those of watch; every later call gives the same */
MV_API MV_MUST_CHECK mv_status mv_live_opener_write(void *opener, const uint8_t *bytes, size_t len,
                                                    mv_error *err);
MV_API const mv_live_info *mv_live_opener_info(const mv_live_opener *opener);
MV_API void mv_live_opener_free(mv_live_opener **opener);

/* mv_live_is_stream: whether the bytes begin like a live stream. */
MV_API bool mv_live_is_stream(const uint8_t *bytes, size_t len);

#ifdef __cplusplus
}
#endif
#endif
