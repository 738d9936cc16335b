/* SPDX-License-Identifier: Apache-2.0
 *
 * test_golden.c: sentences about files and pages that must stay true: golden files, the vectors in
 * docs/formats, the reference reader.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cbor.h"
#include "base/file.h"
#include "envelope/armour.h"
#include "envelope/container.h"
#include "envelope/envelope_internal.h"
#include "envelope/envelope_signature.h"
#include "envelope/recipients.h"
#include "envelope/records.h"
#include "envelope_sample.h"
#include "he/cipher_internal.h"

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    if (value == NULL) {
        fail_msg("%s is not set; run this test through the build system", name);
    }
    return value;
}

static mv_buffer read_in(const char *folder_variable, const char *name)
{
    mv_buffer b = mv_buffer_make(10000000);
    mv_error err = {0};
    char path[1000];
    (void)snprintf(path, sizeof path, "%s/%s", variable(folder_variable), name);
    if (mv_file_read(&b, path, &err) != MV_OK) {
        fail_msg("%s", err.text);
    }
    return b;
}

/* ---- golden files ---- */

static void check_sample(const mv_content *got)
{
    mv_content want = sample_content(true, 300);
    assert_memory_equal(&got->code.meta, &want.code.meta, sizeof got->code.meta);
    assert_int_equal(got->code.feature_count, want.code.feature_count);
    assert_memory_equal(got->code.feature, want.code.feature,
                        want.code.feature_count * sizeof *want.code.feature);
    assert_int_equal(got->exact_len, want.exact_len);
    assert_memory_equal(got->exact, want.exact, want.exact_len);
    assert_string_equal(got->file_name, want.file_name);
    mv_content_clear(&want);
}

/* name: "format1", or "format1b" for what came later. */
static mv_identity *receiver_of(const char *name)
{
    char file[40];
    (void)snprintf(file, sizeof file, "%s.id", name);
    mv_buffer id = read_in("MV_GOLDEN", file);
    mv_identity *receiver = NULL;
    assert_int_equal(
        mv_identity_read(&receiver, (char *)id.bytes, id.len, "format1.id", NULL, NULL), MV_OK);
    mv_buffer_clear(&id);
    return receiver;
}

static mv_identity *golden_receiver(void)
{
    return receiver_of("format1");
}

static void a_file_of_format_1_sealed_long_ago_still_opens(void **state)
{
    mv_buffer mv = read_in("MV_GOLDEN", "format1.mv");
    mv_identity *receiver = golden_receiver(), *sender = sample_identity(1);
    mv_content c;
    mv_sender who;
    (void)state;
    assert_int_equal(
        mv_envelope_open(&c, &who, NULL, mv.bytes, mv.len, receiver, MV_OPEN_ALL, NULL), MV_OK);
    check_sample(&c);
    assert_memory_equal(&who.card, &sender->card, sizeof who.card);
    mv_content_clear(&c);
    mv_identity_free(&receiver);
    mv_identity_free(&sender);
    mv_buffer_clear(&mv);
}

static void a_study_of_format_1_sealed_long_ago_still_opens(void **state)
{
    mv_buffer mv = read_in("MV_GOLDEN", "format1-study.mv");
    const mv_source source = mv_source_memory(mv.bytes, mv.len);
    mv_identity *receiver = golden_receiver(), *archive = sample_identity(3);
    mv_content want = sample_content(true, 300);
    mv_opener *o = NULL;
    (void)state;
    assert_int_equal(mv_opener_new(&o, &source, receiver, NULL), MV_OK);
    assert_int_equal(mv_opener_count(o), 2);
    assert_memory_equal(mv_opener_archive(o), archive->card.id, MV_CARD_ID_LEN);
    assert_string_equal(mv_opener_member(o, 1)->file_name, "second.png");
    assert_false(mv_opener_member(o, 1)->exact_kept);
    for (size_t i = 0; i < 2; i++) {
        mv_code code;
        assert_int_equal(mv_opener_features(o, i, &code, NULL, NULL, NULL), MV_OK);
        assert_memory_equal(code.feature, want.code.feature,
                            want.code.feature_count * sizeof *code.feature);
        mv_code_clear(&code);
    }
    mv_opener_free(&o);
    mv_content_clear(&want);
    mv_identity_free(&receiver);
    mv_identity_free(&archive);
    mv_buffer_clear(&mv);
}

