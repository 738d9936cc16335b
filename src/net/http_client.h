/* SPDX-License-Identifier: Apache-2.0
 *
 * http_client.h: requests to one relay over one kept connection, TLS 1.3 with the relay's key
 * pinned. This is all of libcurl that the rest of the project sees. No retries here: one call, one
 * try.
 */
#ifndef MV_NET_HTTP_CLIENT_H
#define MV_NET_HTTP_CLIENT_H

#include "net/rate.h"
#include "wire/messages.h"

#include <stdbool.h>

typedef struct mv_http_client mv_http_client; /* one thread at a time */

typedef struct mv_http_client_opts {
    unsigned connect_timeout_ms;
    unsigned
        idle_timeout_ms; /* without a byte in either direction; there is no limit on the whole */
    mv_progress progress;
    mv_rate *rate; /* shared with other clients; NULL: as fast as it goes */
} mv_http_client_opts;

MV_MUST_CHECK mv_status mv_http_client_new(mv_http_client **out, const mv_address *address,
                                           const mv_http_client_opts *opts, mv_error *err);
void mv_http_client_free(mv_http_client **client);
double mv_http_client_round_trip_ms(const mv_http_client *client); /* 0: not yet known */

/* mv_http_client_wake: from another thread: a call that waits asks for its progress now. */
void mv_http_client_wake(mv_http_client *client);

/* One request and what came back. Zero-initialise; clear with mv_http_call_clear. */
typedef struct mv_http_call {
    const char *method, *target;
    const char *authorization; /* header values, or NULL */
    const char *range;
    const char *if_none_match;
    bool has_body;       /* body_len bytes follow the headers: */
    bool is_part;        /* of an upload that the relay has room for: sent without asking */
    const uint8_t *body; /* in memory, or NULL: */
    int body_fd;         /* in this file, from body_offset on */
    uint64_t body_offset, body_len;
    /* Where the bytes of a 200 or 206 go; NULL: into reply. A status other than MV_OK stops the
     * call and is what it returns; the sink says why in its own err. */
    mv_status (*sink)(void *user, int status, const uint8_t *bytes, size_t len);
    void *sink_user;
    size_t reply_max;  /* bytes of the reply; 0: MV_MESSAGE_MAX */
    const char *stage; /* for the progress */
    uint64_t stage_done,
        stage_total; /* bytes before this call, bytes in all; total 0: no progress */

    int status;     /* HTTP */
    bool answered;  /* the relay was reached and gave a status line */
    bool has_nonce; /* the reply brought a nonce for the next proof */
    uint8_t nonce[MV_NONCE_LEN];
    unsigned retry_after_s; /* the relay asks to be left alone for so long; 0: it does not */
    uint64_t moved;         /* bytes of the body sent or received */
    mv_buffer reply;        /* at most reply_max bytes */
} mv_http_call;

/* mv_http_client_do: MV_OK for every complete reply, whatever its status.
 * errors: MV_E_NOT_FOUND (nobody answers there), MV_E_AUTH (another key than the address names),
 * MV_E_NETWORK (broken or silent connection), MV_E_INTERRUPTED and others from the progress or
 * sink, MV_E_IO (the body cannot be read), MV_E_LIMIT (a reply too large) */
MV_MUST_CHECK mv_status mv_http_client_do(mv_http_client *client, mv_http_call *call,
                                          mv_error *err);
void mv_http_call_clear(mv_http_call *call);

#endif
