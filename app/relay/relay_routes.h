/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_routes.h: what the relay does with each request.
 */
#ifndef MV_RELAY_ROUTES_H
#define MV_RELAY_ROUTES_H

#include "net/http_server.h"
#include "relay.h"
#include "relay_policy.h"
#include "store/archive.h"

/* What all requests share; borrowed by the application for the life of the server. */
typedef struct relay_service {
    const relay_config *config;
    mv_archive *archive;
    relay_policy *policy;
    FILE *log; /* NULL: none */
} relay_service;

mv_http_app relay_app(relay_service *service);

#endif