static void a_collection_of_format_1_sealed_long_ago_still_opens(void **state)
{
    mv_buffer mv = read_in("MV_GOLDEN", "format1-collection.mv");
    const mv_source source = mv_source_memory(mv.bytes, mv.len);
    mv_identity *receiver = golden_receiver();
    mv_collection *c = NULL;
    (void)state;
    assert_int_equal(mv_collection_open(&c, &source, receiver, NULL), MV_OK);
    assert_int_equal(mv_collection_generation(c), 1);
    assert_int_equal(mv_collection_holder_count(c), 2);
    mv_collection_free(&c);
    mv_identity_free(&receiver);
    mv_buffer_clear(&mv);
}

static void a_file_of_an_outside_sender_sealed_long_ago_still_opens(void **state)
{
    mv_buffer mv = read_in("MV_GOLDEN", "format1b-outside.mv");
    mv_buffer holders = read_in("MV_GOLDEN", "format1b-collection.mv");
    const mv_source source = mv_source_memory(mv.bytes, mv.len);
    const mv_source theirs = mv_source_memory(holders.bytes, holders.len);
    const mv_embedding want = sample_embedding();
    mv_identity *receiver = receiver_of("format1b");
    mv_content sent = sample_content(true, 300);
    mv_collection *c = NULL;
    mv_opener *o = NULL;
    mv_embedding got;
    mv_code code;
    (void)state;
    assert_int_equal(mv_opener_new(&o, &source, receiver, NULL), MV_OK);
    assert_int_equal(mv_collection_open(&c, &theirs, receiver, NULL), MV_OK);
    assert_int_equal(mv_opener_collection(o, c, NULL), MV_OK);
    assert_int_equal(mv_opener_embedding(o, 0, &got, NULL), MV_OK);
    assert_memory_equal(&got, &want, sizeof got);
    assert_int_equal(mv_opener_features(o, 0, &code, NULL, NULL, NULL), MV_OK);
    assert_memory_equal(code.feature, sent.code.feature, code.feature_count * sizeof *code.feature);
    mv_code_clear(&code);
    mv_opener_free(&o);
    mv_collection_free(&c);
    mv_content_clear(&sent);
    mv_identity_free(&receiver);
    mv_buffer_clear(&mv);
    mv_buffer_clear(&holders);
}

static void a_file_with_features_in_slots_sealed_long_ago_still_opens(void **state)
{
    mv_buffer mv = read_in("MV_GOLDEN", "format1b-slots.mv");
    mv_identity *receiver = receiver_of("format1b");
    mv_content c;
    mv_sender who;
    mv_envelope_stats stats;
    (void)state;
    assert_int_equal(
        mv_envelope_open(&c, &who, &stats, mv.bytes, mv.len, receiver, MV_OPEN_ALL, NULL), MV_OK);
    assert_string_equal(mv_he_set_name(stats.set), "score4096");
    check_sample(&c);
    mv_content_clear(&c);
    mv_identity_free(&receiver);
    mv_buffer_clear(&mv);
}

static mv_status append(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    (void)err;
    return mv_buffer_append(user, bytes, len);
}

static void check_rasters(const char *name, uint32_t coding)
{
    mv_buffer mv = read_in("MV_GOLDEN", name);
    const mv_source source = mv_source_memory(mv.bytes, mv.len);
    mv_identity *receiver = receiver_of("format1c");
    mv_opener *o = NULL;
    assert_int_equal(mv_opener_new(&o, &source, receiver, NULL), MV_OK);
    assert_int_equal(mv_opener_count(o), 2);
    for (uint32_t i = 0; i < 2; i++) {
        uint8_t *want = sample_raster(1 + 2 * i);
        mv_buffer got = mv_buffer_make(1 << 20);
        const mv_sink sink = {append, &got};
        assert_int_equal(mv_opener_member(o, i)->exact_coding, coding);
        const mv_status st = mv_opener_exact(o, i, &sink, NULL);
        if (st == MV_E_POLICY && getenv("MV_NO_SECCOMP") != NULL) {
            print_message("%s: an emulator refuses the sandbox; not rebuilt\n", name);
        } else {
            assert_int_equal(st, MV_OK);
            assert_int_equal(got.len, SAMPLE_RASTER_LEN(1 + 2 * i));
            assert_memory_equal(got.bytes, want, got.len);
        }
        mv_buffer_clear(&got);
        free(want);
    }
    mv_opener_free(&o);
    mv_identity_free(&receiver);
    mv_buffer_clear(&mv);
}

static void originals_coded_long_ago_still_come_back(void **state)
{
    (void)state;
    check_rasters("format1c-raster.mv", MV_CODING_RASTER);
    check_rasters("format1c-strips.mv", MV_CODING_STRIPS);
}

