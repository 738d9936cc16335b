/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope_seal.c: members -> .mv of format 1. Read container.h first.
 */
#include "base/clock.h"
#include "base/rng.h"
#include "base/secret.h"
#include "envelope_internal.h"
#include "envelope_io.h"
#include "envelope_signature.h"
#include "exact_coding.h"
#include "he/feature_measure.h"
#include "identity.h"
#include "recipients.h"
#include "records.h"

#include <string.h>

/* In mv_secret memory. */
typedef struct sealing_keys {
    mv_envelope_keys keys;
    uint8_t coins[MV_ENVELOPE_RECIPIENTS_MAX][MV_XWING_COINS_LEN];
} sealing_keys;

/* What encrypts under one set: the secret key, or a public key. Made when first needed. */
typedef struct he_pair {
    const mv_he_set *set;
    mv_he_key *secret;
    mv_he_public *own;       /* of secret, in the public form */
    const mv_he_public *use; /* own, or the collection's */
} he_pair;

enum { HE_PAIRS = 2 }; /* the features' set and the embedding's */
/* Where the sections of a member come from. */
typedef struct origin {
    mv_source exact; /* as it is; or it lies coded in the spool */
    uint64_t features_at, exact_at, further_at[MV_MEMBER_FURTHER_MAX]; /* places in the spool */
} origin;

struct mv_sealer {
    mv_seal_opts opts;
    sealing_keys *secret;
    he_pair he[HE_PAIRS];
    mv_manifest manifest;
    origin *origin; /* one per member */
    size_t origin_cap;
    mv_spool spool; /* ciphertexts, coded originals and further sections */
    mv_records *records;
    bool spent;
    mv_envelope_stats stats;

    /* while finishing */
    const mv_sink *sink;
    mv_transcript transcript;
    uint8_t *section_hash; /* MV_HASH_LEN each */
    size_t section_count;  /* written so far */
};

void mv_sealer_free(mv_sealer **sealer)
{
    mv_sealer *s = *sealer;
    if (s != NULL) {
        void *secret = s->secret;
        mv_secret_free(&secret);
        for (size_t i = 0; i < HE_PAIRS; i++) {
            mv_he_key_free(&s->he[i].secret);
            mv_he_public_free(&s->he[i].own);
        }
        mv_manifest_clear(&s->manifest);
        free(s->origin);
        mv_spool_clear(&s->spool);
        mv_records_free(&s->records);
        free(s->section_hash);
        free(s);
        *sealer = NULL;
    }
}

static uint32_t wrap_count(const mv_seal_opts *opts)
{
    return (uint32_t)opts->recipient_count + (opts->archive != NULL);
}

static const mv_card *recipient_at(const mv_seal_opts *opts, uint32_t i)
{
    return i < opts->recipient_count ? &opts->recipient[i] : opts->archive;
}

/* Features for a collection's holders are under the key that each has bound to his card, if any. */
static mv_status check_bound(const mv_card *card, const mv_collection_public *key, mv_error *err)
{
    char name[MV_CARD_NAME_MAX];
    if (key == NULL || !card->has_he_public ||
        memcmp(card->he_public_hash, mv_collection_public_hash(key), MV_HASH_LEN) == 0) {
        return MV_OK;
    }
    mv_card_name(name, card->id);
    mv_hint(err, "ask its owner for the present public key of the collection, or for a newer card");
    return mv_fail(err, MV_E_POLICY, "card %s is bound to another HE public key", name);
}

static mv_status check_card(const mv_card *card, const mv_seal_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;

    if ((opts->accept & MV_SEAL_REVOKED) == 0) {
        MV_TRY(mv_card_check_revoked(card, err));
    }
    if ((opts->accept & MV_SEAL_EXPIRED) == 0) {
        MV_TRY(mv_card_check_days(card, mv_today(), err));
    }
    MV_TRY(check_bound(card, opts->collection_public, err));
done:
    return st;
}

static mv_status check_cards(const mv_seal_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    for (uint32_t i = 0; i < wrap_count(opts); i++) {
        MV_TRY(check_card(recipient_at(opts, i), opts, err));
    }
    if (opts->collection_public != NULL) {
        MV_TRY(check_card(mv_collection_public_signer(opts->collection_public), opts, err));
    }
done:
    return st;
}

