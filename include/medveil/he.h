/* SPDX-License-Identifier: Apache-2.0
 *
 * he.h: computing on encrypted numbers: what BFV (bfv.h) and CKKS (ckks.h) share.
 *
 * The model. A *set* fixes a ring of polynomials modulo X^N + 1, a chain of primes and the scheme.
 * A *plain* is one row of numbers, the *slots*, as a polynomial; a *cipher* hides one. Adding or
 * multiplying ciphers adds or multiplies slot by slot; rotating moves the slots along the row.
 *
 *     collection key --> mv_he_key (secret)  --> mv_he_public   anyone may encrypt
 *                                            --> mv_he_eval_key  a server may multiply or rotate
 *     numbers --encode--> mv_plain --encrypt--> mv_cipher --(add, mul, rotate)--> mv_cipher
 *                                               mv_cipher --decrypt (secret key)--> numbers
 *
 * Every cipher carries a bound on its noise, which each operation raises. An operation whose result
 * could not be decrypted any more is refused with MV_E_NOISE; garbage does not come out. The bound
 * of a slot set is a tail bound: by the variance model of docs/modules/he.md it fails with
 * probability below 2^-128. Multiplying and dropping a prime lower the *level*; levels and CKKS
 * scales are matched by the library. Operands of two sets are refused with MV_E_MISMATCH.
 *
 * Sets and keys are immutable and may be shared by threads. A *work* is the scratch memory of one
 * thread. Outputs may be the same object as inputs. On error an output cipher is empty.
 * In practice: find a set, make a key and one work, encode, encrypt, compute, decrypt. Every call
 * returns a status; mv_status_sentence says it in words. Free objects with their _free, which takes
 * NULL. A whole dialogue: examples/04_encrypted_dot_product.c,
 *     cc 04_encrypted_dot_product.c $(pkg-config --cflags --libs medveil)
 *
 * Nothing here authenticates: open only ciphers that an envelope has authenticated, and never let
 * the maker of a cipher see how its decryption went.
 */
#ifndef MEDVEIL_HE_H
#define MEDVEIL_HE_H

#include "medveil/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The collection key is the secret that all others follow from: 32 bytes from the operating system
 * (getrandom), or what a collection of envelope.h holds. One key serves every set. Keep it as any
 * secret, wipe it after use. */
#define MV_COLLECTION_KEY_LEN 32

typedef enum mv_he_scheme { MV_HE_PACK, MV_HE_BFV, MV_HE_CKKS } mv_he_scheme;

/* How a cipher was made: with the secret key (9), or with the public key (8), (12). */
typedef enum mv_he_form { MV_HE_SYM, MV_HE_PK } mv_he_form;

/* A checked, immutable parameter set; shared freely between threads; static, never freed. */
typedef struct mv_he_set mv_he_set;

/* mv_he_set_find: the set of this name, else NULL; docs/modules/he.md lists them. */
MV_API const mv_he_set *mv_he_set_find(const char *name);
MV_API const mv_he_set *mv_he_set_at(size_t i); /* NULL past the last */
MV_API const char *mv_he_set_name(const mv_he_set *set);
MV_API const char *mv_he_set_purpose(const mv_he_set *set); /* one line, says classical-only */
MV_API mv_he_scheme mv_he_set_scheme(const mv_he_set *set);
MV_API uint32_t mv_he_set_degree(const mv_he_set *set);        /* N */
MV_API uint32_t mv_he_set_modulus_bits(const mv_he_set *set);  /* all primes */
MV_API uint32_t mv_he_set_slots(const mv_he_set *set);         /* BFV: N; CKKS: N/2; pack: 0 */
MV_API uint32_t mv_he_set_level(const mv_he_set *set);         /* of a fresh cipher */
MV_API uint64_t mv_he_set_plain_modulus(const mv_he_set *set); /* BFV: t, else 0 */

/* Scratch memory for one thread and one set; wiped when freed. */
typedef struct mv_he_work mv_he_work;
MV_API MV_MUST_CHECK mv_status mv_he_work_new(mv_he_work **out, const mv_he_set *set);
MV_API void mv_he_work_free(mv_he_work **work);

/* ---- Keys ---- */

/* The secret of one collection in one set: locked memory, wiped by free. One thread at a time may
 * make or free it; any number may use it. errors: MV_E_ARGUMENT, MV_E_MEMORY */
