/* SPDX-License-Identifier: Apache-2.0
 *
 * show.c: words and JSON for cards and senders.
 */
#include "show.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void show_date(char out[SHOW_DATE_SIZE], uint32_t day)
{
    const time_t seconds = (time_t)day * 86400;
    struct tm when;
    if (gmtime_r(&seconds, &when) == NULL ||
        strftime(out, SHOW_DATE_SIZE, "%Y-%m-%d", &when) == 0) {
        (void)snprintf(out, SHOW_DATE_SIZE, "day %u", (unsigned)day);
    }
}

void show_hex(char *out, const uint8_t *bytes, size_t len)
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digit[bytes[i] >> 4];
        out[2 * i + 1] = digit[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

void show_sender(char out[SHOW_SENDER_SIZE], const mv_sender *sender)
{
    char name[MV_CARD_NAME_MAX], alias[64];
    if (sender->anonymous) {
        (void)snprintf(out, SHOW_SENDER_SIZE, "anonymous: nobody vouches for it");
        return;
    }
    mv_card_name(name, sender->card.id);
    if (mv_card_alias(alias, sizeof alias, sender->card.id)) {
        (void)snprintf(out, SHOW_SENDER_SIZE, "%s (%s)", name, alias);
    } else {
        (void)snprintf(out, SHOW_SENDER_SIZE, "%s (not in the card book)", name);
    }
}

json_t *show_card_json(const mv_card *card, const char *alias)
{
    char name[MV_CARD_NAME_MAX], date[SHOW_DATE_SIZE];
    char seal[SHOW_HEX_SIZE], sign[SHOW_HEX_SIZE];
    mv_card_name(name, card->id);
    show_date(date, card->created_day);
    show_hex(seal, card->seal_public, sizeof card->seal_public);
    show_hex(sign, card->sign_public, sizeof card->sign_public);
    return json_pack("{s:s, s:s?, s:s, s:s, s:s}", "name", name, "alias",
                     alias != NULL && alias[0] != '\0' ? alias : NULL, "created", date,
                     "seal_public", seal, "sign_public", sign);
}

json_t *show_sender_json(const mv_sender *sender)
{
    char name[MV_CARD_NAME_MAX], alias[64];
    if (sender->anonymous) {
        return json_null();
    }
    mv_card_name(name, sender->card.id);
    const bool known = mv_card_alias(alias, sizeof alias, sender->card.id);
    return json_pack("{s:s, s:s?}", "name", name, "alias", known ? alias : NULL);
}
