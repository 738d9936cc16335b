/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_metrics.h: numbers about the relay as a whole, in the text form that Prometheus reads. None
 * of them names a mailbox, a file or a client.
 */
#ifndef MV_RELAY_METRICS_H
#define MV_RELAY_METRICS_H

#include "store/archive.h"

typedef struct relay_metrics relay_metrics; /* safe for threads */

typedef struct relay_request_figures {
    mv_route_kind route; /* MV_ROUTE_COUNT: none of ours */
    int status;
    double seconds;
    uint64_t received, sent; /* bytes of bodies */
} relay_request_figures;

MV_MUST_CHECK mv_status relay_metrics_new(relay_metrics **out);
void relay_metrics_free(relay_metrics **metrics);
void relay_metrics_request(relay_metrics *metrics, const relay_request_figures *figures);
void relay_metrics_expired(relay_metrics *metrics, uint64_t files);

MV_MUST_CHECK mv_status relay_metrics_write(mv_buffer *out, relay_metrics *metrics,
                                            const mv_archive_stats *stats, unsigned connections);

#endif
