/* SPDX-License-Identifier: Apache-2.0
 *
 * mlkem.c: K-PKE and ML-KEM-768 around the polynomials of mlkem_poly.h. [FIPS203, sections 5 to 7]
 *
 * The matrix A is never whole in memory: a row (or column) is sampled when it is needed.
 */
#include "mlkem.h"

#include "base/keccak.h"
#include "base/secret.h"
#include "mlkem_poly.h"

#include <string.h>

enum { K = MV_MLKEM_K, HALF = 32, U_BITS = 10, V_BITS = 4 };
enum { VECTOR_LEN = K * MV_MLKEM_POLY_LEN, U_LEN = 32 * U_BITS };
enum {
    AT_PUBLIC = VECTOR_LEN,
    AT_HASH = AT_PUBLIC + MV_MLKEM_PUBLIC_LEN,
    AT_REJECT = AT_HASH + HALF
};

_Static_assert(VECTOR_LEN + HALF == MV_MLKEM_PUBLIC_LEN, "t^ and rho");
_Static_assert(AT_REJECT + HALF == MV_MLKEM_SECRET_LEN, "s^, public key, its hash, z");
_Static_assert(K *U_LEN + 32 * V_BITS == MV_MLKEM_CIPHER_LEN, "u and v");

/* The hash of a and b by an instance of SHA-3 or SHAKE. */
static void hash(uint8_t *out, size_t out_len, mv_sponge instance, const uint8_t *a, size_t a_len,
                 const uint8_t *b, size_t b_len)
{
    mv_sponge_absorb(&instance, a, a_len);
    mv_sponge_absorb(&instance, b, b_len);
    mv_sponge_finish(&instance);
    mv_sponge_squeeze(&instance, out, out_len);
    mv_wipe(&instance, sizeof instance);
}

static bool decode_vector(mv_mlkem_poly out[K], const uint8_t *in)
{
    bool below = true;
    for (int i = 0; i < K; i++) {
        below = mv_mlkem_decode(&out[i], in + i * MV_MLKEM_POLY_LEN) && below;
    }
    return below;
}

/* Row i of A, or of its transpose. */
static void sample_row(mv_mlkem_poly out[K], const uint8_t rho[HALF], uint8_t i, bool transposed)
{
    for (uint8_t j = 0; j < K; j++) {
        mv_mlkem_sample_uniform(&out[j], rho, transposed ? i : j, transposed ? j : i);
    }
}

static void binomial_vector(mv_mlkem_poly out[K], const uint8_t key[HALF], uint8_t nonce)
{
    for (uint8_t i = 0; i < K; i++) {
        mv_mlkem_sample_binomial(&out[i], key, (uint8_t)(nonce + i));
    }
}

static void ntt_vector(mv_mlkem_poly p[K])
{
    for (int i = 0; i < K; i++) {
        mv_mlkem_ntt(&p[i]);
    }
}

/* ---- K-PKE ---- */

/* t^ = A s^ + e^. The public key is t^ | rho; s^ goes out too. */
static void pke_keypair(uint8_t public_key[MV_MLKEM_PUBLIC_LEN], uint8_t secret[VECTOR_LEN],
                        const uint8_t d[HALF])
{
    struct {
        uint8_t seeds[2 * HALF]; /* rho | sigma */
        mv_mlkem_poly s[K], e[K], row[K], t;
    } w;
    const uint8_t rank = K;
    const uint8_t *sigma = w.seeds + HALF;

    hash(w.seeds, sizeof w.seeds, mv_sha3_512(), d, HALF, &rank, 1);
    binomial_vector(w.s, sigma, 0);
    binomial_vector(w.e, sigma, K);
    ntt_vector(w.s);
    ntt_vector(w.e);
    for (uint8_t i = 0; i < K; i++) {
        sample_row(w.row, w.seeds, i, false);
        mv_mlkem_dot(&w.t, w.row, w.s);
        mv_mlkem_to_montgomery(&w.t); /* takes the 1/R of the product away */
        mv_mlkem_add(&w.t, &w.t, &w.e[i]);
        mv_mlkem_encode(public_key + i * MV_MLKEM_POLY_LEN, &w.t);
        mv_mlkem_encode(secret + i * MV_MLKEM_POLY_LEN, &w.s[i]);
    }
    memcpy(public_key + VECTOR_LEN, w.seeds, HALF);
    mv_wipe(&w, sizeof w);
}

/* u = A^T r + e1, v = t . r + e2 + message * q/2. Whether every coefficient of t^ is below q; the
 * ciphertext is made either way. */
static bool pke_encrypt(uint8_t cipher[MV_MLKEM_CIPHER_LEN],
                        const uint8_t public_key[MV_MLKEM_PUBLIC_LEN],
                        const uint8_t message[MV_MLKEM_MESSAGE_LEN], const uint8_t coins[HALF])
{
    struct {
        mv_mlkem_poly r[K], row[K], error, out, message;
    } w;

    binomial_vector(w.r, coins, 0);
    ntt_vector(w.r);
    for (uint8_t i = 0; i < K; i++) {
        sample_row(w.row, public_key + VECTOR_LEN, i, true);
        mv_mlkem_dot(&w.out, w.row, w.r);
        mv_mlkem_ntt_inverse(&w.out);
        mv_mlkem_sample_binomial(&w.error, coins, (uint8_t)(K + i));
        mv_mlkem_add(&w.out, &w.out, &w.error);
        mv_mlkem_compress(cipher + i * U_LEN, &w.out, U_BITS);
    }
    const bool valid = decode_vector(w.row, public_key);
    mv_mlkem_dot(&w.out, w.row, w.r);
    mv_mlkem_ntt_inverse(&w.out);
    mv_mlkem_sample_binomial(&w.error, coins, 2 * K);
    mv_mlkem_add(&w.out, &w.out, &w.error);
    mv_mlkem_expand(&w.message, message, 1);
    mv_mlkem_add(&w.out, &w.out, &w.message);
    mv_mlkem_compress(cipher + K * U_LEN, &w.out, V_BITS);
    mv_wipe(&w, sizeof w);
    return valid;
}