typedef struct mv_he_key mv_he_key;
MV_API MV_MUST_CHECK mv_status mv_he_key_new(mv_he_key **out, const mv_he_set *set,
                                             const uint8_t collection_key[MV_COLLECTION_KEY_LEN]);
MV_API void mv_he_key_free(mv_he_key **key);

/* The public key: encrypts, and opens nothing; of any set. Immutable, shared by threads. */
typedef struct mv_he_public mv_he_public;
MV_API MV_MUST_CHECK mv_status mv_he_public_new(mv_he_public **out, const mv_he_key *key);
MV_API void mv_he_public_free(mv_he_public **key);
MV_API const mv_he_set *mv_he_public_set(const mv_he_public *key);

/* An evaluation key lets a server do one thing: relinearise, rotate by one number of steps, or swap
 * (BFV: the two rows; CKKS: conjugate). It opens nothing. Steps may be negative.
 * errors: MV_E_UNSUPPORTED (a pack set), MV_E_ARGUMENT (steps), MV_E_RANDOM, MV_E_MEMORY */
typedef struct mv_he_eval_key mv_he_eval_key;
MV_API MV_MUST_CHECK mv_status mv_he_eval_key_relin(mv_he_eval_key **out, const mv_he_key *key);
MV_API MV_MUST_CHECK mv_status mv_he_eval_key_rotate(mv_he_eval_key **out, const mv_he_key *key,
                                                     int32_t steps);
MV_API MV_MUST_CHECK mv_status mv_he_eval_key_swap(mv_he_eval_key **out, const mv_he_key *key);
MV_API void mv_he_eval_key_free(mv_he_eval_key **key);

/* The evaluation keys a server has of one secret; operations look up what they need in it and
 * return MV_E_NOT_FOUND when it is not there. Add keys one by one; then shared by threads. */
typedef struct mv_he_eval_keys mv_he_eval_keys;
MV_API MV_MUST_CHECK mv_status mv_he_eval_keys_new(mv_he_eval_keys **out, const mv_he_set *set);
/* mv_he_eval_keys_add: takes *key over and leaves NULL; one of the same kind is replaced.
 * errors: MV_E_MISMATCH, MV_E_MEMORY; *key is then still yours */
MV_API MV_MUST_CHECK mv_status mv_he_eval_keys_add(mv_he_eval_keys *keys, mv_he_eval_key **key);
MV_API void mv_he_eval_keys_free(mv_he_eval_keys **keys);

/* ---- Plains and ciphers ---- */

typedef struct mv_plain mv_plain; /* made by mv_bfv_encode or mv_ckks_encode; wiped when freed */
MV_API MV_MUST_CHECK mv_status mv_plain_new(mv_plain **out, const mv_he_set *set);
MV_API void mv_plain_free(mv_plain **plain);

typedef struct mv_cipher mv_cipher; /* empty when new */
MV_API MV_MUST_CHECK mv_status mv_cipher_new(mv_cipher **out, const mv_he_set *set);
MV_API void mv_cipher_free(mv_cipher **cipher);
MV_API MV_MUST_CHECK mv_status mv_cipher_copy(mv_cipher *out, const mv_cipher *in);
MV_API const mv_he_set *mv_cipher_set(const mv_cipher *cipher);
MV_API uint32_t
mv_cipher_polys(const mv_cipher *cipher); /* 0 empty, 2, or 3 before relinearising */
MV_API uint32_t mv_cipher_level(const mv_cipher *cipher);
/* mv_cipher_margin_bits: how far the noise bound is below where decryption would be refused; 0 when
 * none is left. BFV: bits of noise; CKKS: correct bits of the message's bound. */
MV_API double mv_cipher_margin_bits(const mv_cipher *cipher);

/* mv_he_encrypt: with the secret key; half the bytes, c1 is a seed.
 * mv_he_encrypt_public: with the public key. CKKS plains of any level; BFV always at the top.
 * errors: MV_E_MISMATCH, MV_E_ARGUMENT (an empty plain), MV_E_RANDOM */
MV_API MV_MUST_CHECK mv_status mv_he_encrypt(mv_he_work *work, mv_cipher *out, const mv_he_key *key,
                                             const mv_plain *plain);
