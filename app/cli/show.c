/* SPDX-License-Identifier: Apache-2.0
 *
 * show.c: words and JSON for cards and senders.
 */
#include "show.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

void show_hex(char *out, const uint8_t *bytes, size_t len)
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digit[bytes[i] >> 4];
        out[2 * i + 1] = digit[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

const char *show_form(mv_he_form form)
{
    return form == MV_HE_PK ? "pk" : "sym";
}

void show_sender(char out[SHOW_SENDER_SIZE], const mv_sender *sender)
{
    char name[MV_CARD_NAME_MAX], alias[64];
    uint32_t day = 0;

    if (sender->anonymous) {
        (void)snprintf(out, SHOW_SENDER_SIZE, "anonymous: nobody vouches for it");
        return;
    }
    mv_card_name(name, sender->card.id);
    if (!mv_card_alias(alias, sizeof alias, &sender->card)) {
        (void)snprintf(alias, sizeof alias, "not in the card book");
    }
    (void)snprintf(out, SHOW_SENDER_SIZE, "%s (%s%s)", name, alias,
                   mv_card_revoked(&day, &sender->card) ? "; revoked by its owner"
                   : sender->state == MV_CARD_EXPIRED   ? "; the card has expired since"
                   : sender->state == MV_CARD_NOT_YET
                       ? "; the card is of the future: a clock is wrong"
                       : "");
}

const char *show_card_state(const mv_card *card)
{
    uint32_t day = 0;
    if (mv_card_revoked(&day, card)) {
        return "revoked";
    }
    switch (mv_card_state_on(card, mv_today())) {
    case MV_CARD_EXPIRED:
        return "expired";
    case MV_CARD_EXPIRES_SOON:
        return "expires soon";
    case MV_CARD_NOT_YET:
        return "of the future";
    case MV_CARD_VALID:
        break;
    }
    return "valid";
}

json_t *show_card_json(const mv_card *card, const char *alias)
{
    char name[MV_CARD_NAME_MAX], spoken[MV_CARD_SPOKEN_MAX], sign[SHOW_HEX_SIZE], he[SHOW_HEX_SIZE];
    char created[MV_DAY_TEXT_MAX], expires[MV_DAY_TEXT_MAX];

    mv_card_name(name, card->id);
    mv_card_spoken(spoken, card);
    mv_day_text(created, card->created_day);
    mv_day_text(expires, card->expires_day);
    show_hex(sign, card->sign_public, sizeof card->sign_public);
    show_hex(he, card->he_public_hash, sizeof card->he_public_hash);
    return json_pack("{s:s, s:s?, s:s, s:s?, s:s, s:s, s:s, s:s?}", "name", name, "alias",
                     alias != NULL && alias[0] != '\0' ? alias : NULL, "created", created,
                     "expires", card->expires_day != 0 ? expires : NULL, "state",
                     show_card_state(card), "spoken", spoken, "sign_public", sign, "he_public",
                     card->has_he_public ? he : NULL);
}

json_t *show_sender_json(const mv_sender *sender)
{
    char name[MV_CARD_NAME_MAX], alias[64];
    uint32_t day = 0;

    if (sender->anonymous) {
        return json_null();
    }
    mv_card_name(name, sender->card.id);
    const bool known = mv_card_alias(alias, sizeof alias, &sender->card);
    return json_pack("{s:s, s:s?, s:b, s:s}", "name", name, "alias", known ? alias : NULL,
                     "revoked", mv_card_revoked(&day, &sender->card), "state",
                     show_card_state(&sender->card));
}
