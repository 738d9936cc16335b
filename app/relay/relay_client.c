/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_client.c: addresses of clients, and a token bucket for each.
 */
#include "relay_client.h"

#include "base/bytes.h"
#include "base/rng.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>

#define BUCKETS 8192u /* clients remembered at once */
#define PROBE   8u    /* places where one client may be kept */

static bool read_address(uint8_t out[RELAY_CLIENT_LEN], const char *text, size_t len)
{
    char copy[64];
    if (len == 0 || len >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    memset(out, 0, RELAY_CLIENT_LEN);
    if (inet_pton(AF_INET, copy, out + 12) == 1) {
        out[10] = out[11] = 0xff;
        return true;
    }
    return inet_pton(AF_INET6, copy, out) == 1;
}

static void address_of(uint8_t out[RELAY_CLIENT_LEN], const struct sockaddr *peer)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    memset(out, 0, RELAY_CLIENT_LEN);
    if (peer != NULL && peer->sa_family == AF_INET) {
        memcpy(&v4, peer, sizeof v4);
        out[10] = out[11] = 0xff;
        memcpy(out + 12, &v4.sin_addr, 4);
    } else if (peer != NULL && peer->sa_family == AF_INET6) {
        memcpy(&v6, peer, sizeof v6);
        memcpy(out, &v6.sin6_addr, 16);
    }
}

static bool net_holds(const relay_net *net, const uint8_t address[RELAY_CLIENT_LEN])
{
    const unsigned bytes = net->bits / 8, rest = net->bits % 8;
    return memcmp(net->address, address, bytes) == 0 &&
           (rest == 0 || ((net->address[bytes] ^ address[bytes]) >> (8 - rest)) == 0);
}

bool relay_nets_hold(const relay_nets *nets, const uint8_t address[RELAY_CLIENT_LEN])
{
    for (size_t i = 0; i < nets->count; i++) {
        if (net_holds(&nets->net[i], address)) {
            return true;
        }
    }
    return false;
}

void relay_client_of(uint8_t out[RELAY_CLIENT_LEN], const relay_config *config,
                     const struct sockaddr *peer, const char *forwarded_for)
{
    uint8_t hop[RELAY_CLIENT_LEN];
    address_of(out, peer);
    size_t end = forwarded_for == NULL ? 0 : strlen(forwarded_for);
    /* from the right: each trusted proxy vouches for the one entry that it appended */
    while (end != 0 && relay_nets_hold(&config->trusted_proxies, out)) {
        size_t start = end;
        while (start != 0 && forwarded_for[start - 1] != ',') {
            start--;
        }
        const size_t blanks = strspn(forwarded_for + start, " ");
        size_t len = end - start - (blanks < end - start ? blanks : end - start);
        while (len != 0 && forwarded_for[end - 1] == ' ') {
            end--;
            len--;
        }
        if (!read_address(hop, forwarded_for + start + blanks, len)) {
            return;
        }
        memcpy(out, hop, sizeof hop);
        end = start == 0 ? 0 : start - 1;
    }
}

typedef struct bucket {
    uint8_t client[RELAY_CLIENT_LEN];
    double tokens, filled_ms; /* filled_ms 0: free */
} bucket;

struct relay_rates {
    double per_ms, most;
    uint8_t key[crypto_shorthash_KEYBYTES]; /* so that nobody can aim at one place of the table */
    pthread_mutex_t mutex;
    bucket bucket[BUCKETS];
};

mv_status relay_rates_new(relay_rates **out, unsigned per_minute)
{
    mv_status st = MV_OK;
    relay_rates *r = calloc(1, sizeof *r);

    *out = NULL;
    MV_ENSURE(r != NULL, MV_E_MEMORY);
    (void)pthread_mutex_init(&r->mutex, NULL);
    r->per_ms = per_minute / 60000.0;
    r->most = per_minute;
    MV_TRY(mv_random_bytes(r->key, sizeof r->key));
    *out = r;
    r = NULL;
done:
    relay_rates_free(&r);
    return st;
}

void relay_rates_free(relay_rates **rates)
{
    if (*rates != NULL) {
        (void)pthread_mutex_destroy(&(*rates)->mutex);
        free(*rates);
        *rates = NULL;
    }
}

/* The client's bucket, or the longest unused one of its places. */
static bucket *find(relay_rates *r, const uint8_t client[RELAY_CLIENT_LEN])
{
    uint8_t hash[crypto_shorthash_BYTES];
    bucket *oldest = NULL;
    (void)crypto_shorthash(hash, client, RELAY_CLIENT_LEN, r->key);
    for (uint32_t i = 0; i < PROBE; i++) {
        bucket *b = &r->bucket[(mv_load_u32le(hash) + i) % BUCKETS];
        if (b->filled_ms != 0 && memcmp(b->client, client, RELAY_CLIENT_LEN) == 0) {
            return b;
        }
        if (oldest == NULL || b->filled_ms < oldest->filled_ms) {
            oldest = b;
        }
    }
    memcpy(oldest->client, client, RELAY_CLIENT_LEN);
    oldest->filled_ms = 0;
    return oldest;
}

unsigned relay_rates_take(relay_rates *rates, const uint8_t client[RELAY_CLIENT_LEN], double now_ms)
{
    static const uint8_t v4_start[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    uint8_t key[RELAY_CLIENT_LEN];
    unsigned wait_s = 0;

    if (rates->most == 0) {
        return 0;
    }
    memcpy(key, client, sizeof key);
    if (memcmp(key, v4_start, sizeof v4_start) != 0) {
        memset(key + 8, 0, 8); /* whoever has an IPv6 address has its whole /64 */
    }
    (void)pthread_mutex_lock(&rates->mutex);
    bucket *b = find(rates, key);
    const double more = b->filled_ms == 0 ? rates->most : (now_ms - b->filled_ms) * rates->per_ms;
    b->tokens =
        b->filled_ms == 0 || b->tokens + more > rates->most ? rates->most : b->tokens + more;
    b->filled_ms = now_ms;
    if (b->tokens >= 1) {
        b->tokens -= 1;
    } else {
        wait_s = (unsigned)((1 - b->tokens) / rates->per_ms / 1000) + 1;
    }
    (void)pthread_mutex_unlock(&rates->mutex);
    return wait_s;
}
