/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope_open.c: .mv of format 1 -> an opener, which exists only once everything is authentic.
 * Order: outer header, wrap, commitment, start, manifest, seal, hash of every section, signature,
 * padding. What is read again later is authenticated again, since the source may have changed.
 */
#include "base/clock.h"
#include "base/rng.h"
#include "base/secret.h"
#include "envelope_internal.h"
#include "envelope_io.h"
#include "envelope_signature.h"
#include "exact_coding.h"
#include "recipients.h"
#include "records.h"

#include <string.h>

typedef struct section {
    uint64_t at, len; /* where its stream starts; plaintext bytes */
    uint8_t hash[MV_HASH_LEN];
    uint8_t tag[MV_TAG_LEN]; /* to recognise it when it is read again */
} section;

/* In mv_secret memory. */
typedef struct opening_keys {
    mv_envelope_keys keys;
    uint8_t watch[MV_KEY_LEN]; /* random, this opener's own */
} opening_keys;

struct mv_opener {
    mv_source source;
    const mv_identity *identity;
    mv_envelope_outside outside;
    opening_keys *secret;
    mv_records *records;
    mv_start start;
    mv_manifest manifest;
    section *section; /* section_count of them; the last is the seal */
    size_t section_count;
    uint64_t body_end; /* where the padding starts */
    mv_transcript transcript;
    mv_sender sender;
    bool opens_features; /* the collection key in secret is theirs */
};

void mv_opener_free(mv_opener **opener)
{
    mv_opener *o = *opener;
    if (o != NULL) {
        void *secret = o->secret;
        mv_secret_free(&secret);
        mv_records_free(&o->records);
        mv_manifest_clear(&o->manifest);
        free(o->section);
        free(o);
        *opener = NULL;
    }
}

const mv_sender *mv_opener_sender(const mv_opener *o)
{
    return &o->sender;
}

size_t mv_opener_count(const mv_opener *o)
{
    return o->manifest.count;
}

const mv_member *mv_opener_member(const mv_opener *o, size_t i)
{
    return i < o->manifest.count ? &o->manifest.member[i] : NULL;
}

const uint8_t *mv_opener_archive(const mv_opener *o)
{
    return o->manifest.archived ? o->manifest.archive : NULL;
}

const uint8_t *mv_opener_collection_id(const mv_opener *o)
{
    return o->manifest.outside ? o->manifest.collection_id : NULL;
}

mv_status mv_opener_collection(mv_opener *o, const mv_collection *collection, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t id[MV_COLLECTION_ID_LEN];

    MV_REQUIRE(o->manifest.outside, err, MV_E_ARGUMENT,
               "the features inside are not sealed for a collection: no collection is needed");
    mv_collection_id(id, mv_collection_key(collection));
    if (memcmp(id, o->manifest.collection_id, sizeof id) != 0) {
        mv_hint(err, "use the collection, and its generation, that was published to the sender");
        st = mv_fail(err, MV_E_WRONG_KEY, "the features inside are sealed for another collection");
        goto done;
    }
    memcpy(o->secret->keys.collection, mv_collection_key(collection), MV_KEY_LEN);
    o->opens_features = true;
done:
    return st;
}

const mv_manifest *mv_opener_manifest(const mv_opener *o)
{
    return &o->manifest;
}

const uint8_t *mv_opener_collection_key(const mv_opener *o)
{
    return o->secret->keys.collection;
}

/* The one answer for everything that does not authenticate. */
static mv_status not_authentic(mv_error *err)
{
    return mv_fail(err, MV_E_AUTH, "the envelope is not authentic: it was altered or damaged");
}

mv_status mv_envelope_inspect(mv_envelope_outside *out, const mv_source *source, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t header[MV_HEADER_LEN] = {0};
    const size_t len = source->len < sizeof header ? (size_t)source->len : sizeof header;

    memset(out, 0, sizeof *out);
    MV_TRY(mv_source_read(source, 0, header, len, err));
    MV_TRY(mv_header_read(out, header, source->len, err));
done:
    return st;
}

/* ---- head ---- */