static mv_status check_opts(const mv_seal_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    MV_REQUIRE(opts->recipient_count >= 1 && opts->recipient != NULL, err, MV_E_ARGUMENT,
               "an envelope needs at least one recipient");
    MV_REQUIRE(opts->recipient_count <= MV_ENVELOPE_RECIPIENTS_MAX &&
                   wrap_count(opts) <= MV_ENVELOPE_RECIPIENTS_MAX,
               err, MV_E_LIMIT, "an envelope has at most %d recipients",
               MV_ENVELOPE_RECIPIENTS_MAX);
    MV_REQUIRE(opts->collection_public == NULL || opts->collection_key == NULL, err, MV_E_ARGUMENT,
               "a collection is given by its key or by its public key, not by both");
    MV_REQUIRE(opts->collection_public == NULL || opts->set == NULL ||
                   opts->set == mv_collection_public_set(opts->collection_public),
               err, MV_E_ARGUMENT, "the public key of the collection is for the set %s",
               mv_he_set_name(mv_collection_public_set(opts->collection_public)));
done:
    return st;
}

mv_status mv_sealer_new_with(mv_sealer **out, const mv_seal_opts *opts,
                             const mv_seal_secrets *secrets, mv_error *err)
{
    mv_status st = MV_OK;
    mv_sealer *s = NULL;
    void *memory = NULL;

    MV_TRY(check_opts(opts, err));
    s = calloc(1, sizeof *s);
    MV_REQUIRE(s != NULL, err, MV_E_MEMORY, "out of memory");
    s->opts = *opts;
    if (opts->collection_public != NULL) {
        s->opts.form = MV_HE_PK;
        s->opts.set = mv_collection_public_set(opts->collection_public);
        s->manifest.outside = true;
        memcpy(s->manifest.collection_id, mv_collection_public_id(opts->collection_public),
               MV_COLLECTION_ID_LEN);
    }
    s->spool = mv_spool_make();
    MV_TRY(mv_records_new(&s->records));
    MV_TRY(mv_secret_new(&memory, sizeof *s->secret));
    s->secret = memory;
    memcpy(s->secret->keys.envelope, secrets->envelope_key, MV_KEY_LEN);
    memcpy(s->secret->keys.collection, secrets->collection_key, MV_KEY_LEN);
    memcpy(s->secret->coins, secrets->coins, sizeof s->secret->coins);
    if (opts->archive != NULL) {
        s->manifest.archived = true;
        memcpy(s->manifest.archive, opts->archive->id, MV_CARD_ID_LEN);
    }
    *out = s;
    s = NULL;
done:
    mv_sealer_free(&s);
    return st;
}

mv_status mv_sealer_new(mv_sealer **out, const mv_seal_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    void *memory = NULL;
    mv_seal_secrets *secrets = NULL;

    *out = NULL;
    MV_TRY(check_opts(opts, err));
    MV_TRY(check_cards(opts, err));
    MV_TRY(mv_secret_new(&memory, sizeof *secrets));
    secrets = memory;
    st = mv_random_bytes(memory, sizeof *secrets);
    MV_REQUIRE(st == MV_OK, err, st, "%s", mv_status_sentence(st));
    if (opts->collection_key != NULL) {
        memcpy(secrets->collection_key, opts->collection_key, MV_KEY_LEN);
    }
    MV_TRY(mv_sealer_new_with(out, opts, secrets, err));
done:
    mv_secret_free(&memory);
    return st;
}

/* ---- members ---- */

static const mv_he_set *chosen_set(const mv_sealer *s)
{
    return s->opts.set != NULL ? s->opts.set : mv_he_set_find("pack4096");
}

static origin *last_origin(mv_sealer *s)
{
    return &s->origin[s->manifest.count - 1];
}

/* errors: MV_E_ARGUMENT (the collection's public key is not for this set), MV_E_MEMORY, MV_E_RANDOM
 */
