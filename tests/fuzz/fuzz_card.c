/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_card.c: any bytes as a card file, as the card inside it, as a revocation, and as the public
 * key of a collection.
 */
#include "envelope/identity.h"
#include "medveil/envelope.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(mv_status st, const mv_card *card, const mv_error *err)
{
    char spoken[MV_CARD_SPOKEN_MAX];
    if ((st == MV_OK) != (card->bytes_len != 0) || (st != MV_OK) != (err->text[0] != '\0')) {
        abort();
    }
    if (st == MV_OK) {
        (void)mv_card_state_on(card, card->created_day);
        mv_card_spoken(spoken, card);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mv_card card;
    mv_revocation revocation;
    mv_collection_public *key = NULL;
    mv_error file = {0}, inside = {0}, statement = {0};

    mv_status st = mv_card_read(&card, data, size, &file);
    check(st, &card, &file);
    st = mv_card_decode(&card, data, size, &inside);
    check(st, &card, &inside);
    st = mv_revocation_read(&revocation, data, size, &statement);
    if ((st != MV_OK) != (statement.text[0] != '\0')) {
        abort();
    }
    st = mv_collection_public_read(&key, data, size, NULL);
    if ((st == MV_OK) != (key != NULL)) {
        abort();
    }
    mv_collection_public_free(&key);
    return 0;
}