static mv_status open_wraps(mv_opener *o, const uint8_t *head, mv_error *err)
{
    char name[MV_CARD_NAME_MAX];

    for (uint32_t i = 0; i < o->outside.wrap_count; i++) {
        if (mv_wrap_open(&o->secret->keys, o->identity,
                         head + MV_HEADER_LEN + (size_t)MV_WRAP_LEN * i)) {
            return MV_OK;
        }
    }
    mv_card_name(name, o->identity->card.id);
    mv_hint(err, "use another identity, or ask the sender to seal it for %s", name);
    return mv_fail(err, MV_E_WRONG_KEY,
                   "none of the envelope's %u key slots opens with this identity",
                   o->outside.wrap_count);
}

static mv_status open_head(mv_opener *o, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t head_len = mv_head_len(o->outside.wrap_count);
    const size_t bound_len = head_len - MV_COMMITMENT_LEN;
    uint8_t expected[MV_COMMITMENT_LEN];
    uint8_t *head = malloc(head_len);

    MV_REQUIRE(head != NULL, err, MV_E_MEMORY, "out of memory");
    MV_TRY(mv_source_read(&o->source, 0, head, head_len, err));
    MV_TRY(open_wraps(o, head, err));
    mv_commitment(expected, &o->secret->keys, head, bound_len);
    if (!mv_equal_ct(expected, head + bound_len, MV_COMMITMENT_LEN)) {
        st = not_authentic(err);
        goto done;
    }
    mv_head_hash(o->transcript.head_hash, head, head_len);
done:
    free(head);
    return st;
}

/* ---- sections ---- */

static size_t piece_len(uint64_t len, uint64_t i)
{
    const uint64_t left = len - i * MV_RECORD_LEN;
    return left < MV_RECORD_LEN ? (size_t)left : MV_RECORD_LEN;
}

/* Record i of a section, still sealed, into records->sealed. */
static mv_status read_record(mv_opener *o, const section *s, uint64_t i, mv_error *err)
{
    return mv_source_read(&o->source, s->at + i * MV_RECORD_SEALED, o->records->sealed,
                          piece_len(s->len, i) + MV_TAG_LEN, err);
}

/* The records of section number index into the sink, piece by piece, each authentic. The stream
 * has been started. */
static mv_status open_records(mv_opener *o, const section *s, const mv_sink *sink, mv_error *err)
{
    mv_status st = MV_OK;
    mv_records *r = o->records;
    const uint64_t count = mv_records_count(s->len);

    for (uint64_t i = 0; i < count; i++) {
        const size_t len = piece_len(s->len, i);
        MV_TRY(read_record(o, s, i, err));
        MV_TRY(mv_records_open(r, len, i + 1 == count));
        MV_TRY(sink->write(sink->user, r->plain, len, err));
    }
done:
    mv_wipe(r->plain, sizeof r->plain);
    return st == MV_E_AUTH ? not_authentic(err) : st;
}

static mv_status append(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    const mv_status st = mv_buffer_append(user, bytes, len);
    return st == MV_OK ? st : mv_fail(err, st, "%s", mv_status_sentence(st));
}

/* A section that nobody has hashed yet, whole; s->hash is what it was. out->max is its length at
 * least. */
static mv_status open_first(mv_opener *o, size_t index, section *s, mv_buffer *out, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_sink sink = {append, out};

    MV_TRY(mv_buffer_reserve(out, (size_t)s->len));
    mv_section_key(&o->secret->keys, index, o->transcript.head_hash);
    MV_TRY(mv_records_start(o->records, o->secret->keys.section, false));
    MV_TRY(open_records(o, s, &sink, err));
    MV_TRY(mv_records_end(o->records, s->hash));
done:
    return st;
}

/* A section that has been authenticated; that it is still the same shows at its end. */
static mv_status open_again(mv_opener *o, size_t index, const mv_sink *sink, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t tag[MV_TAG_LEN];

    mv_section_key(&o->secret->keys, index, o->transcript.head_hash);
    MV_TRY(mv_records_start(o->records, o->secret->keys.section, false));
    MV_TRY(mv_records_watch(o->records, o->secret->watch, true));
    MV_TRY(open_records(o, &o->section[index], sink, err));
    MV_TRY(mv_records_tag(o->records, tag));
    st = mv_equal_ct(tag, o->section[index].tag, sizeof tag) ? MV_OK : not_authentic(err);
done:
    return st;
}