static mv_status make_pair(he_pair *pair, const mv_sealer *s, const mv_he_set *set)
{
    mv_status st = MV_OK;
    pair->set = set;
    if (s->opts.collection_public != NULL) {
        pair->use = mv_collection_public_he(s->opts.collection_public, set);
        return pair->use != NULL ? MV_OK : MV_E_ARGUMENT;
    }
    MV_TRY(mv_he_key_new(&pair->secret, set, s->secret->keys.collection));
    if (s->opts.form == MV_HE_PK) {
        MV_TRY(mv_he_public_new(&pair->own, pair->secret));
        pair->use = pair->own;
    }
done:
    return st;
}

static mv_status find_pair(const he_pair **out, mv_sealer *s, const mv_he_set *set)
{
    size_t i = 0;
    while (i < HE_PAIRS && s->he[i].set != NULL && s->he[i].set != set) {
        i++;
    }
    MV_ASSERT(i < HE_PAIRS);
    *out = &s->he[i];
    return s->he[i].set == set ? MV_OK : make_pair(&s->he[i], s, set);
}

static mv_status measure(size_t *size, const mv_he_set *set, const mv_pack_shape *shape,
                         mv_error *err)
{
    mv_status st = mv_features_measure(size, set, shape);
    MV_REQUIRE(st != MV_E_ARGUMENT, err, st,
               "the parameter set %s cannot hold %u bits in sums of %u in this form",
               mv_he_set_name(set), (unsigned)shape->bits, (unsigned)shape->sums);
done:
    return st;
}

/* values under set, appended to the spool; *len is the ciphertext's. */
static mv_status encrypt_row(uint64_t *len, mv_sealer *s, const mv_he_set *set,
                             const mv_pack_shape *shape, const uint32_t *value, mv_error *err)
{
    mv_status st = MV_OK;
    const double start_ms = mv_clock_ms();
    size_t size = 0;
    uint8_t *ciphertext = NULL;
    const he_pair *he = NULL;

    MV_TRY(measure(&size, set, shape, err));
    ciphertext = malloc(size);
    MV_REQUIRE(ciphertext != NULL, err, MV_E_MEMORY, "out of memory");
    MV_TRY(find_pair(&he, s, set));
    MV_TRY(he->use == NULL
               ? mv_features_encrypt(ciphertext, size, &size, he->secret, shape, value)
               : mv_features_encrypt_public(ciphertext, size, &size, he->use, shape, value));
    MV_TRY(mv_spool_append(&s->spool, ciphertext, size, err));
    *len = size;
    s->stats.he_ms += mv_clock_ms() - start_ms;
done:
    free(ciphertext);
    return st;
}

static mv_status shape_of(mv_pack_shape *out, const mv_sealer *s, const mv_code_meta *meta,
                          size_t count, mv_error *err)
{
    if (count > UINT32_MAX) {
        return mv_fail(err, MV_E_LIMIT, "there are too many features");
    }
    *out = (mv_pack_shape){meta->feature_bits, s->opts.sums == 0 ? 1 : s->opts.sums,
                           (uint32_t)count, s->opts.form};
    return MV_OK;
}

static mv_status add_features(mv_sealer *s, mv_member *member, const mv_code *code, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_he_set *set = chosen_set(s);
    mv_pack_shape shape;

    MV_TRY(shape_of(&shape, s, &code->meta, code->feature_count, err));
    last_origin(s)->features_at = s->spool.len;
    MV_TRY(encrypt_row(&member->ciphertext_len, s, set, &shape, code->feature, err));
    s->stats.bytes_features += (code->feature_count * code->meta.feature_bits + 7) / 8;
    s->stats.bytes_ciphertext += member->ciphertext_len;
    s->stats.set = set;
    s->stats.form = s->opts.form;
done:
    return st;
}

static mv_status describe(mv_member *member, const mv_code *code, mv_error *err)
{
    mv_status st = MV_OK;

    member->described = code->meta.width != 0;
    member->code = code->meta;
    if (code->feature_count == 0) {
        member->code.frames = 0; /* so the receiver expects none */
    }
    if (member->described) {
        MV_TRY(mv_code_expect(&member->feature_count, &member->code, err));
    }
    MV_REQUIRE(member->feature_count == code->feature_count &&
                   (code->feature_count == 0 || code->feature != NULL),
               err, MV_E_ARGUMENT, "the features do not fit their description");
done:
    return st;
}

