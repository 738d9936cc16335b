/* SPDX-License-Identifier: Apache-2.0
 *
 * tensor_plain.h: functions of single numbers that do not differ from one machine to the next.
 */
#ifndef MV_TENSOR_TENSOR_PLAIN_H
#define MV_TENSOR_TENSOR_PLAIN_H

#include <stddef.h>

/* Within 4e-7 of the value. */
void mv_plain_asinh(float *y, const float *x, size_t count);
void mv_plain_sinh(float *y, const float *x, size_t count);

void mv_plain_add(float *y, const float *a, const float *b, size_t count);

#endif
