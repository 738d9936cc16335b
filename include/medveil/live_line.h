/* SPDX-License-Identifier: Apache-2.0
 *
 * live_line.h: a live stream (medveil/live.h) from its sender over a relay to its receiver.
 *
 * The sender's frames are sealed into a file on its own disk, and from there, by a thread of their
 * own, to the relay: a line that is slow or away holds up no frame, and loses none. The receiver
 * asks the relay for whatever has come since, which the relay holds back until there is something;
 * it may come late, and starts from the first frame then. When the sender has ended the stream, the
 * relay keeps it as a file until the receiver's receipt.
 */
#ifndef MEDVEIL_LIVE_LINE_H
#define MEDVEIL_LIVE_LINE_H

#include "medveil/client.h"
#include "medveil/live.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MV_LIVE_NAME_LEN 32

/* Told when a line goes away (st, err) and when it is back (MV_OK); may be NULL. */
typedef void (*mv_live_line_changed)(void *user, mv_status st, const mv_error *err);

/* ---- sending ---- */

typedef struct mv_live_sending_opts {
    const char *relay;         /* its address */
    const mv_card *recipient;  /* borrowed for the sending's life */
    const mv_identity *sender; /* borrowed likewise; NULL: anonymous */
    mv_live_format format;
    const char *path;          /* of the file in which the sealed stream is kept; must not exist */
    mv_live_line_changed line; /* called from another thread */
    void *user;
} mv_live_sending_opts;

typedef struct mv_live_sending mv_live_sending; /* one thread at a time */

/* mv_live_sending_new: does not wait for the relay. errors: as mv_live_sealer_new and
 * mv_client_new; MV_E_EXISTS, MV_E_IO (path) */
MV_API MV_MUST_CHECK mv_status mv_live_sending_new(mv_live_sending **out,
                                                   const mv_live_sending_opts *opts, mv_error *err);
/* mv_live_send: seals the frame, has it on its way, and returns. errors: as mv_live_seal, MV_E_IO;
 * what the relay refuses for good (MV_E_POLICY, MV_E_AUTH, ..) */
MV_API MV_MUST_CHECK mv_status mv_live_send(mv_live_sending *sending, const mv_live_frame *frame,
                                            mv_error *err);

/* How far it is. */
typedef struct mv_live_sent {
    uint64_t frames, bytes; /* sealed */
    uint64_t arrived;       /* bytes that the relay has */
    bool stored;            /* all of them, as a file of this name */
    mv_client_file file;
} mv_live_sent;

MV_API void mv_live_sending_look(mv_live_sent *out, mv_live_sending *sending);

/* mv_live_send_end: ends the stream and waits up to so long for the relay to have stored it; MV_OK
 * also when that time is over. The file at path is then complete, on disk, and the caller's.
 * errors: as mv_live_send */
MV_API MV_MUST_CHECK mv_status mv_live_send_end(mv_live_sending *sending, uint64_t time_us,
                                                unsigned wait_ms, mv_live_sent *sent,
                                                mv_error *err);
/* mv_live_sending_free: a stream that has not ended is taken off the relay; path is removed then.
 */
MV_API void mv_live_sending_free(mv_live_sending **sending);

/* ---- receiving ---- */

/* A stream in the mailbox of the client's identity. */
typedef struct mv_live_stream {
    uint8_t name[MV_LIVE_NAME_LEN];
    uint32_t epoch;
    uint64_t seq; /* the mailbox's number of it */
    uint64_t len; /* bytes so far */
} mv_live_stream;

/* mv_live_find: the first live stream with a number above after, waiting up to so many seconds (at
 * most 30) for one. *found false: there was none. */
MV_API MV_MUST_CHECK mv_status mv_live_find(mv_client *client, mv_live_stream *out, bool *found,
                                            uint64_t after, unsigned wait_s, mv_error *err);

/* mv_live_follow: all bytes of the stream into the sink, as they come, until the relay has it as a
 * file, whose hash is checked. A line that breaks is tried again, as long as the client's progress
 * allows. errors: MV_E_NOT_FOUND (its sender gave it up), MV_E_AUTH (other bytes than the file's),
 * MV_E_INTERRUPTED, those of the sink */
MV_API MV_MUST_CHECK mv_status mv_live_follow(mv_client *client, const mv_live_stream *stream,
                                              const mv_sink *sink, mv_client_file *file,
                                              mv_live_line_changed line, void *user, mv_error *err);

#ifdef __cplusplus
}
#endif
#endif
