/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope_attack.h: an envelope taken apart, changed and put together again by somebody who can
 * open it; for the tests of the envelope.
 */
#ifndef MV_TESTS_ENVELOPE_ATTACK_H
#define MV_TESTS_ENVELOPE_ATTACK_H

#include "envelope_people.h"

/* An envelope of one member taken apart by somebody who can open it. */
enum { TAKEN_MAX = 8, MANIFEST = MV_SECTION_MANIFEST, FEATURES = 2, EXACT = 3 };

typedef struct taken {
    mv_envelope_keys *keys;
    mv_records *records;
    mv_transcript transcript;
    size_t count; /* sections; the last is the seal */
    uint8_t *plain[TAKEN_MAX];
    size_t len[TAKEN_MAX], at[TAKEN_MAX]; /* plaintext bytes; where the stream starts */
    uint8_t hash[TAKEN_MAX][MV_HASH_LEN];
    size_t end; /* of the last stream */
} taken;

/* Opens the section at the end so far; false: not authentic. */
static inline bool take_section(taken *t, const sealed *s, size_t len)
{
    const size_t i = t->count;
    uint8_t *next = t->plain[i] = malloc(len + 1);
    const uint8_t *from = s->bytes + t->end;
    bool authentic = true;

    mv_section_key(t->keys, i, t->transcript.head_hash);
    assert_int_equal(mv_records_start(t->records, t->keys->section, false), MV_OK);
    for (uint64_t left = len, n = mv_records_count(len); n != 0 && authentic; n--) {
        const size_t part = left < MV_RECORD_LEN ? (size_t)left : MV_RECORD_LEN;
        memcpy(t->records->sealed, from, part + MV_TAG_LEN);
        authentic = mv_records_open(t->records, part, n == 1) == MV_OK;
        memcpy(next, t->records->plain, part);
        next += part;
        from += part + MV_TAG_LEN;
        left -= part;
    }
    assert_int_equal(mv_records_end(t->records, t->hash[i]), MV_OK);
    t->len[i] = len;
    t->at[i] = t->end;
    t->end = (size_t)(from - s->bytes);
    t->count++;
    return authentic;
}

static inline void take_keys(taken *t, const sealed *s, const mv_identity *identity)
{
    void *memory = NULL;
    mv_envelope_outside o;
    bool found = false;

    assert_int_equal(mv_records_new(&t->records), MV_OK);
    assert_int_equal(mv_secret_new(&memory, sizeof *t->keys), MV_OK);
    t->keys = memory;
    assert_int_equal(mv_header_read(&o, s->bytes, s->len, NULL), MV_OK);
    for (uint32_t i = 0; i < o.wrap_count && !found; i++) {
        found = mv_wrap_open(t->keys, identity, s->bytes + MV_HEADER_LEN + MV_WRAP_LEN * i);
    }
    assert_true(found);
    t->end = mv_head_len(o.wrap_count);
    mv_head_hash(t->transcript.head_hash, s->bytes, t->end);
}

static inline void body_hash(taken *t)
{
    mv_body_hash(t->transcript.body_hash, t->hash[0], t->count - 1);
}

static inline taken take_apart(const sealed *s, const mv_identity *identity)
{
    taken t = {0};
    mv_start start;
    mv_manifest m;

    take_keys(&t, s, identity);
    assert_true(take_section(&t, s, MV_START_LEN));
    assert_int_equal(mv_start_read(&start, t.plain[0]), MV_OK);
    assert_true(take_section(&t, s, (size_t)start.manifest_len));
    assert_int_equal(mv_manifest_read(&m, t.plain[1], t.len[1], NULL), MV_OK);
    if (m.member[0].feature_count != 0) {
        assert_true(take_section(&t, s, (size_t)m.member[0].ciphertext_len));
    }
    if (m.member[0].exact_kept) {
        assert_true(take_section(&t, s, (size_t)m.member[0].exact_len));
    }
    assert_true(take_section(&t, s, (size_t)start.seal_len));
    body_hash(&t);
    mv_manifest_clear(&m);
    return t;
}

static inline void taken_clear(taken *t)
{
    void *memory = t->keys;
    mv_secret_free(&memory);
    mv_records_free(&t->records);
    for (size_t i = 0; i < t->count; i++) {
        free(t->plain[i]);
    }
}