static mv_status hash_section(mv_opener *o, section *s, mv_error *err)
{
    mv_status st = MV_OK;
    const uint64_t count = mv_records_count(s->len);

    MV_TRY(mv_records_start(o->records, NULL, false));
    MV_TRY(mv_records_watch(o->records, o->secret->watch, false));
    for (uint64_t i = 0; i < count; i++) {
        MV_TRY(read_record(o, s, i, err));
        MV_TRY(mv_records_skip(o->records, piece_len(s->len, i)));
    }
    MV_TRY(mv_records_end(o->records, s->hash));
    MV_TRY(mv_records_tag(o->records, s->tag));
done:
    return st;
}

/* ---- what is inside ---- */

static uint64_t body_start(const mv_opener *o)
{
    return mv_head_len(o->outside.wrap_count);
}

static mv_status open_start(mv_opener *o, section *s, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer plain = mv_buffer_make(MV_START_LEN);

    *s = (section){.at = body_start(o), .len = MV_START_LEN};
    MV_REQUIRE(o->outside.padded_len >= mv_records_len(MV_START_LEN), err, MV_E_FORMAT,
               "the envelope is too short");
    MV_TRY(open_first(o, MV_SECTION_START, s, &plain, err));
    st = mv_start_read(&o->start, plain.bytes);
    MV_REQUIRE(st == MV_OK && mv_records_len(MV_START_LEN) + mv_records_len(o->start.manifest_len) +
                                      mv_records_len(o->start.seal_len) <=
                                  o->outside.padded_len,
               err, MV_E_FORMAT, "the lengths inside the envelope are damaged");
done:
    mv_buffer_clear(&plain);
    return st;
}

static mv_status open_manifest(mv_opener *o, section *s, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer plain = mv_buffer_make(MV_MANIFEST_LEN_MAX);

    *s =
        (section){.at = body_start(o) + mv_records_len(MV_START_LEN), .len = o->start.manifest_len};
    MV_TRY(open_first(o, MV_SECTION_MANIFEST, s, &plain, err));
    MV_TRY(mv_manifest_read(&o->manifest, plain.bytes, plain.len, err));
done:
    mv_buffer_clear(&plain);
    return st;
}

static void place_section(mv_opener *o, uint64_t len)
{
    o->section[o->section_count++] = (section){.at = o->body_end, .len = len};
    o->body_end += mv_records_len(len);
}

/* Where everything lies, as start and manifest say; it must fill the body. */
static mv_status place_sections(mv_opener *o, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_manifest *m = &o->manifest;

    o->section = calloc((2 + MV_MEMBER_FURTHER_MAX) * m->count + 3, sizeof *o->section);
    MV_REQUIRE(o->section != NULL, err, MV_E_MEMORY, "out of memory");
    o->body_end = body_start(o);
    place_section(o, MV_START_LEN);
    place_section(o, o->start.manifest_len);
    for (size_t i = 0; i < m->count; i++) {
        if (m->member[i].feature_count != 0) {
            place_section(o, m->member[i].ciphertext_len);
        }
        for (uint32_t k = 0; k < m->member[i].further_count; k++) {
            place_section(o, m->member[i].further[k].len);
        }
        if (m->member[i].exact_kept) {
            place_section(o, mv_member_exact_len(&m->member[i]));
        }
    }
    place_section(o, o->start.seal_len);
    MV_REQUIRE(mv_padded_len(o->body_end - body_start(o)) == o->outside.padded_len, err,
               MV_E_FORMAT, "the manifest inside the envelope is damaged");
done:
    return st;
}

static mv_status check_seal(mv_opener *o, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t last = o->section_count - 1;
    mv_buffer plain = mv_buffer_make(MV_SEAL_LEN_MAX);
    uint8_t *hashes = malloc(last * MV_HASH_LEN);

    MV_REQUIRE(hashes != NULL, err, MV_E_MEMORY, "out of memory");
    for (size_t i = 0; i < last; i++) {
        MV_TRY(hash_section(o, &o->section[i], err));
        memcpy(hashes + MV_HASH_LEN * i, o->section[i].hash, MV_HASH_LEN);
    }
    mv_body_hash(o->transcript.body_hash, hashes, last);
    MV_TRY(open_first(o, last, &o->section[last], &plain, err));
    if (mv_seal_read(&o->sender, plain.bytes, plain.len, &o->transcript) != MV_OK) {
        st = not_authentic(err);
    }
done:
    mv_buffer_clear(&plain);
    free(hashes);
    return st;
}

