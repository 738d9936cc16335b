/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_routes.h: what the relay does with each request.
 */
#ifndef MV_RELAY_ROUTES_H
#define MV_RELAY_ROUTES_H

#include "net/http_server.h"
#include "relay.h"
#include "relay_client.h"
#include "relay_gallery.h"
#include "relay_metrics.h"
#include "relay_policy.h"
#include "relay_wait.h"
#include "store/archive.h"
#include "store/audit.h"

#include <stdatomic.h>

/* What all requests share; borrowed by the application for the life of the server. */
typedef struct relay_service {
    const relay_config *config;
    mv_archive *archive;
    relay_policy *policy;
    relay_rates *rates;
    relay_metrics *metrics;
    relay_waits *waits;
    relay_galleries *galleries; /* NULL: this relay keeps none */
    atomic_uint_least64_t held; /* bytes of bodies for galleries, in memory */
    mv_audit *audit;            /* NULL: none */
    FILE *log;                  /* NULL: none */
    mv_http_server *server;     /* for its number of connections; set once it runs */
    atomic_bool audit_failed;   /* a line was lost: the relay is not ready until it restarts */
    atomic_bool stopping;       /* finishes what is on its way, and takes no new connections */
} relay_service;

mv_http_app relay_app(relay_service *service);

/* relay_answer: for relay_waits_new. */
bool relay_answer(void *user, mv_http_exchange *x, bool last);

/* relay_note: one line of the audit log, if there is one. */
void relay_note(relay_service *service, const char *event, const uint8_t *file, uint64_t bytes);

#endif