static mv_status grow_origins(mv_sealer *s)
{
    if (s->origin_cap <= s->manifest.count) {
        const size_t cap = 2 * s->manifest.count + 1;
        origin *more = realloc(s->origin, cap * sizeof *more);
        if (more == NULL) {
            return MV_E_MEMORY;
        }
        s->origin = more;
        s->origin_cap = cap;
    }
    s->origin[s->manifest.count] = (origin){.exact_at = 0};
    return MV_OK;
}

static mv_status append_spool(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    return mv_spool_append(user, bytes, len, err);
}

/* The original: coded into the spool where it can be, else remembered. */
static mv_status add_exact(mv_sealer *s, mv_member *member, const mv_source *exact, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_sink sink = {append_spool, &s->spool};
    const mv_exact_opts opts = {s->opts.max_error, s->opts.exact, s->opts.threads};

    MV_REQUIRE(exact->len <= MV_ENVELOPE_LEN_MAX, err, MV_E_LIMIT,
               "the original is larger than 1 TiB");
    last_origin(s)->exact = *exact;
    last_origin(s)->exact_at = s->spool.len;
    member->exact_kept = true;
    member->exact_len = exact->len;
    MV_TRY(mv_exact_encode(&member->exact_coding, &member->coded_len, &sink, exact, &opts, err));
    member->max_error = s->opts.max_error;
    s->stats.bytes_exact += exact->len;
    s->stats.bytes_coded += mv_member_exact_len(member);
done:
    return st;
}

static mv_status fill_member(mv_sealer *s, mv_member *member, const char *file_name,
                             const mv_code *code, const mv_source *exact, mv_error *err)
{
    mv_status st = MV_OK;

    MV_REQUIRE(mv_file_name_valid(file_name), err, MV_E_ARGUMENT,
               "the file name to send is not in UTF-8, or is not plain");
    strcpy(member->file_name, file_name);
    if (code != NULL) {
        MV_TRY(describe(member, code, err));
    }
    MV_REQUIRE(exact != NULL || member->described, err, MV_E_ARGUMENT,
               "there is nothing to seal: neither features nor the original");
    if (exact != NULL) {
        MV_TRY(add_exact(s, member, exact, err));
    }
    if (member->feature_count != 0) {
        MV_TRY(add_features(s, member, code, err));
    }
done:
    return st;
}

mv_status mv_sealer_add(mv_sealer *s, const char *file_name, const mv_code *code,
                        const mv_source *exact, mv_error *err)
{
    mv_status st = MV_OK;
    mv_member *member = NULL;
    const double start_ms = mv_clock_ms();

    MV_REQUIRE(!s->spent && s->manifest.generation == 0, err, MV_E_ARGUMENT,
               "this sealer has sealed already");
    MV_TRY(grow_origins(s));
    st = mv_manifest_grow(&s->manifest, &member);
    MV_REQUIRE(st == MV_OK, err, st, "an envelope has at most %d files: %s",
               MV_ENVELOPE_MEMBERS_MAX, mv_status_sentence(st));
    st = fill_member(s, member, file_name, code, exact, err);
    s->stats.total_ms += mv_clock_ms() - start_ms;
done:
    s->spent = s->spent || st != MV_OK; /* nothing is sealed with a member left out */
    return st;
}

static mv_member *last_member(const mv_sealer *s)
{
    return s->manifest.count != 0 ? &s->manifest.member[s->manifest.count - 1] : NULL;
}

uint64_t mv_sealer_exact_len(const mv_sealer *s)
{
    const mv_member *m = last_member(s);
    return m == NULL || !m->exact_kept ? 0 : mv_member_exact_len(m);
}

mv_status mv_sealer_features_len(uint64_t *out, const mv_sealer *s, const mv_code_meta *meta,
                                 mv_error *err)
{
    mv_status st = MV_OK;
    mv_pack_shape shape;
    size_t count = 0, size = 0;

    *out = 0;
    MV_TRY(mv_code_expect(&count, meta, err));
    MV_TRY(shape_of(&shape, s, meta, count, err));
    MV_TRY(measure(&size, chosen_set(s), &shape, err));
    *out = size;
done:
    return st;
}

