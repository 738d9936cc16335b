/* SPDX-License-Identifier: Apache-2.0
 *
 * revoked.h: certificates of clients that their issuer took back: lists (PEM) that it signed.
 */
#ifndef MV_NET_REVOKED_H
#define MV_NET_REVOKED_H

#include "base/status.h"

#include <gnutls/gnutls.h>
#include <stdbool.h>

typedef struct mv_revoked mv_revoked; /* constant once made: for all threads */

/* mv_revoked_new: errors: MV_E_FORMAT (no lists, or no certificates of issuers), MV_E_AUTH (a list
 * that none of the issuers signed), MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_revoked_new(mv_revoked **out, const char *lists_pem,
                                       const char *issuers_pem, mv_error *err);
void mv_revoked_free(mv_revoked **revoked);

/* mv_revoked_holds: whether the certificate that the other end showed is on a list, or none can be
 * read. revoked NULL: no lists, so false. */
bool mv_revoked_holds(const mv_revoked *revoked, gnutls_session_t session);

#endif
