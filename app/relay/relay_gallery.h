/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_gallery.h: what the relay computes without seeing: galleries of encrypted embeddings, and
 * models that score them. Requests wait in a short line and are done one after the other in a
 * thread of their own, each scan on several threads; two galleries at most are held ready in
 * memory. So what computing takes is bounded however many ask.
 */
#ifndef MV_RELAY_GALLERY_H
#define MV_RELAY_GALLERY_H

#include "relay.h"
#include "store/archive_gallery.h"

typedef enum relay_verb { RELAY_GET, RELAY_PUT, RELAY_POST, RELAY_DELETE } relay_verb;

/* What came back: a status, and either a body of this type, a file, or why not. */
typedef struct relay_result {
    int status;
    const char *title; /* of a refusal */
    const char *type;
    mv_buffer body;
    int fd; /* -1: none */
    uint64_t fd_len;
    const char *event; /* for the audit log; NULL: none */
} relay_result;

typedef struct relay_job {
    mv_route route;
    relay_verb verb;
    const uint8_t *body;
    size_t len;
    relay_result answer;
    void (*done)(void *user, struct relay_job *job); /* in the galleries' thread */
    void *user;
    struct relay_job *next;
} relay_job;

typedef struct relay_galleries relay_galleries; /* safe for threads */

/* relay_galleries_new: reads the models that the configuration names.
 * errors: MV_E_FORMAT (a file there is no model), MV_E_IO, MV_E_MEMORY */
MV_MUST_CHECK mv_status relay_galleries_new(relay_galleries **out, const relay_config *config,
                                            mv_archive *archive, mv_error *err);
void relay_galleries_free(relay_galleries **galleries); /* does first what waits */

/* relay_galleries_add: calls job->done later. false: the line is full, and the job stays yours. */
bool relay_galleries_add(relay_galleries *galleries, relay_job *job);

/* The longest body that a route takes; 0: none. */
uint64_t relay_gallery_body_max(mv_route_kind kind);

#endif
