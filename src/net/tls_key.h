/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_key.h: the relay's TLS key and self-signed certificate, made at its first start. Clients know
 * the relay by the hash of this key, so the certificate's name and dates mean nothing.
 */
#ifndef MV_NET_TLS_KEY_H
#define MV_NET_TLS_KEY_H

#include "base/bytes.h"
#include "wire/address.h"

#define MV_TLS_FILE_MAX 65536

/* mv_tls_key_open: read the PEM file at path (private key, then certificate), or make it (ECDSA on
 * P-256, mode 0600) when there is none. pem ends in a zero byte, made with room for
 * MV_TLS_FILE_MAX. key_hash: SHA-256 of the SubjectPublicKeyInfo. errors: MV_E_IO, MV_E_FORMAT,
 * MV_E_POLICY (others can read the file), MV_E_INTERNAL */
MV_MUST_CHECK mv_status mv_tls_key_open(mv_buffer *pem, uint8_t key_hash[MV_RELAY_KEY_LEN],
                                        const char *path, mv_error *err);

#endif
