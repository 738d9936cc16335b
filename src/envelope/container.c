/* SPDX-License-Identifier: Apache-2.0
 *
 * container.c: head, start and padding of format 1.
 */
#include "container.h"

#include "base/bytes.h"
#include "envelope_signature.h"

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

static mv_status check_version(uint32_t version, mv_error *err)
{
    if (version == 0) {
        return mv_fail(err, MV_E_FORMAT,
                       "the envelope is of format 0, which was for trials and is no longer opened");
    }
    return version == MV_FORMAT_VERSION
               ? MV_OK
               : mv_fail(err, MV_E_FORMAT, "the envelope is of format %u; this program knows %d",
                         version, MV_FORMAT_VERSION);
}

mv_status mv_header_read(mv_envelope_outside *out, const uint8_t *bytes, uint64_t file_len,
                         mv_error *err)
{
    mv_status st = MV_OK;
    const size_t start_len =
        file_len < MV_ENVELOPE_MAGIC_LEN ? (size_t)file_len : (size_t)MV_ENVELOPE_MAGIC_LEN;
    mv_envelope_outside o = {0};

    memset(out, 0, sizeof *out);
    MV_REQUIRE(file_len != 0 && memcmp(bytes, magic, start_len) == 0, err, MV_E_FORMAT,
               "this is not a medveil envelope");
    if (file_len < MV_HEADER_LEN) {
        return truncated(err);
    }
    o.version = mv_load_u16le(bytes + 8);
    o.wrap_count = mv_load_u16le(bytes + 10);
    o.padded_len = mv_load_u64le(bytes + 12);
    o.total_len = file_len;
    MV_TRY(check_version(o.version, err));
    MV_REQUIRE(o.wrap_count >= 1 && o.wrap_count <= MV_ENVELOPE_RECIPIENTS_MAX, err, MV_E_FORMAT,
               "the envelope has an impossible number of key slots");
    MV_REQUIRE(o.padded_len <= MV_ENVELOPE_LEN_MAX, err, MV_E_LIMIT,
               "the envelope is larger than 1 TiB");
    MV_REQUIRE(o.padded_len == mv_padded_len(o.padded_len), err, MV_E_FORMAT,
               "the envelope has an impossible length");
    if (file_len < mv_head_len(o.wrap_count) + o.padded_len) {
        return truncated(err);
    }
    MV_REQUIRE(file_len == mv_head_len(o.wrap_count) + o.padded_len, err, MV_E_FORMAT,
               "there are bytes after the end of the envelope");
    *out = o;
done:
    return st;
}

void mv_commitment(uint8_t out[MV_COMMITMENT_LEN], const mv_envelope_keys *keys,
                   const uint8_t *head, size_t head_len)
{
    const mv_part part[2] = {{keys->collection, MV_KEY_LEN}, {head, head_len}};
    mv_derive(out, keys->envelope, "medveil 1 commitment", part, 2);
}

void mv_head_hash(uint8_t out[MV_HASH_LEN], const uint8_t *head, size_t head_len)
{
    const mv_part part = {head, head_len};
    mv_derive(out, NULL, "medveil 1 head", &part, 1);
}

void mv_section_key(mv_envelope_keys *keys, uint64_t index, const uint8_t head_hash[MV_HASH_LEN])
{
    uint8_t number[8];
    const mv_part part[2] = {{number, sizeof number}, {head_hash, MV_HASH_LEN}};
    mv_store_u64le(number, index);
    mv_derive(keys->section, keys->envelope, "medveil 1 section", part, 2);
}

void mv_padding_key(mv_envelope_keys *keys, const uint8_t head_hash[MV_HASH_LEN])
{
    const mv_part part = {head_hash, MV_HASH_LEN};
    mv_derive(keys->section, keys->envelope, "medveil 1 padding", &part, 1);
}

/* ---- start ---- */

void mv_start_write(uint8_t out[MV_START_LEN], const mv_start *start)
{
    mv_store_u64le(out, start->manifest_len);
    mv_store_u64le(out + 8, start->seal_len);
}

mv_status mv_start_read(mv_start *out, const uint8_t in[MV_START_LEN])
{
    mv_status st = MV_OK;
    const mv_start start = {mv_load_u64le(in), mv_load_u64le(in + 8)};

    *out = (mv_start){0, 0};
    MV_ENSURE(start.manifest_len != 0 && start.seal_len != 0, MV_E_FORMAT);
    MV_ENSURE(start.manifest_len <= MV_MANIFEST_LEN_MAX && start.seal_len <= MV_SEAL_LEN_MAX,
              MV_E_LIMIT);
    *out = start;
done:
    return st;
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

enum { STREAM_BLOCK = 64 };

/* The ChaCha20 key stream (RFC 8439) with nonce 0 from block 1 on. A body is at most 2^40 bytes and
 * its padding a 32nd of it, so the 32-bit block counter does not wrap. */
void mv_padding(uint8_t *out, uint64_t at, size_t len, const uint8_t key[MV_KEY_LEN])
{
    static const uint8_t nonce[12] = {0};
    memset(out, 0, len);
    (void)crypto_stream_chacha20_ietf_xor_ic(out, out, len, nonce,
                                             (uint32_t)(1 + at / STREAM_BLOCK), key);
}
