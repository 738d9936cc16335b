/* SPDX-License-Identifier: Apache-2.0
 *
 * bech32.c: Bech32m after BIP-350. The checksum is a BCH code over GF(32).
 */
#include "bech32.h"

#include "base/secret.h"

#include <string.h>

static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

enum { CHECKSUM_LEN = 6 };
static const uint32_t checksum_constant = 0x2bc830a3; /* BIP-350; BIP-173 had 1 */

/* The remainder so far, times x, plus one more five-bit value, modulo the code's generator. */
static uint32_t checksum_step(uint32_t sum, unsigned value)
{
    static const uint32_t generator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                          0x2a1462b3};
    const uint32_t top = sum >> 25;
    sum = (sum & 0x1ffffff) << 5 ^ value;
    for (unsigned i = 0; i < 5; i++) {
        sum ^= generator[i] & (0 - (top >> i & 1));
    }
    return sum;
}

static unsigned lower(char c)
{
    const unsigned char u = (unsigned char)c;
    return u >= 'A' && u <= 'Z' ? u + ('a' - 'A') : u;
}

/* The prefix enters the checksum twice: high three bits, a zero, low five bits; in lower case. */
static uint32_t checksum_prefix(const char *prefix, size_t len)
{
    uint32_t sum = 1;
    for (size_t i = 0; i < len; i++) {
        sum = checksum_step(sum, lower(prefix[i]) >> 5);
    }
    sum = checksum_step(sum, 0);
    for (size_t i = 0; i < len; i++) {
        sum = checksum_step(sum, lower(prefix[i]) & 31);
    }
    return sum;
}

/* All ones when a equals b (both below 2^16), else 0; the lines of identities are secret. */
static unsigned equal_mask(unsigned a, unsigned b)
{
    return 0 - (((a ^ b) - 1) >> 31);
}

/* 0..31, or 32 when c is not of the alphabet; time does not depend on c. */
static unsigned value_of(char c)
{
    unsigned value = 32;
    for (unsigned i = 0; i < 32; i++) {
        const unsigned mask = equal_mask(lower(c), (unsigned char)alphabet[i]);
        value = (value & ~mask) | (i & mask);
    }
    return value;
}

static char letter_of(unsigned value)
{
    unsigned letter = 0;
    for (unsigned i = 0; i < 32; i++) {
        letter |= (unsigned char)alphabet[i] & equal_mask(value, i);
    }
    return (char)letter;
}

mv_status mv_bech32m_encode(char *out, size_t cap, const char *prefix, const uint8_t *bytes,
                            size_t len)
{
    const size_t prefix_len = strlen(prefix);
    const size_t groups = (len * 8 + 4) / 5;
    const size_t total = prefix_len + 1 + groups + CHECKSUM_LEN;
    uint32_t sum = checksum_prefix(prefix, prefix_len);
    char *next = out + prefix_len + 1;

    if (len > MV_BECH32_LINE_MAX || total > MV_BECH32_LINE_MAX) {
        return MV_E_LIMIT;
    }
    if (cap < total + 1) {
        return MV_E_SPACE;
    }
    memcpy(out, prefix, prefix_len);
    out[prefix_len] = '1';
    for (size_t g = 0; g < groups; g++) {
        const size_t bit = g * 5, byte = bit / 8;
        const unsigned pair = (unsigned)bytes[byte] << 8 | (byte + 1 < len ? bytes[byte + 1] : 0);
        const unsigned value = pair >> (11 - bit % 8) & 31;
        sum = checksum_step(sum, value);
        *next++ = letter_of(value);
    }
    for (int i = 0; i < CHECKSUM_LEN; i++) {
        sum = checksum_step(sum, 0);
    }
    sum ^= checksum_constant;
    for (int i = 0; i < CHECKSUM_LEN; i++) {
        *next++ = letter_of(sum >> 5 * (CHECKSUM_LEN - 1 - i) & 31);
    }
    *next = '\0';
    return MV_OK;
}

static bool one_case(const char *line, size_t len)
{
    bool has_lower = false, has_upper = false;
    for (size_t i = 0; i < len; i++) {
        has_lower |= line[i] >= 'a' && line[i] <= 'z';
        has_upper |= line[i] >= 'A' && line[i] <= 'Z';
    }
    return !(has_lower && has_upper);
}

bool mv_bech32m_valid(size_t *prefix_len, const char *line, size_t line_len)
{
    size_t split = line_len;
    uint32_t sum = 0;

    while (split > 0 && line[split - 1] != '1') {
        split--;
    }
    if (line_len > MV_BECH32_LINE_MAX || split < 2 || line_len - split < CHECKSUM_LEN ||
        !one_case(line, line_len)) {
        return false;
    }
    *prefix_len = split - 1;
    for (size_t i = 0; i < *prefix_len; i++) {
        if (line[i] < 33 || line[i] > 126) {
            return false;
        }
    }
    sum = checksum_prefix(line, *prefix_len);
    for (size_t i = split; i < line_len; i++) {
        const unsigned value = value_of(line[i]);
        if (value == 32) {
            return false;
        }
        sum = checksum_step(sum, value);
    }
    return sum == checksum_constant;
}

static bool same_prefix(const char *prefix, size_t prefix_len, const char *line, size_t len)
{
    if (len != prefix_len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (lower(line[i]) != (unsigned char)prefix[i]) {
            return false;
        }
    }
    return true;
}

mv_status mv_bech32m_decode(uint8_t *out, size_t len, const char *prefix, const char *line,
                            size_t line_len)
{
    mv_status st = MV_OK;
    size_t prefix_len = 0, made = 0;
    unsigned pool = 0, bits = 0;

    memset(out, 0, len);
    MV_ENSURE(mv_bech32m_valid(&prefix_len, line, line_len), MV_E_FORMAT);
    MV_ENSURE(same_prefix(prefix, strlen(prefix), line, prefix_len), MV_E_FORMAT);
    MV_ENSURE(line_len - prefix_len - 1 - CHECKSUM_LEN == (len * 8 + 4) / 5, MV_E_FORMAT);
    for (size_t i = prefix_len + 1; i < line_len - CHECKSUM_LEN; i++) {
        pool = (pool << 5 | value_of(line[i])) & 0xfff;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            out[made++] = (uint8_t)(pool >> bits);
        }
    }
    MV_ENSURE((pool & ((1u << bits) - 1)) == 0, MV_E_FORMAT); /* the spare bits are zero */
done:
    mv_wipe(&pool, sizeof pool);
    if (st != MV_OK) {
        mv_wipe(out, len);
    }
    return st;
}
