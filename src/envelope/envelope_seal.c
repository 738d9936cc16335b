/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope_seal.c: content -> .mv of format 0. Read container.h first.
 */
#include "envelope_internal.h"

#include "base/clock.h"
#include "base/rng.h"
#include "base/secret.h"
#include "envelope_meta.h"
#include "envelope_signature.h"
#include "recipients.h"
#include "records.h"

#include <sodium.h>
#include <string.h>

/* One section on its way out; bytes borrow. */
typedef struct section {
    mv_section_kind kind;
    const uint8_t *bytes;
    size_t len;
} section;

typedef struct sealing {
    const mv_content *content;
    const mv_seal_opts *opts;
    mv_envelope_keys *keys; /* mv_secret memory */
    mv_buffer meta;
    uint8_t *ciphertext; /* features under HE */
    size_t ciphertext_len;
    mv_buffer signature;
    section section[MV_DIRECTORY_SLOTS]; /* all but the signature */
    size_t section_count;
    mv_directory directory;
    mv_transcript transcript;
    uint8_t *out; /* the envelope */
    size_t out_len;
    double he_ms;
} sealing;

static void sealing_clear(sealing *s)
{
    void *keys = s->keys;
    mv_secret_free(&keys);
    mv_buffer_clear(&s->meta);
    mv_buffer_clear(&s->signature);
    free(s->ciphertext);
    mv_envelope_free_bytes(&s->out, s->out_len);
}

void mv_envelope_free_bytes(uint8_t **bytes, size_t len)
{
    if (bytes != NULL && *bytes != NULL) {
        mv_wipe(*bytes, len);
        free(*bytes);
        *bytes = NULL;
    }
}

static mv_status check(const mv_content *content, const mv_seal_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    MV_REQUIRE(opts->recipient_count >= 1 && opts->recipient != NULL, err, MV_E_ARGUMENT,
               "an envelope needs at least one recipient");
    MV_REQUIRE(opts->recipient_count <= MV_ENVELOPE_RECIPIENTS_MAX, err, MV_E_LIMIT,
               "an envelope has at most %d recipients", MV_ENVELOPE_RECIPIENTS_MAX);
    MV_REQUIRE(content->code.feature_count == 0 || content->code.feature != NULL, err,
               MV_E_ARGUMENT, "the features are missing");
    MV_REQUIRE(content->exact != NULL || content->code.feature_count != 0, err, MV_E_ARGUMENT,
               "there is nothing to seal: neither features nor the original");
    MV_REQUIRE(content->exact == NULL || content->exact_len <= MV_ENVELOPE_LEN_MAX, err, MV_E_LIMIT,
               "the original is larger than 1 GiB");
done:
    return st;
}

static mv_status make_meta(sealing *s, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_content *c = s->content;
    mv_envelope_meta meta = {.exact_kept = c->exact != NULL, .described = c->code.meta.width != 0};

    MV_REQUIRE(memchr(c->file_name, '\0', sizeof c->file_name) != NULL, err, MV_E_ARGUMENT,
               "the file name to send is too long");
    memcpy(meta.file_name, c->file_name, sizeof meta.file_name);
    meta.code = c->code.meta;
    if (c->code.feature_count == 0) {
        meta.code.frames = 0; /* so the receiver expects none */
    }
    if (meta.described) {
        MV_TRY(mv_code_expect(&meta.feature_count, &meta.code, err));
    }
    MV_REQUIRE(meta.feature_count == c->code.feature_count, err, MV_E_ARGUMENT,
               "the features do not fit their description");
    if (meta.exact_kept) {
        (void)crypto_hash_sha256(meta.exact_sha256, c->exact, c->exact_len);
    }
    s->meta = mv_buffer_make(MV_META_LEN_MAX);
    st = mv_meta_write(&s->meta, &meta, err);
    MV_REQUIRE(st == MV_OK, err, st, "cannot describe the image: %s", mv_status_sentence(st));
done:
    mv_wipe(&meta, sizeof meta);
    return st;
}