static void a_file_of_the_trial_format_is_refused_with_one_clear_sentence(void **state)
{
    mv_buffer mv = read_in("MV_GOLDEN", "format0.mv");
    const mv_source source = mv_source_memory(mv.bytes, mv.len);
    mv_identity *receiver = golden_receiver();
    mv_opener *o = NULL;
    mv_error err = {0};
    (void)state;
    assert_int_equal(mv_opener_new(&o, &source, receiver, &err), MV_E_FORMAT);
    assert_non_null(strstr(err.text, "format 0, which was for trials"));
    mv_identity_free(&receiver);
    mv_buffer_clear(&mv);
}

/* ---- the vectors printed in docs/formats ---- */

/* The page without white space, zero-terminated. */
static char *squeezed(const char *name)
{
    mv_buffer page = read_in("MV_FORMATS", name);
    char *out = malloc(page.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < page.len; i++) {
        if (!isspace(page.bytes[i])) {
            out[n++] = (char)page.bytes[i];
        }
    }
    out[n] = '\0';
    mv_buffer_clear(&page);
    return out;
}

static int missing;

static void expect_text(const char *page, const char *what, const char *text)
{
    if (strstr(page, text) == NULL) {
        fprintf(stderr, "the page lacks %s = %s\n", what, text);
        missing++;
    }
}

static void expect_hex(const char *page, const char *what, const uint8_t *bytes, size_t len)
{
    char *hex = malloc(2 * len + 1);
    (void)sodium_bin2hex(hex, 2 * len + 1, bytes, len);
    expect_text(page, what, hex);
    free(hex);
}

static mv_identity *counted_identity(uint8_t first)
{
    uint8_t seed[MV_SEED_LEN];
    mv_identity *id = NULL;
    for (size_t i = 0; i < sizeof seed; i++) {
        seed[i] = (uint8_t)(first + i);
    }
    assert_int_equal(mv_identity_from_seed(&id, seed, 20000), MV_OK);
    return id;
}

/* The seed under the passphrase "medveil", as the page prints it. */
static void expect_lock(const char *page, const uint8_t *seed)
{
    static const uint8_t box[MV_LOCK_BOX_LEN] = {
        0x10, 0xd2, 0xb8, 0xdb, 0xa6, 0x8e, 0x4d, 0xb7, 0xab, 0x2d, 0xad, 0x3e,
        0x44, 0x30, 0xbe, 0x7c, 0xd3, 0x3f, 0x26, 0x63, 0xc7, 0x98, 0x29, 0xca,
        0xbb, 0x8d, 0x23, 0x3f, 0x53, 0x9e, 0xd0, 0x83, 0xcd, 0x58, 0x5b, 0x63,
        0x58, 0x1d, 0xa9, 0x85, 0x94, 0xa8, 0xb6, 0xfd, 0xf5, 0x29, 0x1d, 0x51};
    uint8_t opened[MV_SEED_LEN];
    mv_lock lock = {{1, 8}, {0}, {0}};
    for (size_t i = 0; i < sizeof lock.salt; i++) {
        lock.salt[i] = (uint8_t)(0xa0 + i);
    }
    memcpy(lock.box, box, sizeof box);
    assert_int_equal(mv_lock_open(opened, &lock, "medveil", 7), MV_OK);
    assert_memory_equal(opened, seed, sizeof opened);
    expect_hex(page, "salt", lock.salt, sizeof lock.salt);
    expect_hex(page, "box", box, sizeof box);
}

/* The block that a file holds, without its line ends. */
static void expect_block(const char *page, const char *what, const char *path)
{
    mv_buffer file = mv_buffer_make(10000);
    size_t n = 0;
    assert_int_equal(mv_file_read(&file, path, NULL), MV_OK);
    assert_int_equal(mv_buffer_put_u8(&file, 0), MV_OK);
    char *block = strstr((char *)file.bytes, "-----BEGIN");
    for (char *c = block; *c != '\0'; c++) {
        block[n] = *c;
        n += isspace((unsigned char)*c) ? 0 : 1;
    }
    block[n] = '\0';
    expect_text(page, what, block);
    mv_buffer_clear(&file);
}

static void expect_card(const char *page, const mv_card *card)
{
    char name[MV_CARD_NAME_MAX], spoken[MV_CARD_SPOKEN_MAX], groups[MV_CARD_SPOKEN_MAX];
    size_t n = 0;
    mv_card_name(name, card->id);
    mv_card_spoken(spoken, card);
    for (const char *c = spoken; *c != '\0'; c++) {
        groups[n] = *c;
        n += *c == ' ' ? 0 : 1;
    }
    groups[n] = '\0';
    expect_hex(page, "card", card->bytes, card->bytes_len);
    expect_hex(page, "id", card->id, sizeof card->id);
    expect_text(page, "name", name);
    expect_text(page, "digits", groups);
}

