/* SPDX-License-Identifier: Apache-2.0
 *
 * keys.h: who can open (identity) and how others name them (card).
 *
 * An identity is a person's or a machine's secret: a hybrid key (X25519 and ML-KEM-768, X-Wing)
 * that opens envelopes and an Ed25519 key that signs them. A passphrase may lock its file. Its card
 * is the signed public half, a file of about 2 kB to hand around; the line "mv1..." (Bech32m of the
 * card's 32-byte hash) is what people compare and paste, and eight groups of digits are what they
 * read aloud.
 *
 * The signing key says who a card belongs to. A renewed card has other dates and the same keys: it
 * takes the place of the old one, and what was sealed for or signed under the old one stays good.
 * An owner who has lost control of a key revokes it by a signed statement.
 *
 * The card book is a folder ($MEDVEIL_HOME/cards) of cards with aliases, so that -r takes a file,
 * an mv1 line or an alias; the revocation list ($MEDVEIL_HOME/revoked) holds the statements.
 */
#ifndef MEDVEIL_KEYS_H
#define MEDVEIL_KEYS_H

#include "medveil/status.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MV_CARD_ID_LEN       32
#define MV_CARD_SEAL_LEN     1216 /* X-Wing public key */
#define MV_CARD_SIGN_LEN     32   /* Ed25519 public key */
#define MV_CARD_NAME_MAX     72   /* "mv1..." and the final zero */
#define MV_CARD_SPOKEN_MAX   48   /* eight groups of five digits and the final zero */
#define MV_CARD_BYTES_MAX    1536
#define MV_CARD_FILE_MAX     8192
#define MV_IDENTITY_FILE_MAX 8192
#define MV_PASSPHRASE_MAX    1024 /* bytes */

typedef struct mv_identity mv_identity; /* secret: locked, wiped by free */

/* Public; plain data, copy freely. Only mv_card_read and mv_identity_card make one, so the
 * signature of an mv_card in memory has been checked and its keys can be used. */
typedef struct mv_card {
    uint8_t id[MV_CARD_ID_LEN]; /* BLAKE2b-256 of the card's bytes */
    uint8_t seal_public[MV_CARD_SEAL_LEN];
    uint8_t sign_public[MV_CARD_SIGN_LEN];
    uint32_t created_day;       /* days since 1970-01-01, UTC */
    uint32_t expires_day;       /* last day of use; 0: none stated */
    bool has_he_public;         /* the next is set */
    uint8_t he_public_hash[32]; /* BLAKE2b-256 of the owner's HE public key */
    uint32_t bytes_len;
    uint8_t bytes[MV_CARD_BYTES_MAX]; /* the signed card itself */
} mv_card;

/* ---- identities ---- */

MV_API MV_MUST_CHECK mv_status mv_identity_generate(mv_identity **out);
MV_API void mv_identity_free(mv_identity **identity);
MV_API void mv_identity_card(mv_card *out, const mv_identity *identity);

/* What a new card says. */
typedef struct mv_card_terms {
    uint32_t created_day;          /* normally mv_today() */
    uint32_t expires_day;          /* 0: none */
    const uint8_t *he_public_hash; /* 32 bytes, or NULL */
} mv_card_terms;

/* mv_identity_renew: another card for the same keys; save the identity afterwards.
 * errors: MV_E_POLICY (created before the present card: a wrong clock), MV_E_ARGUMENT (expires
 * before it is created) */
MV_API MV_MUST_CHECK mv_status mv_identity_renew(mv_identity *identity, const mv_card_terms *terms,
                                                 mv_error *err);

/* Work that a guess of the passphrase costs; NULL for the default, about half a second. */
typedef struct mv_lock_cost {
    uint32_t passes;     /* 1 to 16 */
    uint32_t memory_kib; /* 8 to 1048576 */
} mv_lock_cost;

/* mv_identity_lock: from now on mv_identity_save writes the file locked with this passphrase (any
 * bytes). errors: MV_E_ARGUMENT (empty, too long, cost), MV_E_RANDOM, MV_E_MEMORY */
MV_API MV_MUST_CHECK mv_status mv_identity_lock(mv_identity *identity, const char *passphrase,
                                                size_t len, const mv_lock_cost *cost,
                                                mv_error *err);

/* Where the passphrase of a locked identity comes from; asked at most once per load. ask writes at
 * most MV_PASSPHRASE_MAX bytes to out (wiped afterwards) and their number to len. */
typedef struct mv_unlock {
    mv_status (*ask)(void *user, char *out, size_t *len, const char *path, mv_error *err);
    void *user;
} mv_unlock;

/* Files. Save writes mode 0600; load refuses a file that others can read (MV_E_POLICY, with the
 * chmod command as hint). unlock NULL: a locked identity is refused.
 * errors: MV_E_NOT_FOUND, MV_E_IO, MV_E_FORMAT, MV_E_TRUNCATED, MV_E_EXISTS, MV_E_WRONG_KEY
 * (passphrase), MV_E_MEMORY; *out is then NULL */