mv_status mv_sealer_features(mv_sealer *s, const mv_code *code, mv_error *err)
{
    mv_status st = MV_OK;
    mv_member *m = last_member(s);
    const double start_ms = mv_clock_ms();

    MV_REQUIRE(!s->spent && m != NULL && m->feature_count == 0 && m->compact_len == 0 &&
                   code->feature_count != 0,
               err, MV_E_ARGUMENT, "features without a place for them");
    MV_TRY(describe(m, code, err));
    MV_TRY(add_features(s, m, code, err));
    s->stats.total_ms += mv_clock_ms() - start_ms;
done:
    s->spent = s->spent || st != MV_OK;
    return st;
}

mv_status mv_sealer_further(mv_sealer *s, uint32_t kind, const uint8_t *bytes, size_t len,
                            mv_error *err)
{
    mv_status st = MV_OK;
    mv_member *m = last_member(s);

    MV_REQUIRE(!s->spent && m != NULL && kind != 0 && m->further_count < MV_MEMBER_FURTHER_MAX &&
                   (m->further_count == 0 || m->further[m->further_count - 1].kind < kind),
               err, MV_E_ARGUMENT, "a further section without a place for it");
    last_origin(s)->further_at[m->further_count] = s->spool.len;
    MV_TRY(mv_spool_append(&s->spool, bytes, len, err));
    m->further[m->further_count].kind = kind;
    m->further[m->further_count].len = len;
    m->further_count++;
done:
    s->spent = s->spent || st != MV_OK;
    return st;
}

/* The bytes as numbers under the features' set, in the spool. */
static mv_status encrypt_bytes(uint64_t *sealed_len, mv_sealer *s, const uint8_t *bytes, size_t len,
                               mv_error *err)
{
    mv_status st = MV_OK;
    uint32_t *value = NULL;

    MV_REQUIRE(len <= MV_COMPACT_HE_MAX, err, MV_E_LIMIT,
               "a compact image of %zu bytes is too large for homomorphic encryption", len);
    value = malloc(len * sizeof *value);
    MV_REQUIRE(value != NULL, err, MV_E_MEMORY, "out of memory");
    for (size_t i = 0; i < len; i++) {
        value[i] = bytes[i];
    }
    const mv_pack_shape shape = mv_compact_shape(len, s->opts.form);
    MV_TRY(encrypt_row(sealed_len, s, chosen_set(s), &shape, value, err));
    s->stats.set = chosen_set(s);
    s->stats.form = s->opts.form;
done:
    if (value != NULL) {
        mv_wipe(value, len * sizeof *value);
    }
    free(value);
    return st;
}

mv_pack_shape mv_compact_shape(size_t len, mv_he_form form)
{
    return (mv_pack_shape){.bits = 8, .sums = 1, .count = (uint32_t)len, .form = form};
}

static mv_status add_compact(mv_sealer *s, const uint8_t *bytes, size_t len, bool he, mv_error *err)
{
    mv_status st = MV_OK;
    mv_member *m = &s->manifest.member[s->manifest.count - 1];
    const uint32_t kind = he ? MV_SECTION_COMPACT_HE : MV_SECTION_COMPACT, k = m->further_count;

    MV_REQUIRE(m->described && m->feature_count == 0 && len != 0 && k < MV_MEMBER_FURTHER_MAX &&
                   (k == 0 || m->further[k - 1].kind < MV_SECTION_COMPACT),
               err, MV_E_ARGUMENT, "a compact image without a place for it");
    if (!he) {
        MV_TRY(mv_sealer_further(s, kind, bytes, len, err));
        goto done;
    }
    last_origin(s)->further_at[k] = s->spool.len;
    MV_TRY(encrypt_bytes(&m->further[k].len, s, bytes, len, err));
    m->further[k].kind = kind;
    m->further_count++;
done:
    if (st == MV_OK) {
        m->compact_len = m->further[k].len;
        m->compact_he = he;
        s->stats.bytes_compact += m->compact_len;
    }
    return st;
}

