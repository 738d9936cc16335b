/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_streams.h: the routes of live streams.
 */
#ifndef MV_RELAY_STREAMS_H
#define MV_RELAY_STREAMS_H

#include "net/http_server.h"
#include "wire/route.h"

#include <stdbool.h>

/* Each sets the reply, or has the exchange sleep until there is one. */
void relay_stream_begin(mv_http_exchange *x);      /* POST M/streams */
void relay_stream_begin_part(mv_http_exchange *x); /* PUT of bytes, at its headers */
void relay_stream_end_part(mv_http_exchange *x);   /* and when they are all there */
void relay_stream_state(mv_http_exchange *x);      /* GET /v1/streams/{stream} */
void relay_stream_end(mv_http_exchange *x);        /* POST to it */
void relay_stream_cancel(mv_http_exchange *x);     /* DELETE of it */

/* The owner's: false when there is nothing to tell and is_last is not set: then there is no reply
 * yet. */
bool relay_stream_list(mv_http_exchange *x, bool is_last);
bool relay_stream_bytes(mv_http_exchange *x, bool is_last);
void relay_stream_wait(void *user, mv_http_exchange *x); /* an exchange's later, for both */

/* relay_stream_changed: wakes those that wait for more of this stream. */
void relay_stream_changed(void *service, const uint8_t stream[MV_UPLOAD_ID_LEN],
                          const mv_mailbox *mailbox);

#endif