static mv_status check_padding(mv_opener *o, mv_error *err)
{
    mv_status st = MV_OK;
    mv_records *r = o->records;
    const uint64_t len = o->source.len - o->body_end;
    bool equal = true;

    mv_padding_key(&o->secret->keys, o->transcript.head_hash);
    for (uint64_t at = 0; at < len; at += MV_RECORD_LEN) {
        const size_t part = piece_len(len, at / MV_RECORD_LEN);
        MV_TRY(mv_source_read(&o->source, o->body_end + at, r->sealed, part, err));
        mv_padding(r->plain, at, part, o->secret->keys.section);
        equal = mv_equal_ct(r->sealed, r->plain, part) && equal;
    }
    st = equal ? MV_OK : not_authentic(err);
done:
    return st;
}

static mv_status authenticate(mv_opener *o, mv_error *err)
{
    mv_status st = MV_OK;
    section start, manifest;

    MV_TRY(open_head(o, err));
    MV_TRY(open_start(o, &start, err));
    MV_TRY(open_manifest(o, &manifest, err));
    MV_TRY(place_sections(o, err));
    MV_TRY(check_seal(o, err));
    /* what was parsed is what was sealed, even if the source changes in between */
    if (memcmp(start.hash, o->section[0].hash, MV_HASH_LEN) != 0 ||
        memcmp(manifest.hash, o->section[1].hash, MV_HASH_LEN) != 0) {
        st = not_authentic(err);
        goto done;
    }
    MV_TRY(check_padding(o, err));
done:
    return st;
}

mv_status mv_opener_new(mv_opener **out, const mv_source *source, const mv_identity *identity,
                        mv_error *err)
{
    mv_status st = MV_OK;
    void *secret = NULL;
    mv_opener *o = NULL;
    mv_envelope_outside outside;

    *out = NULL;
    MV_TRY(mv_envelope_inspect(&outside, source, err));
    o = calloc(1, sizeof *o);
    MV_REQUIRE(o != NULL, err, MV_E_MEMORY, "out of memory");
    o->source = *source;
    o->identity = identity;
    o->outside = outside;
    MV_TRY(mv_records_new(&o->records));
    MV_TRY(mv_secret_new(&secret, sizeof *o->secret));
    o->secret = secret;
    MV_TRY(mv_random_bytes(o->secret->watch, sizeof o->secret->watch));
    MV_TRY(authenticate(o, err));
    o->opens_features = !o->manifest.outside;
    if (!o->sender.anonymous) {
        o->sender.state = mv_card_state_on(&o->sender.card, mv_today());
        o->sender.revoked = mv_card_revoked(&o->sender.revoked_day, &o->sender.card);
    }
    *out = o;
    o = NULL;
done:
    mv_opener_free(&o);
    return st;
}

/* ---- members ---- */

/* The number of the first section of member i. */
static size_t first_section(const mv_opener *o, size_t member)
{
    size_t index = MV_SECTION_MEMBERS;
    for (size_t i = 0; i < member; i++) {
        const mv_member *m = &o->manifest.member[i];
        index += (size_t)(m->feature_count != 0) + m->further_count + (size_t)m->exact_kept;
    }
    return index;
}

static mv_status open_coded(mv_opener *o, size_t index, const mv_member *m, const mv_sink *sink,
                            mv_error *err)
{
    mv_status st = MV_OK;
    mv_exact_decoder *decoder = NULL;

    MV_REQUIRE(m->exact_coding <= MV_CODING_STRIPS, err, MV_E_UNSUPPORTED,
               "the original is in coding %u, of a later program", (unsigned)m->exact_coding);
    st = mv_exact_decoder_new(&decoder, m->exact_coding, m->exact_len, sink);
    MV_REQUIRE(st == MV_OK, err, st, "out of memory");
    const mv_sink coded = {mv_exact_decoder_write, decoder};
    MV_TRY(open_again(o, index, &coded, err));
    MV_TRY(mv_exact_decoder_end(decoder, err));
done:
    mv_exact_decoder_free(&decoder);
    return st;
}

