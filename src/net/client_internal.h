/* SPDX-License-Identifier: Apache-2.0
 *
 * client_internal.h: what the files of a client share: requests with proofs and retries
 * (client.c), and the single steps of an upload (upload.c), from which the queue makes its own way.
 */
#ifndef MV_NET_CLIENT_INTERNAL_H
#define MV_NET_CLIENT_INTERNAL_H

#include "medveil/client.h"
#include "medveil/envelope.h"
#include "net/http_client.h"

#include <time.h>

#define MV_TRANSFER_LEN_MAX MV_ENVELOPE_LEN_MAX /* of one file */

struct mv_client {
    mv_client_opts opts;
    mv_address address;
    mv_http_client *http;
    mv_card card;     /* of opts.identity */
    mv_epochs epochs; /* asked_ms > 0: as the relay told then */
    double asked_ms;
    uint64_t cursor;             /* the greatest number seen in the mailbox of epochs.now */
    uint8_t nonce[MV_NONCE_LEN]; /* for the next proof */
    bool has_nonce;
    bool signs_uploads;     /* the relay asked for it once */
    bool answered;          /* the relay was reached by the last call */
    unsigned retry_after_s; /* it then asked to be left alone for so long */
    mv_rate own_rate;
    mv_rate *rate; /* own_rate, or one that is shared */
    /* further connections for large downloads, made with the first and kept; opts.streams_max */
    struct download_stream *stream;
};

/* mv_client_make: as mv_client_new, with a limit on the rate that several clients share. */
MV_MUST_CHECK mv_status mv_client_make(mv_client **out, const char *address,
                                       const mv_client_opts *opts, mv_rate *rate, mv_error *err);

/* ---- one request ---- */

MV_MUST_CHECK mv_status mv_client_call(mv_client *c, mv_http_call *call, mv_error *err);

/* mv_client_signed: with the proof of the identity's key of this epoch. */
MV_MUST_CHECK mv_status mv_client_signed(mv_client *c, mv_http_call *call, uint32_t epoch,
                                         mv_error *err);

/* mv_client_upload_call: unsigned, and signed when the relay asks for that. */
MV_MUST_CHECK mv_status mv_client_upload_call(mv_client *c, mv_http_call *call, uint32_t epoch,
                                              mv_error *err);
/* What a status that was not hoped for means. */
MV_MUST_CHECK mv_status mv_client_refused(const mv_client *c, const mv_http_call *call,
                                          mv_error *err);
MV_MUST_CHECK mv_status mv_client_require_identity(const mv_client *c, mv_error *err);

/* mv_client_epochs: which epochs there are, by the relay's clock; asked again after an hour, or
 * when fresh. */
MV_MUST_CHECK mv_status mv_client_epochs(mv_client *c, bool fresh, mv_error *err);
MV_MUST_CHECK mv_status mv_client_mailbox(mv_mailbox *out, mv_client *c, const mv_card *owner,
                                          uint32_t epoch, mv_error *err);

/* mv_client_own_route: a file in the identity's own mailbox, and the request's target. */
MV_MUST_CHECK mv_status mv_client_own_route(mv_route *route, char target[MV_TARGET_MAX],
                                            mv_client *c, mv_route_kind kind,
                                            const mv_client_file *file, mv_error *err);
void mv_download_streams_free(mv_client *c);

/* ---- trying again ---- */

typedef struct mv_retry {
    unsigned left;
    double pause_ms;
} mv_retry;

mv_retry mv_retry_start(const mv_client *c);

/* mv_retry_passes: broken connections and relays that are overloaded or away. */
bool mv_retry_passes(const mv_client *c, mv_status st);

/* After a try that ended in *st: whether to try again, after a pause. Busy and broken connections
 * only; *st may become MV_E_INTERRUPTED. */
bool mv_retry_again(mv_client *c, mv_retry *r, mv_status *st, mv_error *err);

/* mv_client_ask: a signed request without bodies worth resuming; want: the status that is success.
 */
MV_MUST_CHECK mv_status mv_client_ask(mv_client *c, mv_http_call *call, uint32_t epoch, int want,
                                      mv_error *err);

/* ---- the steps of an upload, one try each ---- */

typedef struct mv_outgoing {
    int fd;
    mv_client_file file;
    struct timespec written; /* when its bytes were last changed, as far as the system tells */
} mv_outgoing;

MV_MUST_CHECK mv_status mv_outgoing_open(mv_outgoing *out, const char *path, mv_error *err);
bool mv_outgoing_unchanged(const mv_outgoing *out); /* since it was opened */

/* All: MV_E_POLICY and MV_E_LIMIT are refusals of the file; MV_E_BUSY and MV_E_NETWORK pass. */

MV_MUST_CHECK mv_status mv_send_whole(mv_client *c, const mv_mailbox *mailbox,
                                      const mv_outgoing *file, bool *duplicate, mv_error *err);
MV_MUST_CHECK mv_status mv_send_bundle(mv_client *c, const mv_mailbox *mailbox,
                                       const mv_buffer *body, mv_results *results, mv_error *err);
MV_MUST_CHECK mv_status mv_send_begin(mv_client *c, const mv_mailbox *mailbox,
                                      const mv_client_file *file, mv_ticket *ticket, mv_error *err);
/* mv_send_have: which parts have arrived; *known false: the relay has forgotten this upload. */
MV_MUST_CHECK mv_status mv_send_have(mv_client *c, const uint8_t upload[MV_UPLOAD_ID_LEN],
                                     mv_runs *runs, bool *known, mv_error *err);
MV_MUST_CHECK mv_status mv_send_part(mv_client *c, const uint8_t upload[MV_UPLOAD_ID_LEN], int fd,
                                     const mv_run *part, bool *known, mv_error *err);
MV_MUST_CHECK mv_status mv_send_finish(mv_client *c, const uint8_t upload[MV_UPLOAD_ID_LEN],
                                       bool *known, mv_error *err);

/* mv_send_result: what one status of a bundle's answer means for its file; *st MV_OK also when
 * it was there already. */
MV_MUST_CHECK mv_status mv_send_result(int status, bool *duplicate, mv_error *err);

#endif