static mv_status make_features(sealing *s, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_code *code = &s->content->code;
    const mv_he_set *set = s->opts->set != NULL ? s->opts->set : mv_he_set_find("pack4096");
    const mv_pack_shape shape = {code->meta.feature_bits, s->opts->sums == 0 ? 1 : s->opts->sums,
                                 (uint32_t)code->feature_count};
    mv_he_key *key = NULL;
    const double start_ms = mv_clock_ms();

    if (code->feature_count == 0) {
        return MV_OK;
    }
    MV_REQUIRE(set != NULL && code->feature_count <= UINT32_MAX && mv_pack_size(set, &shape) != 0,
               err, MV_E_ARGUMENT, "the parameter set cannot hold these features");
    s->ciphertext_len = mv_pack_size(set, &shape);
    s->ciphertext = malloc(s->ciphertext_len);
    MV_REQUIRE(s->ciphertext != NULL, err, MV_E_MEMORY, "out of memory");
    MV_TRY(mv_he_key_new(&key, set, s->keys->collection));
    MV_TRY(mv_pack_encrypt(s->ciphertext, s->ciphertext_len, &s->ciphertext_len, key, &shape,
                           code->feature));
    s->he_ms = mv_clock_ms() - start_ms;
done:
    mv_he_key_free(&key);
    return st;
}

static void add_section(sealing *s, mv_section_kind kind, const uint8_t *bytes, size_t len)
{
    s->section[s->section_count++] = (section){kind, bytes, len};
    mv_directory_add(&s->directory, kind, len);
}

/* Sections in ascending order of kind; then the whole length is known. */
static mv_status plan(sealing *s, mv_error *err)
{
    mv_status st = MV_OK;
    uint64_t total = mv_head_len((uint32_t)s->opts->recipient_count);

    add_section(s, MV_SECTION_META, s->meta.bytes, s->meta.len);
    if (s->ciphertext != NULL) {
        add_section(s, MV_SECTION_FEATURES, s->ciphertext, s->ciphertext_len);
    }
    if (s->content->exact != NULL) {
        add_section(s, MV_SECTION_EXACT, s->content->exact, s->content->exact_len);
    }
    mv_directory_add(&s->directory, MV_SECTION_SIGNATURE, mv_signature_len(s->opts->sender));
    total += mv_padded_len(mv_body_len(&s->directory));
    MV_REQUIRE(total <= MV_ENVELOPE_LEN_MAX, err, MV_E_LIMIT,
               "the envelope would be larger than 1 GiB");
    s->out_len = (size_t)total;
    s->out = malloc(s->out_len);
    MV_REQUIRE(s->out != NULL, err, MV_E_MEMORY, "out of memory for %zu bytes", s->out_len);
done:
    return st;
}

static mv_status write_head(sealing *s, const mv_seal_secrets *secrets, mv_error *err)
{
    mv_status st = MV_OK;
    const uint32_t count = (uint32_t)s->opts->recipient_count;
    const size_t head_len = mv_head_len(count), bound_len = head_len - MV_COMMITMENT_LEN;
    uint8_t *wrap = s->out + MV_HEADER_LEN;

    mv_header_write(s->out, count, s->out_len - head_len);
    for (uint32_t i = 0; i < count; i++, wrap += MV_WRAP_LEN) {
        st = mv_wrap_seal(wrap, s->keys, &s->opts->recipient[i], secrets->ephemeral[i]);
        MV_REQUIRE(st == MV_OK, err, st, "the card of recipient %u has an unusable key", i + 1);
    }
    mv_commitment(s->out + bound_len, s->keys, s->out, bound_len);
    mv_head_hash(s->transcript.head_hash, s->out, head_len);
done:
    return st;
}

static uint8_t *write_section(sealing *s, uint8_t *next, uint8_t hash[MV_HASH_LEN],
                              const section *part)
{
    mv_section_key(s->keys, part->kind, s->transcript.head_hash);
    mv_records_seal(next, hash, part->bytes, part->len, s->keys->section);
    return next + mv_records_len(part->len);
}