/* Seals plain as section i of t's head; returns the end of the stream. */
static inline uint8_t *seal_section(taken *t, uint8_t *out, size_t i)
{
    const uint8_t *plain = t->plain[i];
    size_t left = t->len[i];

    mv_section_key(t->keys, i, t->transcript.head_hash);
    assert_int_equal(mv_records_start(t->records, t->keys->section, true), MV_OK);
    for (uint64_t n = mv_records_count(left); n != 0; n--) {
        const size_t part = left < MV_RECORD_LEN ? left : MV_RECORD_LEN;
        memcpy(t->records->plain, plain, part);
        assert_int_equal(mv_records_seal(t->records, part, n == 1), MV_OK);
        memcpy(out, t->records->sealed, part + MV_TAG_LEN);
        out += part + MV_TAG_LEN;
        plain += part;
        left -= part;
    }
    assert_int_equal(mv_records_end(t->records, t->hash[i]), MV_OK);
    return out;
}

static inline void put_back(const sealed *s, taken *t, size_t i)
{
    (void)seal_section(t, s->bytes + t->at[i], i);
    if (i + 1 < t->count) {
        body_hash(t);
    }
}

/* Makes the seal by `by` (NULL: anonymous) over what t's sections are now. */
static inline void make_seal(taken *t, const mv_identity *by)
{
    mv_buffer b = mv_buffer_make(MV_SEAL_LEN_MAX);
    const size_t last = t->count - 1;
    assert_int_equal(mv_seal_write(&b, by, &t->transcript), MV_OK);
    free(t->plain[last]);
    t->plain[last] = malloc(b.len);
    memcpy(t->plain[last], b.bytes, b.len);
    t->len[last] = b.len;
    mv_buffer_clear(&b);
}

static inline void sign_again(const sealed *s, taken *t, const mv_identity *by)
{
    const size_t len = t->len[t->count - 1];
    make_seal(t, by);
    assert_int_equal(t->len[t->count - 1], len);
    put_back(s, t, t->count - 1);
}
/* All of an envelope made anew by a co-recipient: same keys and plaintexts, other wraps; the seal
 * anonymous, or, keep_signature, the sender's with everything but the body hash as it was.
 * second_collection, unless NULL, is what the second recipient gets as K. */
static inline sealed rebuild(taken *t, const mv_card *to, uint32_t to_count, bool keep_signature,
                             const uint8_t *second_collection)
{
    const size_t last = t->count - 1, head = mv_head_len(to_count);
    size_t body = 0;
    uint8_t *old_seal = malloc(t->len[last]);
    const size_t old_len = t->len[last];
    sealed s = {NULL, 0};

    memcpy(old_seal, t->plain[last], old_len);
    if (!keep_signature) {
        make_seal(t, NULL); /* for its length */
    }
    mv_store_u64le(t->plain[0] + 8, t->len[last]);
    for (size_t i = 0; i <= last; i++) {
        body += (size_t)mv_records_len(t->len[i]);
    }
    s.len = head + (size_t)mv_padded_len(body);
    s.bytes = malloc(s.len);
    mv_header_write(s.bytes, to_count, s.len - head);
    for (uint32_t i = 0; i < to_count; i++) {
        const uint8_t coins[MV_XWING_COINS_LEN] = {(uint8_t)(i + 1), 77};
        uint8_t kept[MV_KEY_LEN];
        memcpy(kept, t->keys->collection, sizeof kept);
        if (i == 1 && second_collection != NULL) {
            memcpy(t->keys->collection, second_collection, sizeof kept);
        }
        assert_int_equal(
            mv_wrap_seal(s.bytes + MV_HEADER_LEN + MV_WRAP_LEN * i, t->keys, &to[i], coins), MV_OK);
        memcpy(t->keys->collection, kept, sizeof kept);
    }
    mv_commitment(s.bytes + head - MV_COMMITMENT_LEN, t->keys, s.bytes, head - MV_COMMITMENT_LEN);
    mv_head_hash(t->transcript.head_hash, s.bytes, head);
    uint8_t *next = s.bytes + head;
    for (size_t i = 0; i < last; i++) {
        t->at[i] = (size_t)(next - s.bytes);
        next = seal_section(t, next, i);
    }
    body_hash(t);
    if (keep_signature) { /* {1: 1, 2: body hash, 3: .., 4: ..}: the hash is at 6 */
        memcpy(t->plain[last], old_seal, old_len);
        memcpy(t->plain[last] + 6, t->transcript.body_hash, MV_HASH_LEN);
    } else {
        make_seal(t, NULL);
    }
    t->at[last] = (size_t)(next - s.bytes);
    next = seal_section(t, next, last);
    t->end = (size_t)(next - s.bytes);
    mv_padding_key(t->keys, t->transcript.head_hash);
    mv_padding(next, 0, s.len - t->end, t->keys->section);
    free(old_seal);
    return s;
}

#endif
