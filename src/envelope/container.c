/* SPDX-License-Identifier: Apache-2.0
 *
 * container.c: head, directory and padding of format 0.
 */
#include "container.h"

#include "base/bytes.h"
#include "base/secret.h"
#include "records.h"

#include <sodium.h>
#include <string.h>

static const char magic[MV_ENVELOPE_MAGIC_LEN + 1] = MV_ENVELOPE_MAGIC;

/* ---- head ---- */

void mv_header_write(uint8_t out[MV_HEADER_LEN], uint32_t wrap_count, uint64_t body_len)
{
    memcpy(out, magic, MV_ENVELOPE_MAGIC_LEN);
    mv_store_u16le(out + 8, MV_FORMAT_VERSION);
    mv_store_u16le(out + 10, (uint16_t)wrap_count);
    mv_store_u64le(out + 12, body_len);
}

static mv_status truncated(mv_error *err)
{
    return mv_fail(err, MV_E_TRUNCATED, "the envelope ends too early");
}

mv_status mv_header_read(mv_envelope_outside *out, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t start_len = len < MV_ENVELOPE_MAGIC_LEN ? len : MV_ENVELOPE_MAGIC_LEN;
    mv_envelope_outside o = {0};

    memset(out, 0, sizeof *out);
    MV_REQUIRE(len != 0 && memcmp(bytes, magic, start_len) == 0, err, MV_E_FORMAT,
               "this is not a medveil envelope");
    MV_REQUIRE(len <= MV_ENVELOPE_LEN_MAX, err, MV_E_LIMIT, "the envelope is larger than 1 GiB");
    if (len < MV_HEADER_LEN) {
        return truncated(err);
    }
    o.version = mv_load_u16le(bytes + 8);
    o.wrap_count = mv_load_u16le(bytes + 10);
    o.padded_len = mv_load_u64le(bytes + 12);
    o.total_len = len;
    MV_REQUIRE(o.version == MV_FORMAT_VERSION, err, MV_E_FORMAT,
               "the envelope is of format %u; this program knows format 0", o.version);
    MV_REQUIRE(o.wrap_count >= 1 && o.wrap_count <= MV_ENVELOPE_RECIPIENTS_MAX, err, MV_E_FORMAT,
               "the envelope has an impossible number of key slots");
    MV_REQUIRE(o.padded_len <= MV_ENVELOPE_LEN_MAX, err, MV_E_LIMIT,
               "the envelope is larger than 1 GiB");
    MV_REQUIRE(o.padded_len == mv_padded_len(o.padded_len), err, MV_E_FORMAT,
               "the envelope has an impossible length");
    if (len < mv_head_len(o.wrap_count) || len - mv_head_len(o.wrap_count) < o.padded_len) {
        return truncated(err);
    }
    MV_REQUIRE(len - mv_head_len(o.wrap_count) == o.padded_len, err, MV_E_FORMAT,
               "there are bytes after the end of the envelope");
    *out = o;
done:
    return st;
}

void mv_commitment(uint8_t out[MV_COMMITMENT_LEN], const mv_envelope_keys *keys,
                   const uint8_t *head, size_t head_len)
{
    const mv_part part[2] = {{keys->collection, MV_KEY_LEN}, {head, head_len}};
    mv_derive(out, keys->envelope, "medveil 0 commitment", part, 2);
}

void mv_head_hash(uint8_t out[MV_HASH_LEN], const uint8_t *head, size_t head_len)
{
    const mv_part part = {head, head_len};
    mv_derive(out, NULL, "medveil 0 head", &part, 1);
}

void mv_section_key(mv_envelope_keys *keys, mv_section_kind kind,
                    const uint8_t head_hash[MV_HASH_LEN])
{
    const uint8_t kind_byte = (uint8_t)kind;
    const mv_part part[2] = {{&kind_byte, 1}, {head_hash, MV_HASH_LEN}};
    mv_derive(keys->section, keys->envelope, "medveil 0 section", part, 2);
}

/* ---- directory ---- */

void mv_directory_add(mv_directory *dir, mv_section_kind kind, uint64_t len)
{
    MV_ASSERT(dir->count < MV_DIRECTORY_SLOTS);
    dir->entry[dir->count].kind = kind;
    dir->entry[dir->count].len = len;
    dir->count++;
}