static mv_status write_body(sealing *s)
{
    mv_status st = MV_OK;
    mv_transcript *t = &s->transcript;
    uint8_t *next = s->out + mv_head_len((uint32_t)s->opts->recipient_count);
    uint8_t unused[MV_HASH_LEN];

    mv_directory_write(t->directory, &s->directory);
    const section directory = {MV_SECTION_DIRECTORY, t->directory, sizeof t->directory};
    next = write_section(s, next, unused, &directory);
    for (size_t i = 0; i < s->section_count; i++) {
        next = write_section(s, next, t->section_hash[t->section_count++], &s->section[i]);
    }
    s->signature = mv_buffer_make(MV_SIGNATURE_SECTION_MAX);
    MV_TRY(mv_signature_write(&s->signature, s->opts->sender, t));
    MV_ASSERT(s->signature.len == mv_signature_len(s->opts->sender));
    const section signature = {MV_SECTION_SIGNATURE, s->signature.bytes, s->signature.len};
    next = write_section(s, next, unused, &signature);
    mv_section_key(s->keys, MV_SECTION_PADDING, t->head_hash);
    mv_padding_write(next, (size_t)(s->out + s->out_len - next), s->keys->section);
done:
    return st;
}

static void fill_stats(mv_envelope_stats *stats, const sealing *s, double start_ms)
{
    const mv_code *code = &s->content->code;
    stats->he_ms = s->he_ms;
    stats->total_ms = mv_clock_ms() - start_ms;
    stats->bytes_features = (code->feature_count * code->meta.feature_bits + 7) / 8;
    stats->bytes_ciphertext = s->ciphertext_len;
    stats->bytes_exact = s->content->exact == NULL ? 0 : s->content->exact_len;
    stats->bytes_total = s->out_len;
    stats->set = code->feature_count == 0 ? NULL
                 : s->opts->set != NULL   ? s->opts->set
                                          : mv_he_set_find("pack4096");
    stats->exact_kept = s->content->exact != NULL;
}

mv_status mv_envelope_seal_with(uint8_t **out, size_t *out_len, mv_envelope_stats *stats,
                                const mv_content *content, const mv_seal_opts *opts,
                                const mv_seal_secrets *secrets, mv_error *err)
{
    mv_status st = MV_OK;
    sealing s = {.content = content, .opts = opts};
    void *keys = NULL;
    const double start_ms = mv_clock_ms();

    MV_TRY(check(content, opts, err));
    MV_TRY(mv_secret_new(&keys, sizeof *s.keys));
    s.keys = keys;
    memcpy(s.keys->envelope, secrets->envelope_key, MV_KEY_LEN);
    memcpy(s.keys->collection, secrets->collection_key, MV_KEY_LEN);
    MV_TRY(make_meta(&s, err));
    MV_TRY(make_features(&s, err));
    MV_TRY(plan(&s, err));
    MV_TRY(write_head(&s, secrets, err));
    MV_TRY(write_body(&s));
    if (stats != NULL) {
        fill_stats(stats, &s, start_ms);
    }
    *out = s.out;
    *out_len = s.out_len;
    s.out = NULL;
done:
    sealing_clear(&s);
    return st;
}

mv_status mv_envelope_seal(uint8_t **out, size_t *out_len, mv_envelope_stats *stats,
                           const mv_content *content, const mv_seal_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    void *memory = NULL;
    mv_seal_secrets *secrets = NULL;

    *out = NULL;
    *out_len = 0;
    if (stats != NULL) {
        memset(stats, 0, sizeof *stats);
    }
    MV_TRY(mv_secret_new(&memory, sizeof *secrets));
    secrets = memory;
    st = mv_random_bytes(memory, sizeof *secrets);
    MV_REQUIRE(st == MV_OK, err, st, "%s", mv_status_sentence(st));
    if (opts->collection_key != NULL) {
        memcpy(secrets->collection_key, opts->collection_key, MV_KEY_LEN);
    }
    MV_TRY(mv_envelope_seal_with(out, out_len, stats, content, opts, secrets, err));
done:
    mv_secret_free(&memory);
    return st;
}
