/* SPDX-License-Identifier: Apache-2.0
 *
 * sealed.h: opening a .mv file for a command: read, authenticate, check the sender, one sentence
 * that names the file when it cannot be done.
 */
#ifndef MV_CLI_SEALED_H
#define MV_CLI_SEALED_H

#include "medveil/envelope.h"

/* sealed_open: as mv_envelope_open on the file at path. from NULL: any sender. what may be
 * MV_OPEN_EXACT | MV_OPEN_IF_LOSSY: the features are opened when the original is not inside.
 * A file that starts as an envelope and is damaged or cut short is MV_E_AUTH, like any other that
 * is not what was sealed; a file of another kind is MV_E_FORMAT. owner: content is the caller's */
enum { MV_OPEN_IF_LOSSY = 1 << 8 };
MV_MUST_CHECK mv_status sealed_open(mv_content *content, mv_sender *sender,
                                    mv_envelope_stats *stats, const char *path,
                                    const mv_identity *identity, const mv_card *from, unsigned what,
                                    mv_error *err);

#endif