static void the_vectors_of_identity_md_are_right(void **state)
{
    static const uint8_t he[32] = {7};
    const mv_card_terms terms = {20100, 20465, he};
    char *page = squeezed("identity.md"), path[] = "/tmp/mv-golden-XXXXXX";
    mv_identity *id = counted_identity(0);
    mv_revocation statement;
    (void)state;
    missing = 0;
    expect_hex(page, "X-Wing seed", id->seal_seed, sizeof id->seal_seed);
    expect_hex(page, "Ed25519 seed", id->sign_seed, sizeof id->sign_seed);
    expect_hex(page, "Ed25519 public", id->card.sign_public, sizeof id->card.sign_public);
    expect_card(page, &id->card);
    expect_lock(page, id->seed);
    assert_int_not_equal(mkstemp(path), -1);
    assert_int_equal(mv_identity_save(id, path, true, NULL), MV_OK);
    expect_block(page, "identity", path);
    assert_int_equal(mv_revocation_make(&statement, id, 20300), MV_OK);
    assert_int_equal(mv_revocation_save(&statement, path, true, NULL), MV_OK);
    expect_block(page, "revocation", path);
    assert_int_equal(mv_identity_renew(id, &terms, NULL), MV_OK);
    expect_card(page, &id->card);
    (void)unlink(path);
    mv_identity_free(&id);
    free(page);
    assert_int_equal(missing, 0);
}

static void count_up(uint8_t *out, uint8_t first)
{
    for (uint8_t i = 0; i < 32; i++) {
        out[i] = (uint8_t)(first + i);
    }
}

static mv_status collect(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    (void)err;
    return mv_buffer_append(user, bytes, len);
}

/* The envelope of the page: every random byte counted up. */
static mv_buffer counted_envelope(const mv_identity *sender, const mv_card *receiver)
{
    static mv_seal_secrets secrets;
    const mv_seal_opts opts = {.sender = sender, .recipient = receiver, .recipient_count = 1};
    const mv_source original = mv_source_memory((const uint8_t *)"medveil", 7);
    mv_buffer out = mv_buffer_make(100000);
    const mv_sink sink = {collect, &out};
    mv_sealer *sealer = NULL;
    count_up(secrets.envelope_key, 0x40);
    count_up(secrets.collection_key, 0x60);
    count_up(secrets.coins[0], 0x80);
    count_up(secrets.coins[0] + 32, 0xa0);
    assert_int_equal(mv_sealer_new_with(&sealer, &opts, &secrets, NULL), MV_OK);
    assert_int_equal(mv_sealer_add(sealer, "a.bin", NULL, &original, NULL), MV_OK);
    assert_int_equal(mv_sealer_finish(sealer, NULL, &sink, NULL), MV_OK);
    mv_sealer_free(&sealer);
    return out;
}

/* Section i at *at: its key, plaintext and hash are on the page. Returns its plaintext, which stays
 * in r->plain; all are shorter than a record. */
static const uint8_t *expect_section(const char *page, mv_envelope_keys *keys, mv_records *r,
                                     const uint8_t head_hash[MV_HASH_LEN], size_t i,
                                     const uint8_t **at, size_t len, uint8_t hash[MV_HASH_LEN])
{
    char what[60];
    mv_section_key(keys, i, head_hash);
    (void)snprintf(what, sizeof what, "key of section %zu", i);
    expect_hex(page, what, keys->section, sizeof keys->section);
    memcpy(r->sealed, *at, len + MV_TAG_LEN);
    assert_int_equal(mv_records_start(r, keys->section, false), MV_OK);
    assert_int_equal(mv_records_open(r, len, true), MV_OK);
    assert_int_equal(mv_records_end(r, hash), MV_OK);
    (void)snprintf(what, sizeof what, "section %zu (plaintext)", i);
    expect_hex(page, what, r->plain, len);
    (void)snprintf(what, sizeof what, "hash of section %zu", i);
    expect_hex(page, what, hash, MV_HASH_LEN);
    *at += len + MV_TAG_LEN;
    return r->plain;
}

