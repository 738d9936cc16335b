/* SPDX-License-Identifier: Apache-2.0
 *
 * collection.c: a collection key and who holds it. Its file is an envelope without members; the key
 * is the envelope's collection key. docs/formats/mv.md, section "Collections".
 */
#include "base/rng.h"
#include "base/secret.h"
#include "envelope_internal.h"
#include "identity.h"

#include <string.h>

/* In mv_secret memory. */
struct mv_collection {
    uint8_t key[MV_COLLECTION_KEY_LEN];
    uint32_t generation;
    size_t count;
    mv_card holder[MV_ENVELOPE_RECIPIENTS_MAX];
};

static mv_status collection_alloc(mv_collection **out)
{
    void *memory = NULL;
    const mv_status st = mv_secret_new(&memory, sizeof **out);
    *out = memory;
    return st;
}

mv_status mv_collection_new(mv_collection **out, const mv_identity *owner)
{
    mv_status st = MV_OK;
    mv_collection *c = NULL;

    *out = NULL;
    MV_TRY(collection_alloc(&c));
    MV_TRY(mv_collection_rotate(c));
    mv_identity_card(&c->holder[0], owner);
    c->count = 1;
    *out = c;
    c = NULL;
done:
    mv_collection_free(&c);
    return st;
}

void mv_collection_free(mv_collection **collection)
{
    void *memory = *collection;
    mv_secret_free(&memory);
    *collection = NULL;
}

const uint8_t *mv_collection_key(const mv_collection *c)
{
    return c->key;
}

uint32_t mv_collection_generation(const mv_collection *c)
{
    return c->generation;
}

size_t mv_collection_holder_count(const mv_collection *c)
{
    return c->count;
}

const mv_card *mv_collection_holder(const mv_collection *c, size_t i)
{
    return i < c->count ? &c->holder[i] : NULL;
}

void mv_collection_id(uint8_t out[MV_COLLECTION_ID_LEN],
                      const uint8_t collection_key[MV_COLLECTION_KEY_LEN])
{
    mv_derive(out, collection_key, "medveil 1 collection id", NULL, 0);
}

/* count: there is none. */
static size_t find(const mv_collection *c, const uint8_t id[MV_CARD_ID_LEN])
{
    size_t i = 0;
    while (i < c->count && memcmp(c->holder[i].id, id, MV_CARD_ID_LEN) != 0) {
        i++;
    }
    return i;
}

/* The same by owner: his card may have been renewed since. */
static size_t find_owner(const mv_collection *c, const mv_card *card)
{
    size_t i = 0;
    while (i < c->count && !mv_card_same_owner(&c->holder[i], card)) {
        i++;
    }
    return i;
}

mv_status mv_collection_add(mv_collection *c, const mv_card *card, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t known = find_owner(c, card);
    if (known < c->count && memcmp(c->holder[known].id, card->id, MV_CARD_ID_LEN) != 0 &&
        card->created_day >= c->holder[known].created_day) {
        c->holder[known] = *card;
        goto done;
    }
    MV_REQUIRE(known == c->count, err, MV_E_EXISTS, "this card holds the collection already");
    MV_REQUIRE(c->count < MV_ENVELOPE_RECIPIENTS_MAX, err, MV_E_LIMIT,
               "a collection has at most %d holders", MV_ENVELOPE_RECIPIENTS_MAX);
    c->holder[c->count++] = *card;
done:
    return st;
}

mv_status mv_collection_remove(mv_collection *c, const uint8_t id[MV_CARD_ID_LEN], mv_error *err)
{
    const size_t i = find(c, id);
    if (i == c->count) {
        return mv_fail(err, MV_E_NOT_FOUND, "this card does not hold the collection");
    }
    c->count--;
    memmove(&c->holder[i], &c->holder[i + 1], (c->count - i) * sizeof *c->holder);
    return MV_OK;
}

mv_status mv_collection_rotate(mv_collection *c)
{
    const mv_status st = mv_random_bytes(c->key, sizeof c->key);
    c->generation += st == MV_OK;
    return st;
}

mv_status mv_collection_open(mv_collection **out, const mv_source *source,
                             const mv_identity *identity, mv_error *err)
{
    mv_status st = MV_OK;
    mv_opener *opener = NULL;
    mv_collection *c = NULL;

    *out = NULL;
    MV_TRY(mv_opener_new(&opener, source, identity, err));
    const mv_manifest *m = mv_opener_manifest(opener);
    MV_REQUIRE(m->generation != 0, err, MV_E_FORMAT, "this is not a collection");
    MV_TRY(collection_alloc(&c));
    memcpy(c->key, mv_opener_collection_key(opener), sizeof c->key);
    c->generation = m->generation;
    c->count = m->holder_count;
    memcpy(c->holder, m->holder, m->holder_count * sizeof *c->holder);
    MV_REQUIRE(!mv_opener_sender(opener)->anonymous &&
                   find_owner(c, &mv_opener_sender(opener)->card) < c->count,
               err, MV_E_AUTH, "the collection is not signed by one of its holders");
    *out = c;
    c = NULL;
done:
    mv_collection_free(&c);
    mv_opener_free(&opener);
    return st;
}

mv_status mv_collection_seal(const mv_collection *c, const mv_identity *by, const mv_sink *sink,
                             mv_error *err)
{
    mv_status st = MV_OK;
    const mv_seal_opts opts = {.sender = by,
                               .recipient = c->holder,
                               .recipient_count = c->count,
                               .collection_key = c->key};
    mv_sealer *sealer = NULL;

    MV_REQUIRE(find_owner(c, &by->card) < c->count, err, MV_E_ARGUMENT,
               "only a holder can sign a collection");
    MV_TRY(mv_sealer_new(&sealer, &opts, err));
    MV_TRY(mv_sealer_collection(sealer, c->generation, c->holder, c->count));
    MV_TRY(mv_sealer_finish(sealer, NULL, sink, err));
done:
    mv_sealer_free(&sealer);
    return st;
}