mv_status mv_sealer_compact(mv_sealer *s, const uint8_t *bytes, size_t len, bool he, mv_error *err)
{
    mv_status st = MV_OK;
    const double start_ms = mv_clock_ms();

    MV_REQUIRE(!s->spent && s->manifest.count != 0, err, MV_E_ARGUMENT,
               "a compact image belongs to the file that was added just before");
    st = add_compact(s, bytes, len, he, err);
    s->stats.total_ms += mv_clock_ms() - start_ms;
done:
    s->spent = s->spent || st != MV_OK;
    return st;
}

mv_pack_shape mv_embedding_shape(mv_he_form form)
{
    return (mv_pack_shape){.bits = 8, .sums = 1, .count = MV_EMBEDDING_DIM, .form = form};
}

/* The section: the head's hash, then the ciphertext of value + 128. */
static mv_status embed(mv_sealer *s, mv_member *member, const mv_embedding *embedding,
                       mv_error *err)
{
    mv_status st = MV_OK;
    const mv_pack_shape shape = mv_embedding_shape(s->opts.form);
    uint32_t value[MV_EMBEDDING_DIM];
    uint64_t len = 0;

    st = mv_embedding_check(embedding);
    MV_REQUIRE(st == MV_OK, err, st, "the embedding is out of range");
    for (size_t i = 0; i < MV_EMBEDDING_DIM; i++) {
        value[i] = (uint32_t)(embedding->value[i] + 128);
    }
    last_origin(s)->further_at[0] = s->spool.len;
    MV_TRY(mv_spool_append(&s->spool, embedding->head_hash, sizeof embedding->head_hash, err));
    MV_TRY(encrypt_row(&len, s, mv_he_set_find("pack4096"), &shape, value, err));
    member->embedding_len = sizeof embedding->head_hash + len;
    member->further[0].kind = MV_SECTION_EMBEDDING;
    member->further[0].len = member->embedding_len;
    member->further_count = 1;
    s->stats.bytes_embedding += member->embedding_len;
done:
    mv_wipe(value, sizeof value);
    return st;
}

mv_status mv_sealer_embed(mv_sealer *s, const mv_embedding *embedding, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t count = s->manifest.count;
    const double start_ms = mv_clock_ms();

    MV_REQUIRE(!s->spent && count != 0 && s->manifest.member[count - 1].further_count == 0, err,
               MV_E_ARGUMENT, "an embedding belongs to the file that was added just before");
    st = embed(s, &s->manifest.member[count - 1], embedding, err);
    s->stats.total_ms += mv_clock_ms() - start_ms;
done:
    s->spent = s->spent || st != MV_OK;
    return st;
}

mv_status mv_sealer_collection(mv_sealer *s, uint32_t generation, const mv_card *holder,
                               size_t holder_count)
{
    mv_card *copy = calloc(holder_count, sizeof *copy);
    if (copy == NULL) {
        return MV_E_MEMORY;
    }
    memcpy(copy, holder, holder_count * sizeof *copy);
    free(s->manifest.holder);
    s->manifest.holder = copy;
    s->manifest.holder_count = holder_count;
    s->manifest.generation = generation;
    return MV_OK;
}

/* ---- lengths: all known before the first byte is written ---- */

typedef struct layout {
    mv_start start;
    uint64_t body_len, padded_len, total_len;
    size_t section_count;
} layout;

static void count_section(layout *l, uint64_t len)
{
    l->body_len += mv_records_len(len); /* at most 2 * 4096 times a little over 2^40 */
    l->section_count++;
}

static mv_status lay_out(layout *l, const mv_sealer *s, size_t manifest_len, mv_error *err)
{
    mv_status st = MV_OK;

    *l = (layout){.start = {manifest_len, mv_seal_len(s->opts.sender)}};
    count_section(l, MV_START_LEN);
    count_section(l, manifest_len);
    for (size_t i = 0; i < s->manifest.count; i++) {
        const mv_member *m = &s->manifest.member[i];
        if (m->feature_count != 0) {
            count_section(l, m->ciphertext_len);
        }
        for (uint32_t k = 0; k < m->further_count; k++) {
            count_section(l, m->further[k].len);
        }
        if (m->exact_kept) {
            count_section(l, mv_member_exact_len(m));
        }
    }
    count_section(l, l->start.seal_len);
    MV_REQUIRE(l->body_len <= MV_ENVELOPE_LEN_MAX / 2, err, MV_E_LIMIT,
               "the envelope would be larger than 512 GiB");
    l->padded_len = mv_padded_len(l->body_len);
    l->total_len = mv_head_len(wrap_count(&s->opts)) + l->padded_len;
done:
    return st;
}