mv_status mv_opener_exact(mv_opener *o, size_t i, const mv_sink *sink, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_member *m = mv_opener_member(o, i);

    MV_REQUIRE(m != NULL && m->exact_kept, err, MV_E_NOT_FOUND, "the original is not inside");
    const size_t index = first_section(o, i) + (m->feature_count != 0) + m->further_count;
    MV_TRY(m->exact_coding == MV_CODING_NONE ? open_again(o, index, sink, err)
                                             : open_coded(o, index, m, sink, err));
done:
    return st;
}

mv_status mv_opener_further(mv_opener *o, size_t i, uint32_t kind, const mv_sink *sink,
                            mv_error *err)
{
    mv_status st = MV_OK;
    const mv_member *m = mv_opener_member(o, i);
    uint32_t k = 0;

    while (m != NULL && k < m->further_count && m->further[k].kind != kind) {
        k++;
    }
    MV_REQUIRE(m != NULL && k < m->further_count, err, MV_E_NOT_FOUND,
               "there is no such section inside");
    MV_TRY(open_again(o, first_section(o, i) + (m->feature_count != 0) + k, sink, err));
done:
    return st;
}

/* Section index, of len bytes. */
static mv_status open_whole(mv_buffer *out, mv_opener *o, size_t index, uint64_t len, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_sink sink = {append, out};
    *out = mv_buffer_make((size_t)len);
    MV_TRY(mv_buffer_reserve(out, out->max));
    MV_TRY(open_again(o, index, &sink, err));
done:
    return st;
}

static mv_status open_ciphertext(mv_buffer *out, mv_opener *o, size_t i, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_member *m = mv_opener_member(o, i);

    MV_REQUIRE(m != NULL && m->feature_count != 0, err, MV_E_NOT_FOUND,
               "there are no features inside");
    MV_TRY(open_whole(out, o, first_section(o, i), m->ciphertext_len, err));
done:
    return st;
}

static mv_status inspect_features(mv_features_info *info, const mv_member *m,
                                  const mv_buffer *ciphertext, mv_error *err)
{
    const mv_status st = mv_features_inspect(info, ciphertext->bytes, ciphertext->len);

    return st == MV_OK && info->summed == 1 && info->shape.count == m->feature_count &&
                   info->shape.bits == m->code.feature_bits
               ? MV_OK
               : mv_fail(err, st == MV_OK ? MV_E_FORMAT : st,
                         "the features inside do not fit their description");
}

mv_status mv_opener_info(mv_opener *o, size_t i, mv_features_info *out, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer ciphertext = mv_buffer_make(0);

    memset(out, 0, sizeof *out);
    MV_TRY(open_ciphertext(&ciphertext, o, i, err));
    MV_TRY(inspect_features(out, mv_opener_member(o, i), &ciphertext, err));
done:
    mv_buffer_clear(&ciphertext);
    return st;
}

mv_status mv_opener_ciphertext(mv_buffer *out, uint8_t id[MV_COLLECTION_ID_LEN], mv_opener *o,
                               size_t i, mv_error *err)
{
    mv_status st = MV_OK;
    mv_features_info info;

    MV_TRY(open_ciphertext(out, o, i, err));
    MV_TRY(inspect_features(&info, mv_opener_member(o, i), out, err));
    if (o->manifest.outside) {
        memcpy(id, o->manifest.collection_id, MV_COLLECTION_ID_LEN);
    } else {
        mv_collection_id(id, o->secret->keys.collection);
    }
done:
    return st;
}

/* The collection key is there. */
static mv_status need_key(const mv_opener *o, mv_error *err)
{
    if (o->opens_features) {
        return MV_OK;
    }
    mv_hint(err, "give the collection, by a holder: --collection FILE");
    return mv_fail(err, MV_E_WRONG_KEY,
                   "the features inside are sealed for a collection, which is needed to open them");
}

/* count values of a ciphertext that has been inspected. */
static mv_status decrypt_row(uint32_t *value, size_t count, const mv_opener *o,
                             const mv_he_set *set, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    mv_he_key *key = NULL;
    MV_TRY(mv_he_key_new(&key, set, o->secret->keys.collection));
    MV_TRY(mv_features_decrypt(value, count, key, bytes, len));
done:
    mv_he_key_free(&key);
    return st;
}