MV_API MV_MUST_CHECK mv_status mv_he_encrypt_public(mv_he_work *work, mv_cipher *out,
                                                    const mv_he_public *key, const mv_plain *plain);

/* ---- Operations; all return MV_E_NOISE rather than a cipher that cannot be decrypted, MV_E_LEVEL
 * when no prime is left to drop, MV_E_ARGUMENT for empty operands ---- */

MV_API MV_MUST_CHECK mv_status mv_he_add(mv_he_work *work, mv_cipher *out, const mv_cipher *a,
                                         const mv_cipher *b);
MV_API MV_MUST_CHECK mv_status mv_he_sub(mv_he_work *work, mv_cipher *out, const mv_cipher *a,
                                         const mv_cipher *b);
MV_API MV_MUST_CHECK mv_status mv_he_negate(mv_cipher *out, const mv_cipher *a);
MV_API MV_MUST_CHECK mv_status mv_he_add_plain(mv_he_work *work, mv_cipher *out, const mv_cipher *a,
                                               const mv_plain *b);
MV_API MV_MUST_CHECK mv_status mv_he_sub_plain(mv_he_work *work, mv_cipher *out, const mv_cipher *a,
                                               const mv_plain *b);
MV_API MV_MUST_CHECK mv_status mv_he_mul_plain(mv_he_work *work, mv_cipher *out, const mv_cipher *a,
                                               const mv_plain *b);

/* mv_he_mul: the product. With keys it is relinearised at once (two polynomials); with NULL it has
 * three, which can be added and decrypted but not multiplied or rotated. */
MV_API MV_MUST_CHECK mv_status mv_he_mul(mv_he_work *work, mv_cipher *out, const mv_cipher *a,
                                         const mv_cipher *b, const mv_he_eval_keys *keys);
MV_API MV_MUST_CHECK mv_status mv_he_square(mv_he_work *work, mv_cipher *out, const mv_cipher *a,
                                            const mv_he_eval_keys *keys);
MV_API MV_MUST_CHECK mv_status mv_he_relinearise(mv_he_work *work, mv_cipher *out,
                                                 const mv_cipher *a, const mv_he_eval_keys *keys);

/* mv_he_drop: divide by the last prime and drop it. BFV: modulus switching, the message stays, the
 * cipher shrinks. CKKS: rescaling; the library does it before it is needed. */
MV_API MV_MUST_CHECK mv_status mv_he_drop(mv_he_work *work, mv_cipher *out, const mv_cipher *a);

/* mv_he_rotate: slot j becomes what slot j + steps was, round the row (BFV: in both rows).
 * mv_he_swap: BFV: the two rows change places; CKKS: complex conjugates.
 * mv_he_rotate_many: out[k] = a rotated by steps[k]; the costly half is done once for all. */
MV_API MV_MUST_CHECK mv_status mv_he_rotate(mv_he_work *work, mv_cipher *out, const mv_cipher *a,
                                            int32_t steps, const mv_he_eval_keys *keys);
MV_API MV_MUST_CHECK mv_status mv_he_swap(mv_he_work *work, mv_cipher *out, const mv_cipher *a,
                                          const mv_he_eval_keys *keys);
MV_API MV_MUST_CHECK mv_status mv_he_rotate_many(mv_he_work *work, mv_cipher *const *out,
                                                 const int32_t *steps, size_t count,
                                                 const mv_cipher *a, const mv_he_eval_keys *keys);

/* mv_he_mul_monomial: times X^k, for coefficient-packed contents; 0 <= k < 2N; noise unchanged. */
MV_API MV_MUST_CHECK mv_status mv_he_mul_monomial(mv_he_work *work, mv_cipher *out,
                                                  const mv_cipher *a, uint32_t k);

/* mv_he_sum_slots: every slot becomes the sum of the count slots beginning there, round the row;
 * count a power of two, up to the row. Needs the rotations 1, 2, 4 .. count/2. A count of twice the
 * BFV row needs the swap too and sums all slots.
 * mv_he_inner: sum_slots of a times b. mv_he_inner_plain: the same with a plain b. */
MV_API MV_MUST_CHECK mv_status mv_he_sum_slots(mv_he_work *work, mv_cipher *out, const mv_cipher *a,
                                               uint32_t count, const mv_he_eval_keys *keys);
