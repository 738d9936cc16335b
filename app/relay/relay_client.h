/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_client.h: who is asking, as far as the network tells, and how often. Kept in memory only.
 */
#ifndef MV_RELAY_CLIENT_H
#define MV_RELAY_CLIENT_H

#include "relay.h"

#include <sys/socket.h>

#define RELAY_CLIENT_LEN 16

/* relay_client_of: the peer's address, or, behind a trusted proxy, the last address of
 * X-Forwarded-For that is not itself a trusted proxy's; what is no address counts as the peer. */
void relay_client_of(uint8_t out[RELAY_CLIENT_LEN], const relay_config *config,
                     const struct sockaddr *peer, const char *forwarded_for);
bool relay_nets_hold(const relay_nets *nets, const uint8_t address[RELAY_CLIENT_LEN]);

/* Tokens per client (an IPv4 address, an IPv6 /64): each request takes one, a minute brings
 * per_minute. Safe for threads. */
typedef struct relay_rates relay_rates;
MV_MUST_CHECK mv_status relay_rates_new(relay_rates **out, unsigned per_minute);
void relay_rates_free(relay_rates **rates);
/* relay_rates_take: 0, or after how many seconds to ask again. */
unsigned relay_rates_take(relay_rates *rates, const uint8_t client[RELAY_CLIENT_LEN],
                          double now_ms);

#endif