static void expect_body(const char *page, const mv_buffer *file, const uint8_t *head_hash)
{
    static mv_envelope_keys keys;
    mv_records *r = NULL;
    mv_start start;
    uint8_t hashes[4 * MV_HASH_LEN], body_hash[MV_HASH_LEN];
    const uint8_t *at = file->bytes + mv_head_len(1);

    count_up(keys.envelope, 0x40);
    assert_int_equal(mv_records_new(&r), MV_OK);
    const uint8_t *plain = expect_section(page, &keys, r, head_hash, 0, &at, MV_START_LEN, hashes);
    assert_int_equal(mv_start_read(&start, plain), MV_OK);
    (void)expect_section(page, &keys, r, head_hash, 1, &at, (size_t)start.manifest_len,
                         hashes + 32);
    (void)expect_section(page, &keys, r, head_hash, 2, &at, 7, hashes + 64);
    mv_body_hash(body_hash, hashes, 3);
    expect_hex(page, "body hash", body_hash, sizeof body_hash);
    (void)expect_section(page, &keys, r, head_hash, 3, &at, (size_t)start.seal_len, hashes + 96);
    mv_padding_key(&keys, head_hash);
    expect_hex(page, "key of the padding", keys.section, sizeof keys.section);
    mv_records_free(&r);
}

static void expect_collection_id(const char *page)
{
    uint8_t key[MV_COLLECTION_KEY_LEN], id[MV_COLLECTION_ID_LEN];
    count_up(key, 0x60);
    mv_collection_id(id, key);
    expect_hex(page, "collection id", id, sizeof id);
}

/* pack4096's public key of the collection key 60 .. 7f, mask seed 20 .. 3f, error seed 40 .. 5f. */
static mv_buffer counted_public(void)
{
    uint8_t collection[MV_COLLECTION_KEY_LEN];
    mv_he_seeds seeds;
    mv_he_key *key = NULL;
    mv_he_public *pub = NULL;
    const mv_he_set *set = mv_he_set_find("pack4096");
    mv_buffer out = mv_buffer_make(100000);
    count_up(collection, 0x60);
    count_up(seeds.mask, 0x20);
    count_up(seeds.error, 0x40);
    assert_int_equal(mv_he_key_new(&key, set, collection), MV_OK);
    assert_int_equal(mv_he_public_seeded(&pub, key, &seeds), MV_OK);
    assert_int_equal(mv_buffer_append_zeros(&out, mv_he_public_size(set)), MV_OK);
    assert_int_equal(mv_he_public_write(out.bytes, out.len, &out.len, pub), MV_OK);
    mv_he_public_free(&pub);
    mv_he_key_free(&key);
    return out;
}

static void put_pair(mv_buffer *b, uint64_t key, uint64_t value)
{
    assert_int_equal(mv_cbor_put_uint(b, key), MV_OK);
    assert_int_equal(mv_cbor_put_uint(b, value), MV_OK);
}

/* The map of the page, made from its table alone. */
static mv_buffer counted_map(const mv_identity *holder, const mv_buffer *he)
{
    const uint8_t blank[MV_SIGNATURE_LEN] = {0};
    uint8_t collection[MV_COLLECTION_KEY_LEN], id[MV_COLLECTION_ID_LEN], message[MV_HASH_LEN];
    mv_buffer b = mv_buffer_make(100000);
    count_up(collection, 0x60);
    mv_collection_id(id, collection);
    assert_int_equal(mv_cbor_put_map(&b, 7), MV_OK);
    put_pair(&b, 1, 1);
    put_pair(&b, 2, 1);
    assert_int_equal(mv_cbor_put_uint(&b, 3), MV_OK);
    assert_int_equal(mv_cbor_put_bytes(&b, id, sizeof id), MV_OK);
    assert_int_equal(mv_cbor_put_uint(&b, 4), MV_OK);
    assert_int_equal(mv_cbor_put_array(&b, 1), MV_OK);
    assert_int_equal(mv_cbor_put_bytes(&b, he->bytes, he->len), MV_OK);
    assert_int_equal(mv_cbor_put_uint(&b, 5), MV_OK);
    assert_int_equal(mv_cbor_put_array(&b, 1), MV_OK);
    assert_int_equal(mv_cbor_put_bytes(&b, holder->card.bytes, holder->card.bytes_len), MV_OK);
    put_pair(&b, 6, 0);
    assert_int_equal(mv_cbor_put_uint(&b, 7), MV_OK);
    assert_int_equal(mv_cbor_put_bytes(&b, blank, sizeof blank), MV_OK);
    const mv_part part = {b.bytes, b.len - sizeof blank};
    mv_derive(message, NULL, "medveil 1 collection public", &part, 1);
    assert_int_equal(
        mv_identity_sign(b.bytes + b.len - sizeof blank, holder, message, sizeof message), MV_OK);
    return b;
}

