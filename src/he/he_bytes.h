/* SPDX-License-Identifier: Apache-2.0
 *
 * he_bytes.h: rows of residues as bytes, exactly bits(q) each.
 *
 * Value i of a row occupies bits [i*bits, (i+1)*bits) of the row, counted from the lowest bit of
 * its first byte; a row starts on a byte and its last byte is filled up with zero bits.
 */
#ifndef MV_HE_HE_BYTES_H
#define MV_HE_HE_BYTES_H

#include "base/status.h"

static inline size_t mv_row_size(size_t count, unsigned bits) /* bytes; count * bits < 2^64 */
{
    return (count * bits + 7) / 8;
}

/* mv_row_write: count values below 2^bits, 1 <= bits <= 61, into mv_row_size bytes.
 * time  depends on count and bits only */
void mv_row_write(uint8_t *out, const uint64_t *value, size_t count, unsigned bits);

/* mv_row_read: the values of a row of mv_row_size bytes; public.
 * errors: MV_E_RANGE when a value is not below q or a filling bit is not zero */
MV_MUST_CHECK mv_status mv_row_read(uint64_t *value, size_t count, unsigned bits, uint64_t q,
                                    const uint8_t *in);

/* mv_row_check: the same checks without keeping the values. errors: MV_E_RANGE */
MV_MUST_CHECK mv_status mv_row_check(const uint8_t *in, size_t count, unsigned bits, uint64_t q);

#endif
