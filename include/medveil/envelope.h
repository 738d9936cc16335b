/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope.h: the .mv file: one image or a whole study, sealed for those who may open it.
 *
 * Sealing makes a fresh 32-byte envelope key (AEAD and commitment only) and, unless one is given, a
 * fresh 32-byte collection key (the paper's K, from which the HE secret is expanded); both are
 * wrapped to every recipient by X25519 and ML-KEM-768 together. Inside is a manifest (names, sizes,
 * descriptions), then each member's features and embedding (ciphertexts) and its original bytes as
 * streams of authenticated records, then the sender's signature. The outer header shows version,
 * number of unnamed wraps and the padded length, nothing else.
 *
 * A sealer is given its members and writes everything in one call. An opener does not exist before
 * the whole file has been authenticated: wrap, commitment, every byte, padding, sender's signature;
 * what it then gives was sealed by that sender. Both use a few hundred kB whatever the size, beside
 * the features of one image. Every authentication failure is one indistinct MV_E_AUTH.
 * docs/formats/mv.md has every byte; files of format 1 stay readable.
 */
#ifndef MEDVEIL_ENVELOPE_H
#define MEDVEIL_ENVELOPE_H

#include "medveil/codec.h"
#include "medveil/embedding.h"
#include "medveil/feature.h"
#include "medveil/keys.h"

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MV_ENVELOPE_MAGIC          "medveil\x1a" /* what every .mv starts with */
#define MV_ENVELOPE_MAGIC_LEN      8
#define MV_ENVELOPE_LEN_MAX        ((uint64_t)1 << 40)
#define MV_ENVELOPE_RECIPIENTS_MAX 64
#define MV_ENVELOPE_MEMBERS_MAX    4096
#define MV_MEMBER_FURTHER_MAX      4
#define MV_FILE_NAME_MAX           1024 /* with the final zero; a part of it is below 256 bytes */
#define MV_COLLECTION_ID_LEN       32

/* ---- where bytes come from and go to ---- */

/* Bytes that can be read at any place, more than once. bytes not NULL: they lie in memory and are
 * borrowed; otherwise read gives exactly len bytes from place at, or a status. */
typedef struct mv_source {
    const uint8_t *bytes;
    mv_status (*read)(void *user, uint64_t at, uint8_t *out, size_t len, mv_error *err);
    void *user;
    uint64_t len;
} mv_source;

typedef struct mv_sink {
    mv_status (*write)(void *user, const uint8_t *bytes, size_t len, mv_error *err);
    void *user;
} mv_sink;

MV_API mv_source mv_source_memory(const uint8_t *bytes, size_t len);

/* mv_source_file: stream must be seekable and stays the caller's. errors: MV_E_IO */
MV_API MV_MUST_CHECK mv_status mv_source_file(mv_source *out, FILE *stream, mv_error *err);
MV_API mv_sink mv_sink_file(FILE *stream);

/* ---- sealing ---- */

/* The public half of a collection: whoever has it seals features that its holders open; below. */
typedef struct mv_collection_public mv_collection_public;

/* Nothing is sealed for a card that has expired, is of the future or was revoked (MV_E_POLICY),
 * unless the program says that it means it. */
enum { MV_SEAL_EXPIRED = 1, MV_SEAL_REVOKED = 2 };

/* How raw samples are coded: JPEG-LS is fast; the trained pixel coder takes about ten times as long
 * each way and mostly gives fewer bytes; best: of each strip of at most 2^20 samples the smaller.
 */
typedef enum mv_exact_choice { MV_EXACT_JPEGLS, MV_EXACT_BEST, MV_EXACT_PIXELS } mv_exact_choice;

typedef struct mv_seal_opts {
    const mv_identity *sender; /* NULL: anonymous, and shown so */
    const mv_card *recipient;  /* at least one */
    size_t recipient_count;
    const mv_card *archive;        /* NULL, or a further recipient of whom every receiver is told */
    const mv_he_set *set;          /* for the features; NULL: pack4096, or that of the public key */
    mv_he_form form;               /* of features and embedding; a public key makes it MV_HE_PK */
    uint32_t sums;                 /* n of the shape; 0 means 1 */
    const uint8_t *collection_key; /* MV_COLLECTION_KEY_LEN bytes; NULL: fresh */
    /* Or the public half of somebody's collection: its key does not travel, and a recipient needs
     * the collection to open the features. */
    const mv_collection_public *collection_public;
    unsigned accept;       /* MV_SEAL_ flags */
    uint32_t max_error;    /* 0: originals come back bit for bit; 1..255: no sample further off */
    mv_exact_choice exact; /* how raw samples of originals are coded */
    unsigned threads;      /* that coding may use; 0: as many as there are processors */
} mv_seal_opts;

/* Times and sizes, for --json and the bench. */
typedef struct mv_envelope_stats {
    double he_ms;              /* HE part alone */
    double total_ms;           /* the whole call */
    uint64_t bytes_features;   /* raw features at their bit width */
    uint64_t bytes_ciphertext; /* of the features */
    uint64_t bytes_embedding;  /* of the embeddings' ciphertexts */
    uint64_t bytes_compact;    /* of the compact images, as they travel */
    uint64_t bytes_exact;      /* of the originals */
    uint64_t bytes_coded;      /* what they take inside */
    uint64_t bytes_total;      /* the .mv */
    uint64_t bytes_padding;    /* of it, what hides its length; known when sealing */
    const mv_he_set *set;      /* of the features; NULL: none are inside */
    mv_he_form form;
    bool exact_kept; /* the original bytes are inside, of every member */
} mv_envelope_stats;

/* One envelope in the making. Belongs to one thread at a time. */
typedef struct mv_sealer mv_sealer;

/* mv_sealer_new: cards, sender and public key are borrowed until the sealer is freed.
 * errors: MV_E_ARGUMENT, MV_E_LIMIT, MV_E_POLICY (a card that is not to be used, or that is bound
 * to another HE public key than the collection's), MV_E_RANDOM, MV_E_MEMORY */
MV_API MV_MUST_CHECK mv_status mv_sealer_new(mv_sealer **out, const mv_seal_opts *opts,
                                             mv_error *err);

/* mv_sealer_add: one member. code NULL: neither features nor a description; exact NULL: the
 * original is left out, and without features a compact image must follow. The features are
 * encrypted at once. Raw samples in exact are coded at once where that rebuilds the file and makes
 * it smaller; otherwise it is read when the sealer finishes, until when it is borrowed.
 * Several members need names, each its own, none the folder of another. errors: MV_E_ARGUMENT,
 * MV_E_RANGE, MV_E_LIMIT, MV_E_MEMORY, MV_E_RANDOM, MV_E_IO (spool), those of exact;
 * MV_E_UNSUPPORTED (a max_error, but no raw samples) */
MV_API MV_MUST_CHECK mv_status mv_sealer_add(mv_sealer *sealer, const char *file_name,
                                             const mv_code *code, const mv_source *exact,
                                             mv_error *err);

/* What is given is sealed, whatever it costs. Who wants features only where they are smaller than
 * the original adds the member with their description alone (mv_codec_describe, no features),
 * compares the next two, and makes and adds the features or leaves them. */

/* mv_sealer_exact_len: bytes that the original of the member added last takes inside; 0: none. */
MV_API uint64_t mv_sealer_exact_len(const mv_sealer *sealer);

/* mv_sealer_features_len: bytes that features of this description take once encrypted.
 * errors: MV_E_ARGUMENT (the set cannot hold them), those of mv_code_expect */
MV_API MV_MUST_CHECK mv_status mv_sealer_features_len(uint64_t *out, const mv_sealer *sealer,
                                                      const mv_code_meta *meta, mv_error *err);

/* mv_sealer_features: of the member added last, which has none yet; encrypted at once.
 * errors: MV_E_ARGUMENT (no member, features or a compact image already), those of mv_sealer_add */
MV_API MV_MUST_CHECK mv_status mv_sealer_features(mv_sealer *sealer, const mv_code *code,
                                                  mv_error *err);

/* mv_sealer_embed: the embedding of the member added last; pack4096 in the envelope's form.
 * errors: MV_E_ARGUMENT (no member, a second one, no public key of pack4096), MV_E_RANGE
 * (mv_embedding_check), those of mv_sealer_add */
MV_API MV_MUST_CHECK mv_status mv_sealer_embed(mv_sealer *sealer, const mv_embedding *embedding,
                                               mv_error *err);
/* mv_sealer_further: a further section of the member that was added last, copied; kinds go up.
 * errors: MV_E_ARGUMENT, MV_E_LIMIT, MV_E_MEMORY, MV_E_RANDOM, MV_E_IO (spool) */
MV_API MV_MUST_CHECK mv_status mv_sealer_further(mv_sealer *sealer, uint32_t kind,
                                                 const uint8_t *bytes, size_t len, mv_error *err);

/* mv_sealer_compact: a compact image (medveil/veil.h) of the member that was added last, which must
 * be described and have no features: under the envelope key, or, he, as bytes under the features'
 * set and form as well; nothing can be computed on it either way.
 * errors: those of mv_sealer_further; MV_E_ARGUMENT also when the set cannot hold bytes */
MV_API MV_MUST_CHECK mv_status mv_sealer_compact(mv_sealer *sealer, const uint8_t *bytes,
                                                 size_t len, bool he, mv_error *err);

/* mv_sealer_len: bytes of the .mv that finish will write; errors as finish. */
MV_API MV_MUST_CHECK mv_status mv_sealer_len(uint64_t *out, mv_sealer *sealer, mv_error *err);

/* mv_sealer_finish: the whole .mv into the sink, once: whether it works or not, this sealer seals
 * nothing more, so that no key is used twice. stats may be NULL.
 * errors: MV_E_ARGUMENT, MV_E_LIMIT, MV_E_RANGE (a recipient's key), MV_E_MEMORY, those of the
 * sources and of the sink */
MV_API MV_MUST_CHECK mv_status mv_sealer_finish(mv_sealer *sealer, mv_envelope_stats *stats,
                                                const mv_sink *sink, mv_error *err);
MV_API void mv_sealer_free(mv_sealer **sealer);

/* ---- opening ---- */

/* Who sealed it. */
typedef struct mv_sender {
    bool anonymous;
    mv_card card;         /* valid unless anonymous, and so are the next */
    mv_card_state state;  /* of the card, today: it may have been good when it signed */
    bool revoked;         /* by its owner: anybody may have signed since the key was lost */
    uint32_t revoked_day; /* 0: not known */
} mv_sender;

/* How an original travels. */
enum {
    MV_CODING_NONE = 0,   /* byte for byte */
    MV_CODING_RASTER = 1, /* raw samples as JPEG-LS, the rest of the file as it is */
    MV_CODING_STRIPS = 2  /* the same in strips, each as JPEG-LS or through the pixel coder */
};

/* Kinds of further sections. */
enum {
    MV_SECTION_DICOM = 2,   /* of a DICOM file that is left out: its data set without the pixels */
    MV_SECTION_NIFTI = 3,   /* of NIfTI, left out or of which one slice has features: a .hdr file */
    MV_SECTION_COMPACT = 4, /* a compact image */
    MV_SECTION_COMPACT_HE = 5, /* its bytes as numbers of 8 bits in a ciphertext */
    MV_SECTION_FIDELITY = 6    /* what a picture lost that travels without its original */
};

/* What the manifest says of a member. */
typedef struct mv_member {
    /* UTF-8: a plain name, or of a study a path of plain names with '/' between; never absolute,
     * never "." or ".."; may be "". No member's name is the folder of another's. */
    char file_name[MV_FILE_NAME_MAX];
    bool exact_kept;       /* false: left out by the sender's choice */
    uint64_t exact_len;    /* of the file */
    uint32_t exact_coding; /* MV_CODING_..; one of a later program cannot be given */
    uint64_t coded_len;    /* unless MV_CODING_NONE: what it takes inside */
    uint32_t max_error;    /* not 0: not the very file, but no sample is further off than this */
    bool described;        /* code is set; always so when features travel */
    mv_code_meta code;
    size_t feature_count;    /* follows from code; 0: none travel */
    uint64_t ciphertext_len; /* of the features */
    uint64_t embedding_len;  /* of the embedding's section, one of the next; 0: none travels */
    uint64_t compact_len;    /* of the compact image's section, likewise */
    bool compact_he;         /* it is a ciphertext */
    /* Sections between features and original. Those of a kind that is not known are authenticated
     * like all others and left closed. */
    uint32_t further_count;
    struct {
        uint32_t kind;
        uint64_t len;
    } further[MV_MEMBER_FURTHER_MAX];
} mv_member;

/* An authentic envelope. Belongs to one thread at a time. */
typedef struct mv_opener mv_opener;

/* mv_opener_new: reads and authenticates everything; source is borrowed until the opener is freed.
 * errors: MV_E_FORMAT, MV_E_TRUNCATED, MV_E_LIMIT (before any key is used), MV_E_WRONG_KEY (no wrap
 * opens with this identity), MV_E_AUTH; MV_E_FORMAT, MV_E_RANGE (an authentic envelope made
 * wrongly); MV_E_MEMORY, MV_E_RANDOM; those of the source. *out is NULL on error. */
MV_API MV_MUST_CHECK mv_status mv_opener_new(mv_opener **out, const mv_source *source,
                                             const mv_identity *identity, mv_error *err);
MV_API void mv_opener_free(mv_opener **opener);

/* Views borrow from the opener. */
MV_API const mv_sender *mv_opener_sender(const mv_opener *opener);
MV_API size_t mv_opener_count(const mv_opener *opener);
MV_API const mv_member *mv_opener_member(const mv_opener *opener, size_t i);
/* The id of the archive's card that the sender names, or NULL: none. */
MV_API const uint8_t *mv_opener_archive(const mv_opener *opener);

/* The id of the collection whose public key the features are sealed under, or NULL: their key
 * travels. mv_opener_collection: the collection that opens them; its key is copied. Only then
 * features and embeddings can be opened. errors: MV_E_WRONG_KEY (another collection, or another
 * generation of it), MV_E_ARGUMENT (none is needed) */
MV_API const uint8_t *mv_opener_collection_id(const mv_opener *opener);
typedef struct mv_collection mv_collection;
MV_API MV_MUST_CHECK mv_status mv_opener_collection(mv_opener *opener,
                                                    const mv_collection *collection, mv_error *err);

/* mv_opener_exact: the original bytes of member i into the sink. Should the source have changed
 * since it was authenticated, the end of this call says so: keep nothing then.
 * errors: MV_E_NOT_FOUND (none inside), MV_E_AUTH, those of source and sink; of a coded original
 * MV_E_UNSUPPORTED, MV_E_FORMAT (it does not rebuild), MV_E_POLICY (no sandbox to rebuild it in) */
MV_API MV_MUST_CHECK mv_status mv_opener_exact(mv_opener *opener, size_t i, const mv_sink *sink,
                                               mv_error *err);

/* mv_opener_further: the section of this kind of member i into the sink, as mv_opener_exact. */
MV_API MV_MUST_CHECK mv_status mv_opener_further(mv_opener *opener, size_t i, uint32_t kind,
                                                 const mv_sink *sink, mv_error *err);

/* mv_opener_features: the features of member i, decrypted; *he_ms and *set may be NULL.
 * owner: out is the caller's, clear with mv_code_clear.
 * errors: MV_E_NOT_FOUND (none inside), MV_E_WRONG_KEY (mv_opener_collection is needed first),
 * MV_E_AUTH, MV_E_FORMAT, MV_E_RANGE, MV_E_MEMORY */
MV_API MV_MUST_CHECK mv_status mv_opener_features(mv_opener *opener, size_t i, mv_code *out,
                                                  const mv_he_set **set, double *he_ms,
                                                  mv_error *err);

/* mv_opener_info: set, form and margin of member i's features; they stay closed, and no collection
 * is needed. errors: as mv_opener_features, without MV_E_WRONG_KEY */
MV_API MV_MUST_CHECK mv_status mv_opener_info(mv_opener *opener, size_t i, mv_features_info *out,
                                              mv_error *err);

/* mv_opener_embedding: the embedding of member i, checked by mv_embedding_check; zero on error.
 * errors: as mv_opener_features */
MV_API MV_MUST_CHECK mv_status mv_opener_embedding(mv_opener *opener, size_t i, mv_embedding *out,
                                                   mv_error *err);

/* ---- Sums ----
 *
 * A summand is the encrypted features of one member, taken out of its envelope for somebody without
 * keys to add up: bytes that name their collection, model and shape (docs/formats/mv.md,
 * "Summands") and are not authentic. Sums are exact up to the n that the sender chose, refused
 * beyond. */

typedef struct mv_summand_info {
    mv_features_info features; /* set, shape, and how many are summed */
    uint8_t collection_id[MV_COLLECTION_ID_LEN];
    uint8_t model_hash[MV_MODEL_HASH_LEN];
    uint32_t frames, height, width, channels; /* of the features */
} mv_summand_info;

/* mv_opener_summand: of member i; its key stays here. owner: the caller frees *out.
 * errors: MV_E_NOT_FOUND (no features), MV_E_UNSUPPORTED (sealed without room for sums, or under a
 * set of slots), MV_E_MEMORY, those of mv_opener_info */
MV_API MV_MUST_CHECK mv_status mv_opener_summand(mv_opener *opener, size_t i, uint8_t **out,
                                                 size_t *len, mv_error *err);

/* mv_summand_inspect: any bytes. errors: MV_E_FORMAT, MV_E_TRUNCATED, MV_E_RANGE */
MV_API MV_MUST_CHECK mv_status mv_summand_inspect(mv_summand_info *out, const uint8_t *bytes,
                                                  size_t len);

/* mv_summand_add: a + b, itself a summand. owner: the caller frees *out. errors: those of
 * mv_summand_inspect; MV_E_MISMATCH (collection, model or shape differ), MV_E_NOISE (more than n)
 */
MV_API MV_MUST_CHECK mv_status mv_summand_add(uint8_t **out, size_t *len, const uint8_t *a,
                                              size_t a_len, const uint8_t *b, size_t b_len,
                                              mv_error *err);

/* mv_summand_open: the sums, exactly, shape.count of them. owner: the caller frees *sum.
 * errors: those of mv_summand_inspect, MV_E_WRONG_KEY (another collection), MV_E_MEMORY */
MV_API MV_MUST_CHECK mv_status mv_summand_open(uint32_t **sum, mv_summand_info *info,
                                               const mv_collection *collection,
                                               const uint8_t *bytes, size_t len, mv_error *err);

/* mv_opener_compact: the compact image of member i, for mv_veil_decode; *set (NULL unless it was a
 * ciphertext) and *he_ms may be NULL. owner: the caller frees *out with mv_veil_free_bytes.
 * errors: MV_E_NOT_FOUND (none inside), those of mv_opener_features */
MV_API MV_MUST_CHECK mv_status mv_opener_compact(mv_opener *opener, size_t i, uint8_t **out,
                                                 size_t *len, const mv_he_set **set, double *he_ms,
                                                 mv_error *err);

/* What anybody sees without a key. */
typedef struct mv_envelope_outside {
    uint32_t version;
    uint32_t wrap_count;
    uint64_t padded_len; /* body bytes, padded to a length class */
    uint64_t total_len;
} mv_envelope_outside;

/* errors: MV_E_FORMAT, MV_E_TRUNCATED, MV_E_LIMIT, those of the source */
MV_API MV_MUST_CHECK mv_status mv_envelope_inspect(mv_envelope_outside *out,
                                                   const mv_source *source, mv_error *err);

/* ---- collections ---- */

/* The collection key with the cards it is kept for; its file is an envelope without members, signed
 * by one of them, whose manifest tells each holder who the others are. Locked memory. */

/* mv_collection_new: a fresh key, for the owner alone. errors: MV_E_RANDOM, MV_E_MEMORY */
MV_API MV_MUST_CHECK mv_status mv_collection_new(mv_collection **out, const mv_identity *owner);

/* mv_collection_open: errors: as mv_opener_new; MV_E_FORMAT (no collection), MV_E_AUTH (not signed
 * by one of its holders) */
MV_API MV_MUST_CHECK mv_status mv_collection_open(mv_collection **out, const mv_source *source,
                                                  const mv_identity *identity, mv_error *err);
MV_API void mv_collection_free(mv_collection **collection);
MV_API const uint8_t *mv_collection_key(const mv_collection *collection);
MV_API uint32_t mv_collection_generation(const mv_collection *collection); /* 1, 2, .. */
MV_API size_t mv_collection_holder_count(const mv_collection *collection);
MV_API const mv_card *mv_collection_holder(const mv_collection *collection, size_t i);

/* mv_collection_add: a newer card of a holder takes the place of his old one.
 * errors: MV_E_EXISTS (a holder already), MV_E_LIMIT */
MV_API MV_MUST_CHECK mv_status mv_collection_add(mv_collection *collection, const mv_card *card,
                                                 mv_error *err);
/* mv_collection_remove: takes effect with the next rotation. errors: MV_E_NOT_FOUND */
MV_API MV_MUST_CHECK mv_status mv_collection_remove(mv_collection *collection,
                                                    const uint8_t id[MV_CARD_ID_LEN],
                                                    mv_error *err);
/* mv_collection_rotate: a fresh key and the next generation; what was sealed under the old key
 * stays readable for its own recipients. errors: MV_E_RANDOM */
MV_API MV_MUST_CHECK mv_status mv_collection_rotate(mv_collection *collection);
/* mv_collection_seal: by must be a holder. errors: as mv_sealer_new and mv_sealer_finish */
MV_API MV_MUST_CHECK mv_status mv_collection_seal(const mv_collection *collection,
                                                  const mv_identity *by, const mv_sink *sink,
                                                  mv_error *err);

/* ---- the public half of a collection ----
 *
 * A signed file for outside senders: the HE public keys that belong to the collection's present
 * key, and the cards of its holders. A sender who has it seals features that the holders open, add
 * and search like their own; it opens nothing. Rotating the collection makes another one. A holder
 * binds it to his card by its hash (medveil card renew --he-public), and the sealer then refuses
 * any other for that card. */

/* mv_collection_publish: keys of set and of pack4096, for the embedding; by is a holder and signs.
 * errors: MV_E_ARGUMENT (not a holder), MV_E_MEMORY, MV_E_RANDOM */
MV_API MV_MUST_CHECK mv_status mv_collection_publish(mv_collection_public **out,
                                                     const mv_collection *collection,
                                                     const mv_he_set *set, const mv_identity *by,
                                                     mv_error *err);
/* mv_collection_public_read: the text of the file, everything in it checked.
 * errors: MV_E_FORMAT, MV_E_TRUNCATED, MV_E_RANGE, MV_E_LIMIT, MV_E_AUTH (a signature, or the
 * signer is no holder), MV_E_MEMORY */
MV_API MV_MUST_CHECK mv_status mv_collection_public_read(mv_collection_public **out,
                                                         const uint8_t *text, size_t len,
                                                         mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_collection_public_write(const mv_collection_public *key,
                                                          const mv_sink *sink, mv_error *err);
MV_API void mv_collection_public_free(mv_collection_public **key);
#define MV_COLLECTION_PUBLIC_FILE_MAX ((size_t)1 << 20)

MV_API const mv_he_set *mv_collection_public_set(const mv_collection_public *key);
/* Of the HE public keys, as a card carries it; views borrow from the key. */
MV_API const uint8_t *mv_collection_public_hash(const mv_collection_public *key);
MV_API const uint8_t *mv_collection_public_id(const mv_collection_public *key);
MV_API uint32_t mv_collection_public_generation(const mv_collection_public *key);
MV_API const mv_card *mv_collection_public_signer(const mv_collection_public *key);
MV_API size_t mv_collection_public_holder_count(const mv_collection_public *key);
MV_API const mv_card *mv_collection_public_holder(const mv_collection_public *key, size_t i);

/* ---- one image in memory ---- */

typedef struct mv_content {
    mv_code code; /* features; code.feature_count 0: none travel. meta.width 0: no image */
    char file_name[MV_FILE_NAME_MAX];
    uint8_t *exact; /* original bytes; NULL: lossy */
    size_t exact_len;
} mv_content;

MV_API void mv_content_clear(mv_content *content); /* wipes and frees code.feature and exact */

/* mv_envelope_seal: a sealer with this one member, into a fresh allocation (*out, freed with
 * mv_envelope_free_bytes). stats may be NULL. errors: as the sealer's; *out is then NULL */
MV_API MV_MUST_CHECK mv_status mv_envelope_seal(uint8_t **out, size_t *out_len,
                                                mv_envelope_stats *stats, const mv_content *content,
                                                const mv_seal_opts *opts, mv_error *err);
MV_API void mv_envelope_free_bytes(uint8_t **bytes, size_t len);

enum {
    MV_OPEN_FEATURES = 1, /* decrypt the features */
    MV_OPEN_EXACT = 2,    /* give the original bytes */
    MV_OPEN_ALL = 3
};

/* mv_envelope_open: everything is authenticated whatever is asked for; what says which parts to
 * give (0: description, file name and sender only). stats may be NULL.
 * errors: as the opener's; MV_E_UNSUPPORTED (not exactly one member). All outputs are zero on
 * error. */
MV_API MV_MUST_CHECK mv_status mv_envelope_open(mv_content *out, mv_sender *sender,
                                                mv_envelope_stats *stats, const uint8_t *bytes,
                                                size_t len, const mv_identity *identity,
                                                unsigned what, mv_error *err);

#ifdef __cplusplus
}
#endif
#endif
