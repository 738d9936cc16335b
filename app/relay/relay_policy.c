/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_policy.c: nonces, proofs, and which route needs which.
 */
#include "relay_policy.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/rng.h"
#include "base/secret.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>

#define NONCE_LIFE_MS 120000
#define USED_COUNT    65536u /* proofs that can be remembered at once */
#define USED_PROBE    32u    /* places where one nonce may be kept */

enum { TIME_LEN = 8, RANDOM_LEN = 8, MAC_LEN = 16 };
_Static_assert(TIME_LEN + RANDOM_LEN + MAC_LEN == MV_NONCE_LEN, "layout of a nonce");

typedef struct used_nonce {
    uint64_t given_ms; /* 0: free */
    uint64_t random;
} used_nonce;

struct relay_policy {
    uint8_t secret[32];
    uint8_t relay_key[MV_RELAY_KEY_LEN];
    bool anonymous_send;
    pthread_mutex_t mutex; /* guards used */
    used_nonce used[USED_COUNT];
};

mv_status relay_policy_new(relay_policy **out, const uint8_t relay_key[MV_RELAY_KEY_LEN],
                           bool anonymous_send)
{
    mv_status st = MV_OK;
    relay_policy *p = calloc(1, sizeof *p);

    *out = NULL;
    MV_ENSURE(p != NULL, MV_E_MEMORY);
    (void)pthread_mutex_init(&p->mutex, NULL);
    memcpy(p->relay_key, relay_key, MV_RELAY_KEY_LEN);
    p->anonymous_send = anonymous_send;
    MV_TRY(mv_random_bytes(p->secret, sizeof p->secret));
    *out = p;
    p = NULL;
done:
    relay_policy_free(&p);
    return st;
}

void relay_policy_free(relay_policy **policy)
{
    if (*policy != NULL) {
        (void)pthread_mutex_destroy(&(*policy)->mutex);
        mv_wipe((*policy)->secret, sizeof(*policy)->secret);
        free(*policy);
        *policy = NULL;
    }
}

static uint64_t now_ms(void)
{
    return (uint64_t)mv_clock_ms() + 1; /* never 0 */
}

static void seal_nonce(uint8_t mac[MAC_LEN], const relay_policy *p, const uint8_t *nonce)
{
    (void)crypto_generichash(mac, MAC_LEN, nonce, TIME_LEN + RANDOM_LEN, p->secret,
                             sizeof p->secret);
}

mv_status relay_nonce_make(uint8_t nonce[MV_NONCE_LEN], const relay_policy *policy)
{
    const mv_status st = mv_random_bytes(nonce + TIME_LEN, RANDOM_LEN);
    mv_store_u64le(nonce, now_ms());
    seal_nonce(nonce + TIME_LEN + RANDOM_LEN, policy, nonce);
    return st;
}

static bool is_ours_and_fresh(const relay_policy *p, const uint8_t nonce[MV_NONCE_LEN])
{
    uint8_t mac[MAC_LEN];
    const uint64_t now = now_ms(), given = mv_load_u64le(nonce);
    seal_nonce(mac, p, nonce);
    return mv_equal_ct(mac, nonce + TIME_LEN + RANDOM_LEN, MAC_LEN) && given <= now &&
           now - given < NONCE_LIFE_MS;
}

/* Remembers the nonce; a second time is refused. Places are found by the nonce's own random bits,
 * which the relay chose; an expired entry is a free one. */
static mv_status spend(relay_policy *p, const uint8_t nonce[MV_NONCE_LEN])
{
    mv_status st = MV_OK;
    const used_nonce wanted = {mv_load_u64le(nonce), mv_load_u64le(nonce + TIME_LEN)};
    const uint64_t now = now_ms();
    used_nonce *place = NULL;

    (void)pthread_mutex_lock(&p->mutex);
    for (uint32_t i = 0; i < USED_PROBE; i++) {
        used_nonce *u = &p->used[(wanted.random + i) % USED_COUNT];
        MV_ENSURE(u->given_ms != wanted.given_ms || u->random != wanted.random, MV_E_AUTH);
        if (place == NULL && (u->given_ms == 0 || now - u->given_ms >= NONCE_LIFE_MS)) {
            place = u;
        }
    }
    MV_ENSURE(place != NULL, MV_E_BUSY);
    *place = wanted;
done:
    (void)pthread_mutex_unlock(&p->mutex);
    return st;
}

relay_proof_need relay_policy_need(const relay_policy *policy, const char *method,
                                   const mv_route *route)
{
    const bool is_get = strcmp(method, "GET") == 0;
    switch (route->kind) {
    case MV_ROUTE_LIST:
    case MV_ROUTE_STREAM_LIST:
    case MV_ROUTE_STREAM_BYTES:
        return RELAY_PROOF_OWNER;
    case MV_ROUTE_FILE:
        if (strcmp(method, "PUT") != 0) {
            return RELAY_PROOF_OWNER;
        }
        return policy->anonymous_send ? RELAY_PROOF_NONE : RELAY_PROOF_ANYBODY;
    case MV_ROUTE_RECEIPT:
        return is_get ? RELAY_PROOF_NONE : RELAY_PROOF_OWNER;
    case MV_ROUTE_BUNDLE:
    case MV_ROUTE_UPLOADS:
    case MV_ROUTE_STREAMS:
        return policy->anonymous_send ? RELAY_PROOF_NONE : RELAY_PROOF_ANYBODY;
    default:
        return RELAY_PROOF_NONE;
    }
}

mv_status relay_policy_check(relay_policy *policy, const char *method, const char *target,
                             const mv_route *route, const char *authorization)
{
    mv_status st = MV_OK;
    const mv_proof_subject subject = {policy->relay_key, method, target, 0};
    const relay_proof_need need = relay_policy_need(policy, method, route);
    mv_proof proof;

    if (need == RELAY_PROOF_NONE) {
        return MV_OK;
    }
    MV_ENSURE(authorization != NULL && mv_proof_read(&proof, authorization) == MV_OK, MV_E_AUTH);
    MV_ENSURE(is_ours_and_fresh(policy, proof.nonce), MV_E_AUTH);
    MV_ENSURE(need == RELAY_PROOF_ANYBODY || mv_equal_ct(proof.key, route->mailbox.tag, MV_TAG_LEN),
              MV_E_AUTH);
    MV_ENSURE(mv_proof_check(&proof, &subject) == MV_OK, MV_E_AUTH);
    MV_TRY(spend(policy, proof.nonce));
done:
    return st;
}
