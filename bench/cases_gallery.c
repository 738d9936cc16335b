/* SPDX-License-Identifier: Apache-2.0
 *
 * cases_gallery.c: an encrypted gallery at a relay on loopback, TLS and flushes to disk included;
 * client and relay in this one process, scans on two threads.
 */
#include "bench.h"
#include "bench_relay.h"

#include "base/bytes.h"
#include "base/rng.h"
#include "medveil/analysis.h"
#include "medveil/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIM = MV_SEARCH_DIM, GROUP = MV_SEARCH_GROUP_MAX, BLOCK = 8192 };

static const uint8_t collection_key[32] = {1}, head[MV_SEARCH_HASH_LEN] = {2};

typedef struct state {
    bench_relay at;
    mv_gallery_access access;
    mv_client *client;
    mv_search_key *key;
    mv_search_sender *sender;
    mv_search_sizes size;
    uint8_t *message; /* as long as the longest that is sent, and ids */
    uint64_t next;    /* name of the next row */
} state;

static void finish(void *user)
{
    state *s = user;
    mv_client_free(&s->client);
    bench_relay_stop(&s->at);
    mv_search_key_free(&s->key);
    mv_search_sender_free(&s->sender);
    free(s->message);
    free(s);
}

static mv_status start_relay(state *s, mv_error *err)
{
    mv_status st = MV_OK;
    mv_client_opts opts = mv_client_defaults();

    MV_TRY(bench_relay_start(&s->at, err));
    opts.gallery = &s->access;
    MV_TRY(mv_client_new(&s->client, relay_address(s->at.relay), &opts, err));
done:
    return st;
}

/* The holder's keys at the relay, and a sender's here. */
static mv_status make_gallery(state *s, mv_error *err)
{
    mv_status st = MV_OK;
    mv_gallery_request r = {.ask = MV_GALLERY_ASK_KEYS, .body = s->message};
    r.len = sizeof s->access.sender + s->size.server_keys;
    MV_TRY(mv_search_write_public(s->key, s->message, s->size.public_key));
    MV_TRY(mv_search_sender_new(&s->sender, s->message, s->size.public_key));
    memcpy(s->message, s->access.sender, sizeof s->access.sender);
    MV_TRY(
        mv_search_write_server(s->key, s->message + sizeof s->access.sender, s->size.server_keys));
    MV_TRY(mv_client_gallery(s->client, &r, NULL, NULL, err));
done:
    return st;
}

static mv_status prepare(void **out, size_t *bytes, mv_error *err)
{
    mv_status st = MV_OK;
    state *s = calloc(1, sizeof *s);
    MV_ENSURE(s != NULL, MV_E_MEMORY);
    *out = s;
    s->next = 1;
    s->size = mv_search_message_sizes();
    *bytes = s->size.upload;
    s->message = malloc(sizeof s->access.sender + s->size.server_keys);
    MV_ENSURE(s->message != NULL, MV_E_MEMORY);
    MV_TRY(mv_gallery_access_make(&s->access, collection_key, head));
    MV_TRY(mv_search_key_new(&s->key, collection_key, head));
    MV_TRY(start_relay(s, err));
    MV_TRY(make_gallery(s, err));
done:
    return st;
}

/* One row: encrypted, sent, durable at the relay. */
static mv_status append(void *user, mv_error *err)
{
    mv_status st = MV_OK;
    state *s = user;
    const int8_t value[DIM] = {100, -100, 50};
    mv_gallery_request r = {.ask = MV_GALLERY_ASK_ADD, .body = s->message, .len = s->size.upload};
    mv_store_u64le(r.id, s->next++);
    MV_TRY(mv_search_upload(s->sender, s->message, s->size.upload, value, head));
    MV_TRY(mv_client_gallery(s->client, &r, NULL, NULL, err));
done:
    return st;
}

static mv_status add_group(state *s, mv_rand *rand, mv_error *err)
{
    mv_status st = MV_OK;
    int8_t value[GROUP * DIM];
    const size_t ids = 4 + (size_t)GROUP * MV_SEARCH_ROW_ID;
    mv_gallery_request r = {.ask = MV_GALLERY_ASK_GROUP, .body = s->message};
    r.len = ids + s->size.group;
    memset(s->message, 0, ids);
    mv_store_u32le(s->message, GROUP);
    for (size_t i = 0; i < GROUP; i++) {
        mv_store_u64le(s->message + 4 + i * MV_SEARCH_ROW_ID, s->next++);
    }
    for (size_t i = 0; i < sizeof value; i++) {
        value[i] = (int8_t)(mv_rand_below(rand, 47) - 23); /* squares sum to 67,712 at most */
    }
    MV_TRY(mv_search_pack(s->key, s->message + ids, s->size.group, value, GROUP));
    MV_TRY(mv_client_gallery(s->client, &r, NULL, NULL, err));
done:
    return st;
}

/* Asked, computed, back and decrypted. */
static mv_status search(void *user, mv_error *err)
{
    mv_status st = MV_OK;
    state *s = user;
    const int8_t value[DIM] = {100, -100, 50};
    int32_t *score = malloc(BLOCK * sizeof *score);
    uint8_t *reply = NULL;
    size_t len = 0;
    mv_gallery_request r = {.ask = MV_GALLERY_ASK_SEARCH, .body = s->message};
    r.len = s->size.query;
    MV_ENSURE(score != NULL, MV_E_MEMORY);
    MV_TRY(mv_search_query(s->key, s->message, s->size.query, value));
    MV_TRY(mv_client_gallery(s->client, &r, &reply, &len, err));
    MV_TRY(mv_search_scores(s->key, score, BLOCK, reply, len));
done:
    free(score);
    free(reply);
    return st;
}

static mv_status prepare_search(void **out, size_t *bytes, mv_error *err)
{
    mv_rand rand = mv_rand_make(2);
    mv_status st = prepare(out, bytes, err);
    for (size_t i = 0; st == MV_OK && i < BLOCK / GROUP; i++) {
        st = add_group(*out, &rand, err);
    }
    *bytes = st == MV_OK ? ((state *)*out)->size.query : 0;
    return st == MV_OK ? search(*out, err) : st; /* makes the block */
}

const bench_case bench_cases_gallery[] = {
    {"relay gallery append", "one embedding", "TLS 1.3", prepare, append, finish},
    {"relay gallery search", "8192 x 128, 2 threads", "TLS 1.3", prepare_search, search, finish},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