void mv_directory_write(uint8_t out[MV_DIRECTORY_LEN], const mv_directory *dir)
{
    memset(out, 0, MV_DIRECTORY_LEN);
    for (size_t i = 0; i < dir->count; i++) {
        mv_store_u64le(out + 16 * i, dir->entry[i].kind);
        mv_store_u64le(out + 16 * i + 8, dir->entry[i].len);
    }
}

static bool known_kind(uint64_t kind)
{
    return kind == MV_SECTION_META || kind == MV_SECTION_FEATURES || kind == MV_SECTION_EXACT ||
           kind == MV_SECTION_SIGNATURE;
}

mv_status mv_directory_read(mv_directory *out, const uint8_t in[MV_DIRECTORY_LEN])
{
    mv_status st = MV_OK;
    uint64_t last = 0;
    size_t i = 0;

    memset(out, 0, sizeof *out);
    for (; i < MV_DIRECTORY_SLOTS && mv_load_u64le(in + 16 * i) != 0; i++) {
        const uint64_t kind = mv_load_u64le(in + 16 * i), len = mv_load_u64le(in + 16 * i + 8);
        MV_ENSURE(known_kind(kind) && kind > last, MV_E_FORMAT);
        MV_ENSURE(len <= MV_ENVELOPE_LEN_MAX, MV_E_LIMIT);
        mv_directory_add(out, (mv_section_kind)kind, len);
        last = kind;
    }
    MV_ENSURE(sodium_is_zero(in + 16 * i, MV_DIRECTORY_LEN - 16 * i), MV_E_FORMAT);
    MV_ENSURE(out->count >= 2 && out->entry[0].kind == MV_SECTION_META &&
                  last == MV_SECTION_SIGNATURE,
              MV_E_FORMAT);
done:
    if (st != MV_OK) {
        memset(out, 0, sizeof *out);
    }
    return st;
}

uint64_t mv_body_len(const mv_directory *dir)
{
    uint64_t len = mv_records_len(MV_DIRECTORY_LEN);
    for (size_t i = 0; i < dir->count; i++) {
        len += mv_records_len(dir->entry[i].len); /* at most 8 times a little over 2^30 */
    }
    return len;
}

/* ---- padding ---- */

static unsigned floor_log2(uint64_t v) /* v > 0 */
{
    unsigned log = 0;
    while (v >>= 1) {
        log++;
    }
    return log;
}

/* PADME: of the floor(log2 len) bits after the first one, as many are kept as it takes to write
 * that number down; the bits below are rounded up. [Nik19] */
uint64_t mv_padded_len(uint64_t len)
{
    if (len < 2) {
        return len;
    }
    const unsigned e = floor_log2(len);
    const unsigned kept = floor_log2(e == 0 ? 1 : e) + 1;
    const uint64_t mask = e > kept ? ((uint64_t)1 << (e - kept)) - 1 : 0;
    return (len + mask) & ~mask;
}

enum { STREAM_BLOCK = 64, STREAM_STEP = 65536 };

/* The ChaCha20 key stream (RFC 8439) with nonce 0 from block 1 on, as the AEAD would lay it over
 * zeros. len is below 2^30 bytes, so the 32-bit block counter does not wrap. */
void mv_padding_write(uint8_t *out, size_t len, const uint8_t key[MV_KEY_LEN])
{
    static const uint8_t nonce[12] = {0};
    memset(out, 0, len);
    (void)crypto_stream_chacha20_ietf_xor_ic(out, out, len, nonce, 1, key);
}

bool mv_padding_valid(const uint8_t *in, size_t len, const uint8_t key[MV_KEY_LEN])
{
    static const uint8_t nonce[12] = {0};
    uint8_t step[STREAM_STEP];
    bool valid = true;

    for (size_t at = 0; at < len; at += sizeof step) {
        const size_t part = len - at < sizeof step ? len - at : sizeof step;
        (void)crypto_stream_chacha20_ietf_xor_ic(step, in + at, part, nonce,
                                                 (uint32_t)(1 + at / STREAM_BLOCK), key);
        valid = sodium_is_zero(step, part) && valid;
    }
    return valid;
}