static void the_public_key_of_a_collection_is_the_printed_one(void **state)
{
    char *page = squeezed("mv.md");
    mv_identity *holder = counted_identity(0);
    mv_buffer he = counted_public(), map = counted_map(holder, &he);
    mv_buffer text = mv_buffer_make(MV_COLLECTION_PUBLIC_FILE_MAX);
    mv_collection_public *key = NULL;
    uint8_t hash[32], message[MV_HASH_LEN];
    (void)state;
    missing = 0;
    assert_int_equal(mv_armour_write(&text, MV_ARMOUR_PUBLIC, "# page", map.bytes, map.len), MV_OK);
    assert_int_equal(mv_collection_public_read(&key, text.bytes, text.len, NULL), MV_OK);
    expect_hex(page, "hash of the keys", mv_collection_public_hash(key), MV_HASH_LEN);
    const mv_part part = {map.bytes, map.len - MV_SIGNATURE_LEN};
    mv_derive(message, NULL, "medveil 1 collection public", &part, 1);
    expect_hex(page, "what is signed", message, sizeof message);
    expect_hex(page, "signature", map.bytes + map.len - MV_SIGNATURE_LEN, MV_SIGNATURE_LEN);
    (void)crypto_generichash(hash, sizeof hash, map.bytes, map.len, NULL, 0);
    expect_hex(page, "BLAKE2b-256 of the map", hash, sizeof hash);
    mv_collection_public_free(&key);
    mv_buffer_clear(&text);
    mv_buffer_clear(&map);
    mv_buffer_clear(&he);
    mv_identity_free(&holder);
    free(page);
    assert_int_equal(missing, 0);
}

static void expect_wrap(const char *page, const mv_buffer *file, const mv_identity *receiver)
{
    static mv_envelope_keys keys;
    assert_true(mv_wrap_open(&keys, receiver, file->bytes + MV_HEADER_LEN));
    expect_hex(page, "X-Wing shared key", keys.shared, sizeof keys.shared);
    expect_hex(page, "wrap key", keys.wrap, sizeof keys.wrap);
}

static void the_vectors_of_mv_md_are_right(void **state)
{
    char *page = squeezed("mv.md");
    mv_identity *receiver = counted_identity(0), *sender = counted_identity(0x20);
    mv_buffer file = counted_envelope(sender, &receiver->card);
    const size_t head = mv_head_len(1);
    uint8_t head_hash[MV_HASH_LEN];
    (void)state;
    missing = 0;
    expect_collection_id(page);
    expect_wrap(page, &file, receiver);
    expect_hex(page, "commitment", file.bytes + head - MV_COMMITMENT_LEN, MV_COMMITMENT_LEN);
    mv_head_hash(head_hash, file.bytes, head);
    expect_hex(page, "head hash", head_hash, sizeof head_hash);
    expect_body(page, &file, head_hash);
    expect_hex(page, "the whole file", file.bytes, file.len);
    mv_buffer_clear(&file);
    mv_identity_free(&receiver);
    mv_identity_free(&sender);
    free(page);
    assert_int_equal(missing, 0);
}

/* ---- the reader in Python ---- */

typedef struct reading {
    int exit_code;
    char *json; /* what it printed, zero-terminated; free */
    mv_buffer original;
} reading;

static mv_buffer read_file(const char *path)
{
    mv_buffer b = mv_buffer_make(10000000);
    assert_int_equal(mv_file_read(&b, path, NULL), MV_OK);
    return b;
}

/* collection: a path, or NULL */
static reading run_reader_with(const uint8_t *bytes, size_t len, const mv_identity *identity,
                               const char *collection)
{
    char folder[] = "/tmp/mv-golden-XXXXXX", path[4][64], command[1000];
    const char *names[4] = {"id", "mv", "json", "0"}; /* the first original is called 0 */
    reading r = {0, NULL, mv_buffer_make(1)};

    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < 4; i++) {
        (void)snprintf(path[i], sizeof path[i], "%s/%s", folder, names[i]);
    }
    assert_int_equal(mv_identity_save(identity, path[0], false, NULL), MV_OK);
    assert_int_equal(mv_file_write(path[1], bytes, len, 0, NULL), MV_OK);
    (void)snprintf(command, sizeof command,
                   "/usr/bin/python3 -B '%s/mv_read.py' -i %s %s -o %s %s%s > %s 2>&1",
                   variable("MV_REFERENCE"), path[0], path[1], folder,
                   collection == NULL ? "" : "--collection ", collection == NULL ? "" : collection,
                   path[2]);
    r.exit_code = system(command);
    mv_buffer json = read_file(path[2]);
    assert_int_equal(mv_buffer_put_u8(&json, 0), MV_OK);
    r.json = (char *)json.bytes;
    if (access(path[3], F_OK) == 0) {
        r.original = read_file(path[3]);
    }
    for (int i = 0; i < 4; i++) {
        (void)unlink(path[i]);
    }
    (void)rmdir(folder);
    return r;
}

