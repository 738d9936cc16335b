/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope_open.c: .mv of format 0 -> content. Order: outer header, wrap, commitment, every record,
 * padding, sender's signature, hash of the original; only then is the inside read, and HE last.
 */
#include "container.h"

#include "base/clock.h"
#include "base/secret.h"
#include "envelope_meta.h"
#include "envelope_signature.h"
#include "recipients.h"
#include "records.h"

#include <sodium.h>
#include <string.h>

/* The plaintext of one section. */
typedef struct section {
    uint8_t *bytes; /* owned; not NULL when the section is there, even if empty */
    size_t len;
} section;

typedef struct opening {
    const uint8_t *bytes; /* the envelope */
    size_t len;
    mv_envelope_outside outside;
    const mv_identity *identity;
    mv_envelope_keys *keys; /* mv_secret memory */
    mv_directory directory;
    mv_transcript transcript;
    section meta_bytes, ciphertext, exact, signature;
    mv_envelope_meta meta;
} opening;

static void section_clear(section *s)
{
    if (s->bytes != NULL) {
        mv_wipe(s->bytes, s->len);
        free(s->bytes);
    }
    *s = (section){NULL, 0};
}

static void opening_clear(opening *o)
{
    void *keys = o->keys;
    mv_secret_free(&keys);
    section_clear(&o->meta_bytes);
    section_clear(&o->ciphertext);
    section_clear(&o->exact);
    section_clear(&o->signature);
    mv_wipe(o, sizeof *o);
}

void mv_content_clear(mv_content *content)
{
    section exact = {content->exact, content->exact_len};
    section_clear(&exact);
    mv_code_clear(&content->code);
    mv_wipe(content, sizeof *content);
}

mv_status mv_envelope_inspect(mv_envelope_outside *out, const uint8_t *bytes, size_t len,
                              mv_error *err)
{
    return mv_header_read(out, bytes, len, err);
}

/* The one answer for everything that does not authenticate. */
static mv_status not_authentic(mv_error *err)
{
    return mv_fail(err, MV_E_AUTH, "the envelope is not authentic: it was altered or damaged");
}

static mv_status open_wraps(opening *o, mv_error *err)
{
    const uint8_t *wrap = o->bytes + MV_HEADER_LEN;
    char name[MV_CARD_NAME_MAX];

    for (uint32_t i = 0; i < o->outside.wrap_count; i++, wrap += MV_WRAP_LEN) {
        if (mv_wrap_open(o->keys, o->identity, wrap)) {
            return MV_OK;
        }
    }
    mv_card_name(name, o->identity->card.id);
    mv_hint(err, "use another identity, or ask the sender to seal it for %s", name);
    return mv_fail(err, MV_E_WRONG_KEY,
                   "none of the envelope's %u key slots opens with this "
                   "identity",
                   o->outside.wrap_count);
}

static mv_status check_commitment(opening *o, mv_error *err)
{
    const size_t head_len = mv_head_len(o->outside.wrap_count);
    const size_t bound_len = head_len - MV_COMMITMENT_LEN;
    uint8_t expected[MV_COMMITMENT_LEN];

    mv_commitment(expected, o->keys, o->bytes, bound_len);
    if (!mv_equal_ct(expected, o->bytes + bound_len, MV_COMMITMENT_LEN)) {
        return not_authentic(err);
    }
    mv_head_hash(o->transcript.head_hash, o->bytes, head_len);
    return MV_OK;
}

static mv_status open_directory(opening *o, const uint8_t *in, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t unused[MV_HASH_LEN];

    MV_REQUIRE(o->outside.padded_len >= mv_records_len(MV_DIRECTORY_LEN), err, MV_E_FORMAT,
               "the envelope is too short for a directory");
    mv_section_key(o->keys, MV_SECTION_DIRECTORY, o->transcript.head_hash);
    if (!mv_records_open(o->transcript.directory, unused, MV_DIRECTORY_LEN, in, o->keys->section)) {
        return not_authentic(err);
    }
    st = mv_directory_read(&o->directory, o->transcript.directory);
    MV_REQUIRE(st == MV_OK && mv_padded_len(mv_body_len(&o->directory)) == o->outside.padded_len,
               err, MV_E_FORMAT, "the directory inside the envelope is damaged");
done:
    return st;
}

static section *section_of(opening *o, mv_section_kind kind)
{
    switch (kind) {
    case MV_SECTION_META:
        return &o->meta_bytes;
    case MV_SECTION_FEATURES:
        return &o->ciphertext;
    case MV_SECTION_EXACT:
        return &o->exact;
    default:
        return &o->signature;
    }
}

/* All sections and the padding; lengths are bounded by the envelope's own, see open_directory. */
static mv_status open_sections(opening *o, const uint8_t *in, mv_error *err)
{
    mv_status st = MV_OK;
    mv_transcript *t = &o->transcript;
    const uint8_t *end = o->bytes + o->len;

    for (size_t i = 0; i < o->directory.count; i++) {
        const mv_section_kind kind = o->directory.entry[i].kind;
        const size_t len = (size_t)o->directory.entry[i].len;
        section *s = section_of(o, kind);
        s->bytes = malloc(len == 0 ? 1 : len);
        MV_REQUIRE(s->bytes != NULL, err, MV_E_MEMORY, "out of memory for %zu bytes", len);
        s->len = len;
        mv_section_key(o->keys, kind, t->head_hash);
        if (!mv_records_open(s->bytes, t->section_hash[i], len, in, o->keys->section)) {
            return not_authentic(err);
        }
        in += mv_records_len(len);
    }
    t->section_count = o->directory.count - 1; /* all but the signature, which is the last */
    mv_section_key(o->keys, MV_SECTION_PADDING, t->head_hash);
    if (!mv_padding_valid(in, (size_t)(end - in), o->keys->section)) {
        return not_authentic(err);
    }
done:
    return st;
}

