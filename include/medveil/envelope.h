/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope.h: the .mv file: what travels under BFV, what under AEAD, and for whom.
 *
 * Sealing makes a fresh 32-byte envelope key (AEAD and commitment only) and, unless one is given, a
 * fresh 32-byte collection key (the paper's K, from which the HE secret is expanded); both are
 * wrapped to every recipient. Sections are streams of authenticated records: meta, features (BFV
 * ciphertext), exact (the original bytes), signature. The outer header shows version, number of
 * unnamed wraps and the padded length, nothing else. Opening checks, in this order: wrap,
 * commitment, record authentication, sender signature; only then is anything decrypted under HE.
 * Every authentication failure is one indistinct MV_E_AUTH.
 * Format 0 is unstable: files of this version are for trials. docs/formats/mv.md has every byte.
 */
#ifndef MEDVEIL_ENVELOPE_H
#define MEDVEIL_ENVELOPE_H

#include "medveil/bfv.h"
#include "medveil/codec.h"
#include "medveil/keys.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MV_ENVELOPE_MAGIC          "medveil\x1a" /* what every .mv starts with */
#define MV_ENVELOPE_MAGIC_LEN      8
#define MV_ENVELOPE_LEN_MAX        ((uint64_t)1 << 30)
#define MV_ENVELOPE_RECIPIENTS_MAX 64

/* What goes in and what comes out. */
typedef struct mv_content {
    mv_code code;        /* features; code.feature_count 0: none travel. meta.width 0: no image */
    char file_name[256]; /* base name of the original in UTF-8, or ""; travels encrypted */
    uint8_t *exact;      /* original bytes; NULL: lossy */
    size_t exact_len;
} mv_content;

MV_API void mv_content_clear(mv_content *content); /* wipes and frees code.feature and exact */

typedef struct mv_seal_opts {
    const mv_identity *sender; /* NULL: anonymous, and shown so */
    const mv_card *recipient;  /* at least one */
    size_t recipient_count;
    const mv_he_set *set;          /* for the features; NULL: pack4096 */
    uint32_t sums;                 /* n of the pack shape; 0 means 1 */
    const uint8_t *collection_key; /* MV_COLLECTION_KEY_LEN bytes; NULL: fresh */
} mv_seal_opts;

/* Times and sizes of one sealing or opening, for --json and the bench. */
typedef struct mv_envelope_stats {
    double he_ms;            /* HE part alone */
    double total_ms;         /* the whole call */
    size_t bytes_features;   /* raw features at their bit width */
    size_t bytes_ciphertext; /* of the features */
    size_t bytes_exact;
    size_t bytes_total;   /* the .mv */
    const mv_he_set *set; /* of the features; NULL: none are inside */
    bool exact_kept;      /* the original bytes are inside */
} mv_envelope_stats;

/* mv_envelope_seal: the whole .mv into a fresh allocation (*out, freed with
 * mv_envelope_free_bytes). stats may be NULL.
 * errors: MV_E_ARGUMENT, MV_E_LIMIT, MV_E_RANGE, MV_E_RANDOM, MV_E_MEMORY; *out is then NULL */
MV_API MV_MUST_CHECK mv_status mv_envelope_seal(uint8_t **out, size_t *out_len,
                                                mv_envelope_stats *stats, const mv_content *content,
                                                const mv_seal_opts *opts, mv_error *err);
MV_API void mv_envelope_free_bytes(uint8_t **bytes, size_t len);

/* Who sealed it. */
typedef struct mv_sender {
    bool anonymous;
    mv_card card; /* valid unless anonymous */
} mv_sender;

enum {
    MV_OPEN_FEATURES = 1, /* decrypt the features */
    MV_OPEN_EXACT = 2,    /* give the original bytes */
    MV_OPEN_ALL = 3
};

/* mv_envelope_open: everything is authenticated whatever is asked for; what says which parts to
 * give (0: meta, file name and sender only). stats may be NULL. The original bytes are checked
 * against the hash that the sender took of them.
 * errors: MV_E_FORMAT, MV_E_TRUNCATED, MV_E_LIMIT (before any key is used), MV_E_WRONG_KEY (no wrap
 * opens with this identity), MV_E_AUTH; MV_E_FORMAT, MV_E_RANGE (an authentic envelope made
 * wrongly); MV_E_MEMORY. All outputs are zero on error. */
MV_API MV_MUST_CHECK mv_status mv_envelope_open(mv_content *out, mv_sender *sender,
                                                mv_envelope_stats *stats, const uint8_t *bytes,
                                                size_t len, const mv_identity *identity,
                                                unsigned what, mv_error *err);

/* What anybody sees without a key. */
typedef struct mv_envelope_outside {
    uint32_t version;
    uint32_t wrap_count;
    uint64_t padded_len; /* body bytes, padded to a length class */
    uint64_t total_len;
} mv_envelope_outside;

MV_API MV_MUST_CHECK mv_status mv_envelope_inspect(mv_envelope_outside *out, const uint8_t *bytes,
                                                   size_t len, mv_error *err);

#ifdef __cplusplus
}
#endif
#endif