static reading run_reader(const uint8_t *bytes, size_t len, const mv_identity *identity)
{
    return run_reader_with(bytes, len, identity, NULL);
}

static void reading_clear(reading *r)
{
    free(r->json);
    mv_buffer_clear(&r->original);
}

static void expect_json(const reading *r, const char *part)
{
    if (strstr(r->json, part) == NULL) {
        fail_msg("the reader says %.1500s, without %s", r->json, part);
    }
}

static void the_reference_reader_opens_what_we_seal(void **state)
{
    mv_identity *receiver = sample_identity(2), *sender = sample_identity(1);
    mv_content c = sample_content(true, 70000); /* two records */
    const mv_card to[2] = {sender->card, receiver->card};
    const mv_seal_opts opts = {.sender = sender, .recipient = to, .recipient_count = 2};
    uint8_t *bytes = NULL;
    size_t len = 0;
    char name[MV_CARD_NAME_MAX], features[8000] = "\"features\": [", *end = features;
    (void)state;
    assert_int_equal(mv_envelope_seal(&bytes, &len, NULL, &c, &opts, NULL), MV_OK);
    reading r = run_reader(bytes, len, receiver);
    if (r.exit_code != 0) {
        fail_msg("the reader fails: %s", r.json);
    }
    assert_int_equal(r.original.len, c.exact_len);
    assert_memory_equal(r.original.bytes, c.exact, c.exact_len);
    mv_card_name(name, sender->card.id);
    expect_json(&r, name);
    expect_json(&r, "\"file_name\": \"scan.png\"");
    expect_json(&r, "\"width\": 32");
    expect_json(&r, "\"intercept\": -0.5");
    for (size_t i = 0; i < c.code.feature_count; i++) {
        end += strlen(end);
        end += sprintf(end, i == 0 ? "%u" : ", %u", (unsigned)c.code.feature[i]);
    }
    expect_json(&r, features);
    reading_clear(&r);
    mv_envelope_free_bytes(&bytes, len);
    mv_content_clear(&c);
    mv_identity_free(&receiver);
    mv_identity_free(&sender);
}

static void the_reference_reader_opens_studies_and_collections(void **state)
{
    mv_identity *receiver = golden_receiver();
    mv_buffer study = read_in("MV_GOLDEN", "format1-study.mv");
    mv_buffer collection = read_in("MV_GOLDEN", "format1-collection.mv");
    char name[MV_CARD_NAME_MAX], holder[MV_CARD_NAME_MAX + 2];
    (void)state;
    reading r = run_reader(study.bytes, study.len, receiver);
    assert_int_equal(r.exit_code, 0);
    assert_int_equal(r.original.len, 300);
    expect_json(&r, "\"file_name\": \"second.png\", \"exact_kept\": false");
    expect_json(&r, "\"archive\": \"mv1");
    reading_clear(&r);
    r = run_reader(collection.bytes, collection.len, receiver);
    assert_int_equal(r.exit_code, 0);
    mv_card_name(name, receiver->card.id);
    (void)snprintf(holder, sizeof holder, "%s\"]", name); /* the second and last */
    expect_json(&r, holder);
    expect_json(&r, "\"generation\": 1");
    reading_clear(&r);
    mv_buffer_clear(&study);
    mv_buffer_clear(&collection);
    mv_identity_free(&receiver);
}

static void the_reference_reader_opens_outside_senders_embeddings_and_slots(void **state)
{
    mv_identity *receiver = receiver_of("format1b");
    mv_buffer outside = read_in("MV_GOLDEN", "format1b-outside.mv");
    mv_buffer slots = read_in("MV_GOLDEN", "format1b-slots.mv");
    char path[1000];
    (void)state;
    reading r = run_reader(outside.bytes, outside.len, receiver);
    assert_int_equal(r.exit_code, 0);
    assert_null(strstr(r.json, "\"features\""));
    reading_clear(&r);
    (void)snprintf(path, sizeof path, "%s/format1b-collection.mv", variable("MV_GOLDEN"));
    r = run_reader_with(outside.bytes, outside.len, receiver, path);
    assert_int_equal(r.exit_code, 0);
    expect_json(&r, "\"values\": [0, 0, 0, 0, 1, -1, 1, -1, 2, -2,");
    expect_json(&r, "\"features\": [0, 7, 14, 21, ");
    reading_clear(&r);
    r = run_reader(slots.bytes, slots.len, receiver);
    assert_int_equal(r.exit_code, 0);
    expect_json(&r, "\"features\": [0, 7, 14, 21, ");
    reading_clear(&r);
    mv_identity_free(&receiver);
    mv_buffer_clear(&outside);
    mv_buffer_clear(&slots);
}

