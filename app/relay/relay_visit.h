/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_visit.h: one request on its way through the relay, and how it is answered; for the files
 * that hold the routes.
 */
#ifndef MV_RELAY_VISIT_H
#define MV_RELAY_VISIT_H

#include "relay_bundle.h"
#include "relay_routes.h"

/* One request on its way through; x->state. */
typedef struct relay_visit {
    relay_service *service;
    mv_route route;
    bool known;      /* route is valid */
    bool gets_nonce; /* the reply carries a nonce for the next proof */
    bool has_range;
    mv_byte_range range;
    mv_upload *upload; /* PUT of a file */
    mv_part *part;     /* PUT of a part */
    relay_bundle *bundle;
    mv_buffer body; /* of the routes that take a short one */
    mv_status body_status;
    mv_change change;
    uint64_t received;
} relay_visit;

void relay_reply(mv_http_exchange *x, int status, const char *type, const mv_buffer *body);
void relay_refuse(mv_http_exchange *x, int status, const char *title, uint64_t limit_bytes);

/* relay_refuse_status: the refusal for whatever the archive or a message says went wrong. */
void relay_refuse_status(mv_http_exchange *x, mv_status st);

/* relay_reply_json: a JSON reply, or the refusal for the failure to write one; clears the body. */
void relay_reply_json(mv_http_exchange *x, int status, mv_status st, mv_buffer *body);
void relay_add_nonce(mv_http_exchange *x); /* after mv_http_reply_file */

/* relay_change_later: answers when this change of the route's file or upload has been made. */
void relay_change_later(mv_http_exchange *x, mv_change_kind kind);

/* relay_epoch_is_near: whether anything may be put into a mailbox of this epoch now. */
bool relay_epoch_is_near(uint32_t epoch);

#endif