static mv_status authenticate(opening *o, mv_sender *sender, mv_error *err)
{
    mv_status st = MV_OK;
    const uint8_t *body = o->bytes + mv_head_len(o->outside.wrap_count);
    void *keys = NULL;

    MV_TRY(mv_secret_new(&keys, sizeof *o->keys));
    o->keys = keys;
    MV_TRY(open_wraps(o, err));
    MV_TRY(check_commitment(o, err));
    MV_TRY(open_directory(o, body, err));
    MV_TRY(open_sections(o, body + mv_records_len(MV_DIRECTORY_LEN), err));
    if (mv_signature_read(sender, o->signature.bytes, o->signature.len, &o->transcript) != MV_OK) {
        return not_authentic(err);
    }
done:
    return st;
}

/* The description, and whether it and the directory tell the same story. */
static mv_status read_meta(opening *o, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t sha256[MV_SHA256_LEN];

    MV_TRY(mv_meta_read(&o->meta, o->meta_bytes.bytes, o->meta_bytes.len, err));
    MV_REQUIRE(o->meta.exact_kept == (o->exact.bytes != NULL) &&
                   (o->meta.feature_count != 0) == (o->ciphertext.bytes != NULL),
               err, MV_E_FORMAT, "the envelope does not hold what it says");
    if (o->exact.bytes != NULL) {
        (void)crypto_hash_sha256(sha256, o->exact.bytes, o->exact.len);
        if (!mv_equal_ct(sha256, o->meta.exact_sha256, sizeof sha256)) {
            return not_authentic(err);
        }
    }
done:
    return st;
}

static mv_status inspect_features(const opening *o, const mv_he_set **set, mv_error *err)
{
    mv_status st = MV_OK;
    mv_pack_shape shape = {0, 0, 0};
    uint32_t summed = 0;

    if (o->ciphertext.bytes == NULL) {
        return MV_OK;
    }
    st = mv_pack_inspect(set, &shape, &summed, o->ciphertext.bytes, o->ciphertext.len);
    MV_REQUIRE(st == MV_OK && summed == 1 && shape.count == o->meta.feature_count &&
                   shape.bits == o->meta.code.feature_bits,
               err, st == MV_OK ? MV_E_FORMAT : st,
               "the features inside do not fit their description");
done:
    return st;
}

static mv_status decrypt_features(mv_code *code, const opening *o, const mv_he_set *set,
                                  mv_error *err)
{
    mv_status st = MV_OK;
    const size_t count = o->meta.feature_count;
    mv_he_key *key = NULL;
    uint32_t over = 0;

    code->feature = calloc(count, sizeof *code->feature);
    MV_REQUIRE(code->feature != NULL, err, MV_E_MEMORY, "out of memory for the features");
    code->feature_count = count;
    MV_TRY(mv_he_key_new(&key, set, o->keys->collection));
    MV_TRY(mv_pack_decrypt(code->feature, count, key, o->ciphertext.bytes, o->ciphertext.len));
    for (size_t i = 0; i < count; i++) {
        over |= code->feature[i] >> o->meta.code.feature_bits;
    }
    MV_REQUIRE(over == 0, err, MV_E_RANGE, "the features inside are out of range");
done:
    mv_he_key_free(&key);
    return st;
}

static mv_status give(mv_content *content, opening *o, const mv_he_set *set, double *he_ms,
                      unsigned what, mv_error *err)
{
    mv_status st = MV_OK;
    const double start_ms = mv_clock_ms();

    content->code.meta = o->meta.code;
    memcpy(content->file_name, o->meta.file_name, sizeof content->file_name);
    if ((what & MV_OPEN_FEATURES) != 0 && o->ciphertext.bytes != NULL) {
        MV_TRY(decrypt_features(&content->code, o, set, err));
        *he_ms = mv_clock_ms() - start_ms;
    }
    if ((what & MV_OPEN_EXACT) != 0 && o->exact.bytes != NULL) {
        content->exact = o->exact.bytes;
        content->exact_len = o->exact.len;
        o->exact.bytes = NULL; /* handed over */
    }
done:
    return st;
}

mv_status mv_envelope_open(mv_content *out, mv_sender *sender, mv_envelope_stats *stats,
                           const uint8_t *bytes, size_t len, const mv_identity *identity,
                           unsigned what, mv_error *err)
{
    mv_status st = MV_OK;
    opening o = {.bytes = bytes, .len = len, .identity = identity};
    mv_content content = {0};
    mv_sender who = {0};
    mv_envelope_stats s = {0};
    const double start_ms = mv_clock_ms();

    memset(out, 0, sizeof *out);
    memset(sender, 0, sizeof *sender);
    MV_TRY(mv_header_read(&o.outside, bytes, len, err));
    MV_TRY(authenticate(&o, &who, err));
    MV_TRY(read_meta(&o, err));
    MV_TRY(inspect_features(&o, &s.set, err));
    s.exact_kept = o.exact.bytes != NULL;
    s.bytes_exact = o.exact.len;
    s.bytes_features = (o.meta.feature_count * o.meta.code.feature_bits + 7) / 8;
    s.bytes_ciphertext = o.ciphertext.len;
    s.bytes_total = len;
    MV_TRY(give(&content, &o, s.set, &s.he_ms, what, err));
    s.total_ms = mv_clock_ms() - start_ms;
    *out = content;
    *sender = who;
    memset(&content, 0, sizeof content);
done:
    if (stats != NULL) {
        *stats = st == MV_OK ? s : (mv_envelope_stats){0};
    }
    mv_content_clear(&content);
    opening_clear(&o);
    return st;
}