static void the_reference_reader_tells_the_codings_apart(void **state)
{
    mv_identity *receiver = receiver_of("format1c");
    mv_buffer raster = read_in("MV_GOLDEN", "format1c-raster.mv");
    mv_buffer strips = read_in("MV_GOLDEN", "format1c-strips.mv");
    (void)state;
    reading r = run_reader(raster.bytes, raster.len, receiver);
    assert_int_equal(r.exit_code, 0);
    expect_json(&r, "\"coding\": 1");
    expect_json(&r, "\"kind\": \"JPEG-LS\"");
    assert_null(strstr(r.json, "pixel coder"));
    reading_clear(&r);
    r = run_reader(strips.bytes, strips.len, receiver);
    assert_int_equal(r.exit_code, 0);
    expect_json(&r, "\"coding\": 2");
    expect_json(&r, "\"kind\": \"pixel coder\", \"max_error\": 0, \"bands\": 1");
    assert_null(strstr(r.json, "JPEG-LS"));
    reading_clear(&r);
    mv_identity_free(&receiver);
    mv_buffer_clear(&raster);
    mv_buffer_clear(&strips);
}

static void the_reference_reader_tells_anonymous_and_lossy(void **state)
{
    mv_identity *receiver = sample_identity(2);
    mv_content c = sample_content(true, SIZE_MAX);
    const mv_seal_opts opts = {.recipient = &receiver->card, .recipient_count = 1};
    uint8_t *bytes = NULL;
    size_t len = 0;
    (void)state;
    assert_int_equal(mv_envelope_seal(&bytes, &len, NULL, &c, &opts, NULL), MV_OK);
    reading r = run_reader(bytes, len, receiver);
    assert_int_equal(r.exit_code, 0);
    expect_json(&r, "\"sender\": null");
    expect_json(&r, "\"exact_kept\": false");
    assert_null(r.original.bytes);
    reading_clear(&r);
    mv_envelope_free_bytes(&bytes, len);
    mv_content_clear(&c);
    mv_identity_free(&receiver);
}

static void the_reference_reader_refuses_what_we_refuse(void **state)
{
    mv_identity *receiver = sample_identity(2), *other = sample_identity(3);
    mv_content c = sample_content(false, 300);
    const mv_seal_opts opts = {.sender = other, .recipient = &receiver->card, .recipient_count = 1};
    uint8_t *bytes = NULL;
    size_t len = 0;
    (void)state;
    assert_int_equal(mv_envelope_seal(&bytes, &len, NULL, &c, &opts, NULL), MV_OK);
    const size_t places[] = {0, 9, 13, 25, 1100, 1140, 1230, 1260, 1500, 1700, len - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        bytes[places[i]] ^= 4;
        reading r = run_reader(bytes, len, receiver);
        assert_int_not_equal(r.exit_code, 0);
        assert_null(r.original.bytes);
        reading_clear(&r);
        bytes[places[i]] ^= 4;
    }
    reading r = run_reader(bytes, len, other);
    assert_int_not_equal(r.exit_code, 0);
    reading_clear(&r);
    mv_envelope_free_bytes(&bytes, len);
    mv_content_clear(&c);
    mv_identity_free(&receiver);
    mv_identity_free(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_format_1_sealed_long_ago_still_opens),
        cmocka_unit_test(a_study_of_format_1_sealed_long_ago_still_opens),
        cmocka_unit_test(a_collection_of_format_1_sealed_long_ago_still_opens),
        cmocka_unit_test(a_file_of_an_outside_sender_sealed_long_ago_still_opens),
        cmocka_unit_test(a_file_with_features_in_slots_sealed_long_ago_still_opens),
        cmocka_unit_test(originals_coded_long_ago_still_come_back),
        cmocka_unit_test(a_file_of_the_trial_format_is_refused_with_one_clear_sentence),
        cmocka_unit_test(the_vectors_of_identity_md_are_right),
        cmocka_unit_test(the_vectors_of_mv_md_are_right),
        cmocka_unit_test(the_public_key_of_a_collection_is_the_printed_one),
        cmocka_unit_test(the_reference_reader_opens_what_we_seal),
        cmocka_unit_test(the_reference_reader_opens_studies_and_collections),
        cmocka_unit_test(the_reference_reader_opens_outside_senders_embeddings_and_slots),
        cmocka_unit_test(the_reference_reader_tells_the_codings_apart),
        cmocka_unit_test(the_reference_reader_tells_anonymous_and_lossy),
        cmocka_unit_test(the_reference_reader_refuses_what_we_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