static mv_status write_manifest(mv_buffer *out, const mv_sealer *s, mv_error *err)
{
    mv_status st = MV_OK;
    MV_REQUIRE(s->manifest.count != 0 || s->manifest.generation != 0, err, MV_E_ARGUMENT,
               "there is nothing to seal");
    for (size_t i = 0; i < s->manifest.count; i++) {
        MV_REQUIRE(mv_member_has_image(&s->manifest.member[i]), err, MV_E_ARGUMENT,
                   "there is nothing to seal: neither features, nor a compact image, nor the "
                   "original");
    }
    st = mv_manifest_write(out, &s->manifest, err);
    MV_REQUIRE(st == MV_OK, err, st, "cannot describe what is to be sealed: %s",
               mv_status_sentence(st));
done:
    return st;
}

mv_status mv_sealer_len(uint64_t *out, mv_sealer *s, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer manifest = mv_buffer_make(MV_MANIFEST_LEN_MAX);
    layout l;

    *out = 0;
    MV_TRY(write_manifest(&manifest, s, err));
    MV_TRY(lay_out(&l, s, manifest.len, err));
    *out = l.total_len;
done:
    mv_buffer_clear(&manifest);
    return st;
}

/* ---- writing ---- */

static mv_status put(const mv_sealer *s, const uint8_t *bytes, size_t len, mv_error *err)
{
    return s->sink->write(s->sink->user, bytes, len, err);
}

static mv_status write_head(mv_sealer *s, const layout *l, mv_error *err)
{
    mv_status st = MV_OK;
    const uint32_t count = wrap_count(&s->opts);
    const size_t head_len = mv_head_len(count), bound_len = head_len - MV_COMMITMENT_LEN;
    uint8_t *head = malloc(head_len);

    MV_REQUIRE(head != NULL, err, MV_E_MEMORY, "out of memory");
    mv_header_write(head, count, l->padded_len);
    for (uint32_t i = 0; i < count; i++) {
        st = mv_wrap_seal(head + MV_HEADER_LEN + (size_t)MV_WRAP_LEN * i, &s->secret->keys,
                          recipient_at(&s->opts, i), s->secret->coins[i]);
        MV_REQUIRE(st == MV_OK, err, st, "the card of recipient %u has an unusable key", i + 1);
    }
    mv_commitment(head + bound_len, &s->secret->keys, head, bound_len);
    mv_head_hash(s->transcript.head_hash, head, head_len);
    MV_TRY(put(s, head, head_len, err));
done:
    free(head);
    return st;
}

/* The next section: len bytes of from, starting at place at. */
static mv_status write_section(mv_sealer *s, const mv_source *from, uint64_t at, uint64_t len,
                               mv_error *err)
{
    mv_status st = MV_OK;
    mv_records *r = s->records;
    const uint64_t count = mv_records_count(len);

    mv_section_key(&s->secret->keys, s->section_count, s->transcript.head_hash);
    MV_TRY(mv_records_start(r, s->secret->keys.section, true));
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t left = len - i * MV_RECORD_LEN;
        const size_t part = i + 1 < count ? MV_RECORD_LEN : (size_t)left;
        MV_TRY(mv_source_read(from, at + i * MV_RECORD_LEN, r->plain, part, err));
        MV_TRY(mv_records_seal(r, part, i + 1 == count));
        MV_TRY(put(s, r->sealed, part + MV_TAG_LEN, err));
    }
    MV_TRY(mv_records_end(r, s->section_hash + MV_HASH_LEN * s->section_count++));
done:
    mv_wipe(r->plain, sizeof r->plain);
    return st;
}

static mv_status write_bytes(mv_sealer *s, const uint8_t *bytes, size_t len, mv_error *err)
{
    const mv_source from = mv_source_memory(bytes, len);
    return write_section(s, &from, 0, len, err);
}

