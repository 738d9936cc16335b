/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_he_object.c: any bytes to the readers of ciphers, replies, public keys and evaluation keys.
 * What is accepted is written again, and ciphers are decrypted and added.
 */
#include "medveil/bfv.h"
#include "medveil/ckks.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SETS_MAX = 16, VALUES = 4 };

/* Made when first needed and kept for the whole run. */
typedef struct party {
    mv_he_work *work;
    mv_he_key *key;
    mv_cipher *a, *b;
} party;

static party *party_of(size_t i)
{
    static party parties[SETS_MAX];
    static const uint8_t collection_key[MV_COLLECTION_KEY_LEN] = {1};
    party *p = &parties[i];
    const mv_he_set *set = mv_he_set_at(i);
    if (p->b == NULL &&
        (mv_he_work_new(&p->work, set) != MV_OK ||
         mv_he_key_new(&p->key, set, collection_key) != MV_OK ||
         mv_cipher_new(&p->a, set) != MV_OK || mv_cipher_new(&p->b, set) != MV_OK)) {
        abort();
    }
    return p;
}

static void use_cipher(party *p, const mv_he_set *set)
{
    int64_t x[VALUES];
    double re[VALUES], im[VALUES];
    size_t written = 0;
    const size_t cap = mv_cipher_size(p->a);
    uint8_t *out = malloc(cap);
    const mv_status st = mv_he_set_scheme(set) == MV_HE_BFV
                             ? mv_bfv_decrypt(p->work, x, VALUES, p->key, p->a)
                             : mv_ckks_decrypt(p->work, re, im, VALUES, p->key, p->a);
    if (out == NULL || st != MV_OK || mv_cipher_write(out, cap, &written, p->a) != MV_OK ||
        mv_cipher_read(p->b, out, written) != MV_OK) {
        abort(); /* what is read can be decrypted and written */
    }
    (void)mv_cipher_polys(mv_he_add(p->work, p->b, p->a, p->b) == MV_OK ? p->b : p->a);
    free(out);
}

static void same_bytes(const uint8_t *a, const uint8_t *b, size_t len, size_t written)
{
    if (written != len || memcmp(a, b, len) != 0) {
        abort(); /* a key has one form */
    }
}

static void try_keys(const uint8_t *data, size_t size)
{
    mv_he_public *pub = NULL;
    mv_he_eval_key *eval = NULL;
    size_t written = 0;
    uint8_t *out = malloc(size + 1);
    if (out != NULL && mv_he_public_read(&pub, data, size) == MV_OK) {
        if (mv_he_public_write(out, size, &written, pub) != MV_OK) {
            abort();
        }
        same_bytes(out, data, size, written);
    }
    if (out != NULL && mv_he_eval_key_read(&eval, data, size) == MV_OK) {
        if (mv_he_eval_key_write(out, size, &written, eval) != MV_OK) {
            abort();
        }
        same_bytes(out, data, size, written);
    }
    mv_he_public_free(&pub);
    mv_he_eval_key_free(&eval);
    free(out);
}

/* Byte 0, where it is not 0, tells how much longer than the rest the object is: the header's length
 * rules are out of reach for small inputs otherwise. The tail is zeros, which are good residues. */
static uint8_t *padded(const uint8_t *data, size_t size, size_t *len)
{
    const size_t full[] = {0, 28224, 42560, 85056, 22560, 91200};
    const size_t want = full[data[0] % (sizeof full / sizeof full[0])];
    *len = want > size - 1 ? want : size - 1;
    uint8_t *out = calloc(*len + 1, 1);
    if (out != NULL) {
        memcpy(out, data + 1, size - 1);
    }
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t len = 0;
    if (size < 1) {
        return 0;
    }
    uint8_t *object = padded(data, size, &len);
    const mv_he_set *set = NULL;
    for (size_t i = 0; object != NULL && i < SETS_MAX && (set = mv_he_set_at(i)) != NULL; i++) {
        if (mv_he_set_scheme(set) != MV_HE_PACK) {
            party *p = party_of(i);
            if (mv_cipher_read(p->a, object, len) == MV_OK) {
                use_cipher(p, set);
            }
        }
    }
    if (object != NULL) {
        try_keys(object, len);
    }
    free(object);
    return 0;
}