MV_API MV_MUST_CHECK mv_status mv_identity_save(const mv_identity *identity, const char *path,
                                                bool overwrite, mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_identity_load(mv_identity **out, const char *path,
                                                const mv_unlock *unlock, mv_error *err);

/* ---- cards ---- */

MV_API MV_MUST_CHECK mv_status mv_card_save(const mv_card *card, const char *path, bool overwrite,
                                            mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_card_load(mv_card *out, const char *path, mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_card_read(mv_card *out, const uint8_t *bytes, size_t len,
                                            mv_error *err);

MV_API void mv_card_name(char out[MV_CARD_NAME_MAX], const uint8_t id[MV_CARD_ID_LEN]);
MV_API MV_MUST_CHECK mv_status mv_card_name_parse(uint8_t id[MV_CARD_ID_LEN], const char *name);

/* mv_card_spoken: "12345 67890 ...", 133 bits of a hash of the two keys; the same for a renewed
 * card. */
MV_API void mv_card_spoken(char out[MV_CARD_SPOKEN_MAX], const mv_card *card);

/* mv_card_same_owner: both are signed by the same key: one may be a renewal of the other. */
MV_API bool mv_card_same_owner(const mv_card *a, const mv_card *b);

typedef enum mv_card_state {
    MV_CARD_VALID,
    MV_CARD_EXPIRES_SOON, /* within 30 days */
    MV_CARD_EXPIRED,
    MV_CARD_NOT_YET /* created later than tomorrow: this clock or that one is wrong */
} mv_card_state;

MV_API uint32_t mv_today(void); /* days since 1970-01-01, UTC, by this machine's clock */
MV_API mv_card_state mv_card_state_on(const mv_card *card, uint32_t day);

/* mv_card_check: whether to seal for this card on this day: not expired, not of the future, not
 * revoked. errors: MV_E_POLICY with a sentence and a hint */
MV_API MV_MUST_CHECK mv_status mv_card_check(const mv_card *card, uint32_t day, mv_error *err);

/* ---- the card book ---- */

/* mv_card_book_add: alias NULL or "": none. A renewed card replaces the one it renews and keeps its
 * alias. errors: MV_E_EXISTS (alias taken), MV_E_POLICY (revoked, or the book has a newer card of
 * this owner), MV_E_ARGUMENT (alias), MV_E_IO */
MV_API MV_MUST_CHECK mv_status mv_card_book_add(const mv_card *card, const char *alias,
                                                mv_error *err);
/* mv_card_book_remove: by alias or mv1 line. errors: MV_E_NOT_FOUND, MV_E_IO */
MV_API MV_MUST_CHECK mv_status mv_card_book_remove(const char *name_or_alias, mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_card_book_each(mv_status (*visit)(void *user, const mv_card *card,
                                                                    const char *alias),
                                                 void *user, mv_error *err);
/* mv_card_find: what -r takes: a card file's path, an mv1 line, or an alias. Does not check dates
 * or revocation. errors: MV_E_NOT_FOUND, MV_E_FORMAT, MV_E_AUTH, MV_E_IO */
MV_API MV_MUST_CHECK mv_status mv_card_find(mv_card *out, const char *path_name_or_alias,
                                            mv_error *err);
/* mv_card_alias: the book's alias for the owner of this card, or false. */
MV_API bool mv_card_alias(char *out, size_t cap, const mv_card *card);

/* ---- revocation ---- */

/* "From this day on, trust nothing under my signing key." Only mv_revocation_read makes one, so its
 * signature has been checked. */
typedef struct mv_revocation {
    uint8_t sign_public[MV_CARD_SIGN_LEN];
    uint32_t day;
    uint8_t signature[64];
} mv_revocation;

MV_API MV_MUST_CHECK mv_status mv_revocation_make(mv_revocation *out, const mv_identity *identity,
                                                  uint32_t day);
MV_API MV_MUST_CHECK mv_status mv_revocation_save(const mv_revocation *revocation, const char *path,
                                                  bool overwrite, mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_revocation_load(mv_revocation *out, const char *path,
                                                  mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_revocation_read(mv_revocation *out, const uint8_t *bytes,
                                                  size_t len, mv_error *err);

/* mv_revocation_add: put it on this user's list; again is no error. */
MV_API MV_MUST_CHECK mv_status mv_revocation_add(const mv_revocation *revocation, mv_error *err);

/* mv_card_revoked: the list has a statement about the card's owner; *day is its day, or 0 when the
 * statement on the list cannot be read any more, which revokes all the same. */
MV_API bool mv_card_revoked(uint32_t *day, const mv_card *card);

#ifdef __cplusplus
}
#endif
#endif