static mv_status write_member(mv_sealer *s, const mv_source *spooled, size_t i, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_member *m = &s->manifest.member[i];
    const origin *o = &s->origin[i];

    if (m->feature_count != 0) {
        MV_TRY(write_section(s, spooled, o->features_at, m->ciphertext_len, err));
    }
    for (uint32_t k = 0; k < m->further_count; k++) {
        MV_TRY(write_section(s, spooled, o->further_at[k], m->further[k].len, err));
    }
    if (m->exact_coding != MV_CODING_NONE) {
        MV_TRY(write_section(s, spooled, o->exact_at, m->coded_len, err));
    } else if (m->exact_kept) {
        MV_TRY(write_section(s, &o->exact, 0, m->exact_len, err));
    }
done:
    return st;
}

static mv_status write_members(mv_sealer *s, mv_error *err)
{
    mv_status st = MV_OK;
    mv_source spooled;

    MV_TRY(mv_spool_source(&spooled, &s->spool, err));
    for (size_t i = 0; i < s->manifest.count; i++) {
        MV_TRY(write_member(s, &spooled, i, err));
    }
done:
    return st;
}

static mv_status write_seal(mv_sealer *s, const layout *l, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer seal = mv_buffer_make(MV_SEAL_LEN_MAX);

    mv_body_hash(s->transcript.body_hash, s->section_hash, s->section_count);
    MV_TRY(mv_seal_write(&seal, s->opts.sender, &s->transcript));
    MV_ASSERT(seal.len == l->start.seal_len);
    MV_TRY(write_bytes(s, seal.bytes, seal.len, err));
    MV_ASSERT(s->section_count == l->section_count);
done:
    (void)l;
    mv_buffer_clear(&seal);
    return st;
}

static mv_status write_padding(mv_sealer *s, uint64_t len, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t *step = s->records->sealed;

    mv_padding_key(&s->secret->keys, s->transcript.head_hash);
    for (uint64_t at = 0; at < len; at += MV_RECORD_LEN) {
        const size_t part = len - at < MV_RECORD_LEN ? (size_t)(len - at) : MV_RECORD_LEN;
        mv_padding(step, at, part, s->secret->keys.section);
        MV_TRY(put(s, step, part, err));
    }
done:
    return st;
}

static mv_status write_all(mv_sealer *s, const layout *l, const mv_buffer *manifest, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t start[MV_START_LEN];

    s->section_hash = calloc(l->section_count, MV_HASH_LEN);
    MV_REQUIRE(s->section_hash != NULL, err, MV_E_MEMORY, "out of memory");
    MV_TRY(write_head(s, l, err));
    mv_start_write(start, &l->start);
    MV_TRY(write_bytes(s, start, sizeof start, err));
    MV_TRY(write_bytes(s, manifest->bytes, manifest->len, err));
    MV_TRY(write_members(s, err));
    MV_TRY(write_seal(s, l, err));
    MV_TRY(write_padding(s, l->padded_len - l->body_len, err));
done:
    return st;
}

static bool all_exact(const mv_manifest *m)
{
    bool all = m->count != 0;
    for (size_t i = 0; i < m->count; i++) {
        all = all && m->member[i].exact_kept;
    }
    return all;
}

mv_status mv_sealer_finish(mv_sealer *s, mv_envelope_stats *stats, const mv_sink *sink,
                           mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer manifest = mv_buffer_make(MV_MANIFEST_LEN_MAX);
    layout l;
    const double start_ms = mv_clock_ms();

    if (stats != NULL) {
        memset(stats, 0, sizeof *stats);
    }
    MV_REQUIRE(!s->spent, err, MV_E_ARGUMENT, "this sealer has sealed already");
    s->spent = true;
    s->sink = sink;
    MV_TRY(write_manifest(&manifest, s, err));
    MV_TRY(lay_out(&l, s, manifest.len, err));
    MV_TRY(write_all(s, &l, &manifest, err));
    s->stats.bytes_total = l.total_len;
    s->stats.bytes_padding = l.padded_len - l.body_len;
    s->stats.exact_kept = all_exact(&s->manifest);
    s->stats.total_ms += mv_clock_ms() - start_ms;
    if (stats != NULL) {
        *stats = s->stats;
    }
done:
    mv_buffer_clear(&manifest);
    return st;
}
