/* SPDX-License-Identifier: Apache-2.0
 *
 * address.h: where a relay is and which key it has: https://host:port#KEY, where KEY is the SHA-256
 * of the relay's public key (its SubjectPublicKeyInfo) in URL-safe base64 without padding. Trust
 * comes from this hash alone; no certificate authority is asked.
 */
#ifndef MV_WIRE_ADDRESS_H
#define MV_WIRE_ADDRESS_H

#include "base/status.h"

#define MV_ADDRESS_HOST_MAX 256 /* with the final zero */
#define MV_ADDRESS_MAX      320 /* a whole address, with the final zero */
#define MV_RELAY_KEY_LEN    32

typedef struct mv_address {
    char host[MV_ADDRESS_HOST_MAX]; /* name, IPv4, or IPv6 in brackets */
    uint16_t port;
    uint8_t key[MV_RELAY_KEY_LEN]; /* SHA-256 of the relay's SubjectPublicKeyInfo */
} mv_address;

/* errors: MV_E_ARGUMENT with a sentence that says what is wrong and a hint; out is then zero. */
MV_MUST_CHECK mv_status mv_address_read(mv_address *out, const char *text, mv_error *err);
void mv_address_write(char out[MV_ADDRESS_MAX], const mv_address *address);

/* mv_host_read: "host:port", as in a relay's configuration; port 0 is allowed here. */
MV_MUST_CHECK mv_status mv_host_read(char host[MV_ADDRESS_HOST_MAX], uint16_t *port,
                                     const char *text, mv_error *err);

#endif