/* message = v - s . u, rounded to multiples of q/2. */
static void pke_decrypt(uint8_t message[MV_MLKEM_MESSAGE_LEN], const uint8_t secret[VECTOR_LEN],
                        const uint8_t cipher[MV_MLKEM_CIPHER_LEN])
{
    struct {
        mv_mlkem_poly s[K], u[K], v, product;
    } w;

    for (int i = 0; i < K; i++) {
        mv_mlkem_expand(&w.u[i], cipher + i * U_LEN, U_BITS);
    }
    ntt_vector(w.u);
    (void)decode_vector(w.s, secret); /* ours: below q */
    mv_mlkem_dot(&w.product, w.s, w.u);
    mv_mlkem_ntt_inverse(&w.product);
    mv_mlkem_expand(&w.v, cipher + K * U_LEN, V_BITS);
    mv_mlkem_sub(&w.v, &w.v, &w.product);
    mv_mlkem_compress(message, &w.v, 1);
    mv_wipe(&w, sizeof w);
}

/* ---- ML-KEM ---- */

void mv_mlkem_keypair(uint8_t public_key[MV_MLKEM_PUBLIC_LEN],
                      uint8_t secret_key[MV_MLKEM_SECRET_LEN],
                      const uint8_t seed[MV_MLKEM_SEED_LEN])
{
    pke_keypair(public_key, secret_key, seed);
    memcpy(secret_key + AT_PUBLIC, public_key, MV_MLKEM_PUBLIC_LEN);
    hash(secret_key + AT_HASH, HALF, mv_sha3_256(), public_key, MV_MLKEM_PUBLIC_LEN, NULL, 0);
    memcpy(secret_key + AT_REJECT, seed + HALF, HALF);
}

bool mv_mlkem_public_valid(const uint8_t public_key[MV_MLKEM_PUBLIC_LEN])
{
    mv_mlkem_poly t[K];
    return decode_vector(t, public_key);
}

bool mv_mlkem_secret_valid(const uint8_t secret_key[MV_MLKEM_SECRET_LEN])
{
    uint8_t computed[HALF];
    hash(computed, sizeof computed, mv_sha3_256(), secret_key + AT_PUBLIC, MV_MLKEM_PUBLIC_LEN,
         NULL, 0);
    return memcmp(computed, secret_key + AT_HASH, HALF) == 0; /* both follow from public bytes */
}

mv_status mv_mlkem_encapsulate(uint8_t cipher[MV_MLKEM_CIPHER_LEN],
                               uint8_t shared[MV_MLKEM_SHARED_LEN],
                               const uint8_t public_key[MV_MLKEM_PUBLIC_LEN],
                               const uint8_t message[MV_MLKEM_MESSAGE_LEN])
{
    uint8_t public_hash[HALF], both[2 * HALF]; /* key | coins */

    hash(public_hash, HALF, mv_sha3_256(), public_key, MV_MLKEM_PUBLIC_LEN, NULL, 0);
    hash(both, sizeof both, mv_sha3_512(), message, MV_MLKEM_MESSAGE_LEN, public_hash, HALF);
    const bool valid = pke_encrypt(cipher, public_key, message, both + HALF);
    memcpy(shared, both, HALF);
    mv_wipe(both, sizeof both);
    if (!valid) {
        mv_wipe(shared, MV_MLKEM_SHARED_LEN);
        mv_wipe(cipher, MV_MLKEM_CIPHER_LEN);
    }
    return valid ? MV_OK : MV_E_RANGE;
}

void mv_mlkem_decapsulate(uint8_t shared[MV_MLKEM_SHARED_LEN],
                          const uint8_t cipher[MV_MLKEM_CIPHER_LEN],
                          const uint8_t secret_key[MV_MLKEM_SECRET_LEN])
{
    struct {
        uint8_t message[MV_MLKEM_MESSAGE_LEN];
        uint8_t both[2 * HALF]; /* key | coins */
        uint8_t reject[HALF];
        uint8_t again[MV_MLKEM_CIPHER_LEN];
    } w;
    uint8_t difference = 0;

    pke_decrypt(w.message, secret_key, cipher);
    hash(w.both, sizeof w.both, mv_sha3_512(), w.message, sizeof w.message, secret_key + AT_HASH,
         HALF);
    hash(w.reject, HALF, mv_shake256(), secret_key + AT_REJECT, HALF, cipher, MV_MLKEM_CIPHER_LEN);
    (void)pke_encrypt(w.again, secret_key + AT_PUBLIC, w.message, w.both + HALF);
    for (size_t i = 0; i < sizeof w.again; i++) {
        difference |= (uint8_t)(w.again[i] ^ cipher[i]);
    }
    const uint8_t rejected = (uint8_t)((0u - difference) >> 8); /* all ones unless it is 0 */
    for (size_t i = 0; i < HALF; i++) {
        shared[i] = (uint8_t)(w.both[i] ^ (rejected & (w.both[i] ^ w.reject[i])));
    }
    mv_wipe(&w, sizeof w);
}