MV_API MV_MUST_CHECK mv_status mv_he_inner(mv_he_work *work, mv_cipher *out, const mv_cipher *a,
                                           const mv_cipher *b, uint32_t count,
                                           const mv_he_eval_keys *keys);
MV_API MV_MUST_CHECK mv_status mv_he_inner_plain(mv_he_work *work, mv_cipher *out,
                                                 const mv_cipher *a, const mv_plain *b,
                                                 uint32_t count, const mv_he_eval_keys *keys);

/* ---- A plain matrix times an encrypted vector ----
 *
 * y = M x for M of rows x cols plain numbers, x encrypted. Let D, R be cols and rows rounded up to
 * powers of two, R at least D. The slots hold several copies of x, turned against each other, so
 * that D / copies products with the diagonals of M suffice, and the copies' parts of y are added
 * after decryption. Baby steps, giant steps: only two rotation keys are needed, mv_he_matrix_steps;
 * with the rotations 1, 2 .. steps[1] - 1 there too the baby steps share their costly half. */
typedef struct mv_he_matrix_shape {
    uint32_t rows; /* at most the slots */
    uint32_t cols; /* at most half a BFV cipher's, or all of a CKKS cipher's slots */
} mv_he_matrix_shape;
typedef struct mv_he_matrix mv_he_matrix; /* mv_bfv_matrix_new, mv_ckks_matrix_new; immutable */
MV_API void mv_he_matrix_free(mv_he_matrix **matrix);
MV_API MV_MUST_CHECK mv_status mv_he_matrix_steps(int32_t steps[2], const mv_he_set *set,
                                                  const mv_he_matrix_shape *shape);
MV_API MV_MUST_CHECK mv_status mv_he_matrix_mul(mv_he_work *work, mv_cipher *out,
                                                const mv_he_matrix *matrix, const mv_cipher *x,
                                                const mv_he_eval_keys *keys);

/* ---- Bytes (docs/formats/he.md) ----
 *
 * Sizes are known beforehand. Readers check every field, every residue and the length; they return
 * MV_E_FORMAT, MV_E_TRUNCATED, MV_E_RANGE, or MV_E_MISMATCH for another set. The noise and the
 * bound in the bytes are only as good as their sender: after reading a cipher that was computed by
 * somebody else, call mv_cipher_expect with a cipher that went through the same circuit here. */
MV_API size_t mv_cipher_size(const mv_cipher *cipher); /* seeded: c1 is 32 bytes; 0 when empty */
MV_API MV_MUST_CHECK mv_status mv_cipher_write(uint8_t *out, size_t cap, size_t *written,
                                               const mv_cipher *cipher);
MV_API MV_MUST_CHECK mv_status mv_cipher_read(mv_cipher *out, const uint8_t *bytes, size_t len);

/* mv_cipher_reply: a cipher that will only be decrypted, as small as its noise allows: at the
 * lowest level and without the low bits, of which the bound knows. mv_cipher_read reads it.
 * mv_cipher_reply_size: the most that it takes for this set. */
MV_API size_t mv_cipher_reply_size(const mv_he_set *set);
MV_API MV_MUST_CHECK mv_status mv_cipher_reply(mv_he_work *work, uint8_t *out, size_t cap,
                                               size_t *written, const mv_cipher *cipher);

/* mv_cipher_expect: take noise and bound from model, which has the same shape, instead of from the
 * bytes. errors: MV_E_MISMATCH */
MV_API MV_MUST_CHECK mv_status mv_cipher_expect(mv_cipher *cipher, const mv_cipher *model);

MV_API size_t mv_he_public_size(const mv_he_set *set);
MV_API MV_MUST_CHECK mv_status mv_he_public_write(uint8_t *out, size_t cap, size_t *written,
                                                  const mv_he_public *key);
MV_API MV_MUST_CHECK mv_status mv_he_public_read(mv_he_public **out, const uint8_t *bytes,
                                                 size_t len);
MV_API size_t mv_he_eval_key_size(const mv_he_set *set); /* of one */
MV_API MV_MUST_CHECK mv_status mv_he_eval_key_write(uint8_t *out, size_t cap, size_t *written,
                                                    const mv_he_eval_key *key);
MV_API MV_MUST_CHECK mv_status mv_he_eval_key_read(mv_he_eval_key **out, const uint8_t *bytes,
                                                   size_t len);

#ifdef __cplusplus
}
#endif
#endif
