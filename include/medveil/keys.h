/* SPDX-License-Identifier: Apache-2.0
 *
 * keys.h: who can open (identity) and how others name them (card).
 *
 * An identity is a person's or a machine's secret: an X25519 key that opens envelopes and an
 * Ed25519 key that signs them. Its card is the signed public half, a small file to hand around; the
 * line "mv1..." (Bech32m of the card's 32-byte hash) is what people compare and paste. The card
 * book is a folder ($MEDVEIL_HOME/cards) of cards with aliases, so that -r takes a file, an mv1
 * line or an alias.
 */
#ifndef MEDVEIL_KEYS_H
#define MEDVEIL_KEYS_H

#include "medveil/status.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MV_CARD_ID_LEN       32
#define MV_CARD_NAME_MAX     72 /* "mv1..." and the final zero */
#define MV_CARD_BYTES_MAX    256
#define MV_CARD_FILE_MAX     4096
#define MV_IDENTITY_FILE_MAX 4096

typedef struct mv_identity mv_identity; /* secret: locked, wiped by free */

/* Public; plain data, copy freely. Only mv_card_read and mv_identity_card make one, so the
 * signature of an mv_card in memory has been checked. */
typedef struct mv_card {
    uint8_t id[MV_CARD_ID_LEN]; /* BLAKE2b-256 of the card's bytes */
    uint8_t seal_public[32];    /* X25519 */
    uint8_t sign_public[32];    /* Ed25519 */
    uint32_t created_day;       /* days since 1970-01-01 */
    uint32_t bytes_len;
    uint8_t bytes[MV_CARD_BYTES_MAX]; /* the signed card itself */
} mv_card;

MV_API MV_MUST_CHECK mv_status mv_identity_generate(mv_identity **out);
MV_API void mv_identity_free(mv_identity **identity);
MV_API void mv_identity_card(mv_card *out, const mv_identity *identity);

/* Files. Save writes mode 0600; load refuses a file that others can read (MV_E_POLICY, with the
 * chmod command as hint). errors: MV_E_NOT_FOUND, MV_E_IO, MV_E_FORMAT, MV_E_EXISTS */
MV_API MV_MUST_CHECK mv_status mv_identity_save(const mv_identity *identity, const char *path,
                                                bool overwrite, mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_identity_load(mv_identity **out, const char *path, mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_card_save(const mv_card *card, const char *path, bool overwrite,
                                            mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_card_load(mv_card *out, const char *path, mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_card_read(mv_card *out, const uint8_t *bytes, size_t len,
                                            mv_error *err);

MV_API void mv_card_name(char out[MV_CARD_NAME_MAX], const uint8_t id[MV_CARD_ID_LEN]);
MV_API MV_MUST_CHECK mv_status mv_card_name_parse(uint8_t id[MV_CARD_ID_LEN], const char *name);

/* The card book. alias NULL or "": none. errors: MV_E_EXISTS (alias taken), MV_E_NOT_FOUND, MV_E_IO
 */
MV_API MV_MUST_CHECK mv_status mv_card_book_add(const mv_card *card, const char *alias,
                                                mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_card_book_each(mv_status (*visit)(void *user, const mv_card *card,
                                                                    const char *alias),
                                                 void *user, mv_error *err);
/* mv_card_find: what -r takes: a card file's path, an mv1 line, or an alias. */
MV_API MV_MUST_CHECK mv_status mv_card_find(mv_card *out, const char *path_name_or_alias,
                                            mv_error *err);
/* mv_card_alias: the book's alias for this card, or false. */
MV_API bool mv_card_alias(char *out, size_t cap, const uint8_t id[MV_CARD_ID_LEN]);

#ifdef __cplusplus
}
#endif
#endif
