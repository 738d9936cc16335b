/* SPDX-License-Identifier: Apache-2.0
 *
 * show.h: how cards, senders and hashes are put into words and JSON.
 */
#ifndef MV_CLI_SHOW_H
#define MV_CLI_SHOW_H

#include "medveil/envelope.h"

#include <jansson.h>

enum { SHOW_SENDER_SIZE = 224, SHOW_HEX_SIZE = 65 };

void show_hex(char *out, const uint8_t *bytes, size_t len); /* 2 len + 1 characters */

const char *show_form(mv_he_form form); /* "sym", "pk" */

/* "mv1... (alias)", or "anonymous: nobody vouches for it" */
void show_sender(char out[SHOW_SENDER_SIZE], const mv_sender *sender);

/* "valid", "expires soon", "expired", "of the future", "revoked": today, by this user's list */
const char *show_card_state(const mv_card *card);

/* {"name", "alias", "created", "expires", "state", "spoken", "sign_public", "he_public"}; alias,
 * expires and he_public are null when there is none */
json_t *show_card_json(const mv_card *card, const char *alias);
json_t *
show_sender_json(const mv_sender *sender); /* name, alias, revoked, state; null when anonymous */

#endif
