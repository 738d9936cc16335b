/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_bundle.h: the body of a bundle, taken apart as it arrives: each file goes to disk at once,
 * none is stored before the whole body was good.
 */
#ifndef MV_RELAY_BUNDLE_H
#define MV_RELAY_BUNDLE_H

#include "store/archive.h"

typedef struct relay_bundle relay_bundle;

/* relay_status_of: the HTTP status for what the archive says; 500 for what is nobody's fault. */
int relay_status_of(mv_status st);

MV_MUST_CHECK mv_status relay_bundle_new(relay_bundle **out, mv_archive *archive,
                                         const mv_mailbox *mailbox);
void relay_bundle_free(relay_bundle **bundle);

/* errors: MV_E_LIMIT, MV_E_FORMAT: this is no bundle; MV_E_MEMORY */
MV_MUST_CHECK mv_status relay_bundle_take(relay_bundle *bundle, const uint8_t *bytes, size_t len);
MV_MUST_CHECK mv_status relay_bundle_end(relay_bundle *bundle); /* MV_E_TRUNCATED: in mid-file */

/* relay_bundle_submit: changed is called for each file whose change was made, then done once. */
void relay_bundle_submit(relay_bundle *bundle, void (*changed)(void *user, const mv_change *change),
                         void *changed_user, void (*done)(void *user), void *done_user);
void relay_bundle_results(mv_results *out, const relay_bundle *bundle);

#endif