static mv_status decrypt_features(mv_code *code, const mv_opener *o, const mv_member *m,
                                  const mv_he_set *set, const mv_buffer *ciphertext, mv_error *err)
{
    mv_status st = MV_OK;
    uint32_t over = 0;

    code->meta = m->code;
    code->feature = calloc(m->feature_count, sizeof *code->feature);
    MV_REQUIRE(code->feature != NULL, err, MV_E_MEMORY, "out of memory for the features");
    code->feature_count = m->feature_count;
    MV_TRY(decrypt_row(code->feature, code->feature_count, o, set, ciphertext->bytes,
                       ciphertext->len));
    for (size_t i = 0; i < code->feature_count; i++) {
        over |= code->feature[i] >> m->code.feature_bits;
    }
    MV_REQUIRE(over == 0, err, MV_E_RANGE, "the features inside are out of range");
done:
    return st;
}

mv_status mv_opener_features(mv_opener *o, size_t i, mv_code *out, const mv_he_set **set,
                             double *he_ms, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer ciphertext = mv_buffer_make(0);
    mv_features_info info;
    double start_ms = 0;

    memset(out, 0, sizeof *out);
    MV_TRY(open_ciphertext(&ciphertext, o, i, err));
    MV_TRY(need_key(o, err));
    MV_TRY(inspect_features(&info, mv_opener_member(o, i), &ciphertext, err));
    start_ms = mv_clock_ms();
    MV_TRY(decrypt_features(out, o, mv_opener_member(o, i), info.set, &ciphertext, err));
    if (he_ms != NULL) {
        *he_ms = mv_clock_ms() - start_ms;
    }
    if (set != NULL) {
        *set = info.set;
    }
done:
    if (st != MV_OK) {
        mv_code_clear(out);
    }
    mv_buffer_clear(&ciphertext);
    return st;
}

/* ---- embeddings ---- */

static mv_status inspect_embedding(mv_features_info *info, const mv_buffer *plain)
{
    mv_status st = MV_OK;
    MV_ENSURE(plain->len > MV_EMBEDDING_HASH_LEN, MV_E_FORMAT);
    MV_TRY(mv_features_inspect(info, plain->bytes + MV_EMBEDDING_HASH_LEN,
                               plain->len - MV_EMBEDDING_HASH_LEN));
    const mv_pack_shape want = mv_embedding_shape(info->shape.form);
    MV_ENSURE(info->set == mv_he_set_find("pack4096") && info->summed == 1 &&
                  info->shape.bits == want.bits && info->shape.sums == want.sums &&
                  info->shape.count == want.count,
              MV_E_FORMAT);
done:
    return st;
}

static mv_status decrypt_embedding(mv_embedding *out, const mv_opener *o, const mv_buffer *plain)
{
    mv_status st = MV_OK;
    mv_features_info info;
    uint32_t value[MV_EMBEDDING_DIM];
    uint32_t bad = 0;

    MV_TRY(inspect_embedding(&info, plain));
    MV_TRY(decrypt_row(value, MV_EMBEDDING_DIM, o, info.set, plain->bytes + MV_EMBEDDING_HASH_LEN,
                       plain->len - MV_EMBEDDING_HASH_LEN));
    for (size_t i = 0; i < MV_EMBEDDING_DIM; i++) {
        bad |= (value[i] - 1) >> 8 | (value[i] >> 8); /* 1 .. 255 */
        out->value[i] = (int8_t)((int32_t)(value[i] & 255) - 128);
    }
    memcpy(out->head_hash, plain->bytes, sizeof out->head_hash);
    MV_ENSURE(bad == 0, MV_E_RANGE);
    MV_TRY(mv_embedding_check(out));
done:
    mv_wipe(value, sizeof value);
    return st;
}

/* The number of the section of this kind of member i, which is there. */
static size_t section_of(const mv_opener *o, size_t i, uint32_t kind)
{
    const mv_member *m = mv_opener_member(o, i);
    size_t index = first_section(o, i) + (m->feature_count != 0);
    for (uint32_t k = 0; m->further[k].kind != kind; k++) {
        index++;
    }
    return index;
}

