/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_wait.h: lists that were asked for with wait: they are answered when something has arrived
 * or their time is over. They sleep without a thread of their own.
 */
#ifndef MV_RELAY_WAIT_H
#define MV_RELAY_WAIT_H

#include "net/http_server.h"
#include "wire/route.h"

typedef struct relay_waits relay_waits; /* safe for threads */

/* answer sets the reply of a sleeping exchange: last false: only when there is something to tell;
 * returns whether it did. Called in a thread of the waits. */
typedef bool (*relay_wait_answer)(void *user, mv_http_exchange *x, bool last);

MV_MUST_CHECK mv_status relay_waits_new(relay_waits **out, relay_wait_answer answer, void *user);
void relay_waits_free(relay_waits **waits);

void relay_waits_add(relay_waits *waits, mv_http_exchange *x, const mv_mailbox *mailbox,
                     unsigned wait_s);
void relay_waits_arrived(relay_waits *waits, const mv_mailbox *mailbox);
void relay_waits_end(relay_waits *waits); /* answers all, and from now on each at once */

#endif