mv_status mv_opener_embedding(mv_opener *o, size_t i, mv_embedding *out, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_member *m = mv_opener_member(o, i);
    mv_buffer plain = mv_buffer_make(0);

    memset(out, 0, sizeof *out);
    MV_REQUIRE(m != NULL && m->embedding_len != 0, err, MV_E_NOT_FOUND,
               "there is no embedding inside");
    MV_TRY(need_key(o, err));
    MV_TRY(open_whole(&plain, o, section_of(o, i, MV_SECTION_EMBEDDING), m->embedding_len, err));
    st = decrypt_embedding(out, o, &plain);
    MV_REQUIRE(st == MV_OK, err, st, "the embedding inside is damaged: %s", mv_status_sentence(st));
done:
    if (st != MV_OK) {
        mv_wipe(out, sizeof *out);
    }
    mv_buffer_clear(&plain);
    return st;
}

/* ---- compact images ---- */

static mv_status decrypt_bytes(mv_buffer *out, const mv_opener *o, const mv_he_set **set,
                               const mv_buffer *ciphertext)
{
    mv_status st = MV_OK;
    mv_features_info info;
    uint32_t *value = NULL, over = 0;
    size_t count = 0;

    MV_TRY(mv_features_inspect(&info, ciphertext->bytes, ciphertext->len));
    const mv_pack_shape want = mv_compact_shape(info.shape.count, info.shape.form);
    MV_ENSURE(info.summed == 1 && info.shape.bits == want.bits && info.shape.sums == want.sums &&
                  info.shape.count <= MV_COMPACT_HE_MAX,
              MV_E_FORMAT);
    count = info.shape.count;
    *set = info.set;
    value = calloc(count, sizeof *value);
    MV_ENSURE(value != NULL, MV_E_MEMORY);
    MV_TRY(decrypt_row(value, count, o, info.set, ciphertext->bytes, ciphertext->len));
    *out = mv_buffer_make(count);
    MV_TRY(mv_buffer_append_zeros(out, count));
    for (size_t i = 0; i < count; i++) {
        over |= value[i] >> 8;
        out->bytes[i] = (uint8_t)value[i];
    }
    MV_ENSURE(over == 0, MV_E_RANGE);
done:
    if (value != NULL) {
        mv_wipe(value, count * sizeof *value);
    }
    free(value);
    return st;
}

static mv_status open_compact(mv_buffer *out, mv_opener *o, size_t i, const mv_he_set **set,
                              double *he_ms, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_member *m = mv_opener_member(o, i);
    mv_buffer ciphertext = mv_buffer_make(0);
    double start_ms = 0;

    if (!m->compact_he) {
        return open_whole(out, o, section_of(o, i, MV_SECTION_COMPACT), m->compact_len, err);
    }
    MV_TRY(need_key(o, err));
    MV_TRY(
        open_whole(&ciphertext, o, section_of(o, i, MV_SECTION_COMPACT_HE), m->compact_len, err));
    start_ms = mv_clock_ms();
    st = decrypt_bytes(out, o, set, &ciphertext);
    MV_REQUIRE(st == MV_OK, err, st, "the compact image inside is damaged: %s",
               mv_status_sentence(st));
    *he_ms = mv_clock_ms() - start_ms;
done:
    mv_buffer_clear(&ciphertext);
    return st;
}

mv_status mv_opener_compact(mv_opener *o, size_t i, uint8_t **out, size_t *len,
                            const mv_he_set **set, double *he_ms, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_member *m = mv_opener_member(o, i);
    const mv_he_set *used = NULL;
    double ms = 0;
    mv_buffer plain = mv_buffer_make(0);

    *out = NULL;
    *len = 0;
    MV_REQUIRE(m != NULL && m->compact_len != 0, err, MV_E_NOT_FOUND,
               "there is no compact image inside");
    MV_TRY(open_compact(&plain, o, i, &used, &ms, err));
    *out = plain.bytes;
    *len = plain.len;
    plain = mv_buffer_make(0);
    if (set != NULL) {
        *set = used;
    }
    if (he_ms != NULL) {
        *he_ms = ms;
    }
done:
    mv_buffer_clear(&plain);
    return st;
}
