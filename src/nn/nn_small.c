/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_small.c: the small network in portable C, its proof and its bytes.
 */
#include "nn/nn_small.h"

#include "base/cpu.h"

#include <string.h>

static int16_t hidden(int32_t sum)
{
    const int32_t h = sum >> 12;
    return (int16_t)(h < 0 ? 0 : h > MV_SMALL_CUT ? MV_SMALL_CUT : h);
}

/* The products of one pair of inputs. */
static void add_pair(int32_t sum[MV_SMALL_H1], const int16_t w[MV_SMALL_H1][2], const int16_t x[2])
{
    for (size_t j = 0; j < MV_SMALL_H1; j++) {
        sum[j] += w[j][0] * x[0] + w[j][1] * x[1];
    }
}

static void layer_2(int16_t h[MV_SMALL_H2], const mv_small_net *net, const int16_t *x)
{
    int32_t sum[MV_SMALL_H2];
    memcpy(sum, net->b2, sizeof sum);
    for (size_t i = 0; i < MV_SMALL_H1 / 2; i++) {
        for (size_t j = 0; j < MV_SMALL_H2; j++) {
            sum[j] += net->w2[i][j][0] * x[2 * i] + net->w2[i][j][1] * x[2 * i + 1];
        }
    }
    for (size_t j = 0; j < MV_SMALL_H2; j++) {
        h[j] = hidden(sum[j]);
    }
}

/* What follows the first layer's sums. */
static void answer(int32_t y[MV_SMALL_OUT], const mv_small_net *net, const int32_t sum[MV_SMALL_H1])
{
    int16_t h1[MV_SMALL_H1], h2[MV_SMALL_H2];
    for (size_t j = 0; j < MV_SMALL_H1; j++) {
        h1[j] = hidden(sum[j]);
    }
    layer_2(h2, net, h1);
    for (size_t o = 0; o < MV_SMALL_OUT; o++) {
        y[o] = net->b3[o];
        for (size_t j = 0; j < MV_SMALL_H2; j++) {
            y[o] += net->w3[o][j] * h2[j];
        }
    }
}

static void run(int32_t (*y)[MV_SMALL_OUT], const mv_small_net *net,
                const int16_t (*x)[MV_SMALL_IN], size_t n)
{
    for (size_t k = 0; k < n; k++) {
        int32_t sum[MV_SMALL_H1];
        memcpy(sum, net->b1, sizeof sum);
        for (size_t i = 0; i < MV_SMALL_IN / 2; i++) {
            add_pair(sum, net->w1[i], x[k] + 2 * i);
        }
        answer(y[k], net, sum);
    }
}

static void begin(int32_t (*sum)[MV_SMALL_H1], const int32_t start[MV_SMALL_H1],
                  const mv_small_part *part, size_t from, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        memcpy(sum[k], start, sizeof sum[k]);
        for (size_t p = 0; p < part->count; p++) {
            add_pair(sum[k], part->w[p], part->x[p][from + k].x);
        }
    }
}

static void end(int32_t (*y)[MV_SMALL_OUT], const mv_small_net *net,
                const int32_t (*sum)[MV_SMALL_H1], const mv_small_part *part, size_t from, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        int32_t all[1][MV_SMALL_H1];
        begin(all, sum[k], part, from + k, 1);
        answer(y[k], net, all[0]);
    }
}

const mv_small_kernels mv_small_portable = {run, begin, end};

mv_small_kernels mv_small_choose(uint32_t cpu)
{
    mv_small_kernels k = mv_small_portable;
#ifdef MV_HAVE_AVX2
    if (cpu & MV_CPU_AVX2) {
        k = mv_small_avx2;
    }
#endif
#ifdef MV_HAVE_VNNI
    if ((cpu & MV_CPU_AVX512) && (cpu & MV_CPU_VNNI)) {
        k = mv_small_vnni;
    }
#endif
    (void)cpu;
    return k;
}

void mv_small_part_add(mv_small_part *part, const mv_small_pair *x, uint32_t first, uint32_t second)
{
    MV_ASSERT(part->count < MV_SMALL_PAIRS && first < MV_SMALL_IN && second <= MV_SMALL_NOTHING);
    part->x[part->count] = x;
    part->input[part->count][0] = (uint8_t)first;
    part->input[part->count][1] = (uint8_t)second;
    part->count++;
}

void mv_small_part_weights(mv_small_part *part, const mv_small_net *net)
{
    for (size_t p = 0; p < part->count; p++) {
        const uint32_t a = part->input[p][0], b = part->input[p][1];
        for (size_t j = 0; j < MV_SMALL_H1; j++) {
            part->w[p][j][0] = net->w1[a / 2][j][a % 2];
            part->w[p][j][1] = (int16_t)(b == MV_SMALL_NOTHING ? 0 : net->w1[b / 2][j][b % 2]);
        }
    }
}

/* |bias| + sum |w| * limit < 2^31, which every partial sum then keeps, in any order. */
static mv_status fits(int64_t bias, int64_t weights, int64_t limit)
{
    return (bias < 0 ? -bias : bias) + weights * limit <= INT32_MAX ? MV_OK : MV_E_RANGE;
}

static int64_t magnitude(int16_t w)
{
    return w < 0 ? -(int64_t)w : w;
}

mv_status mv_small_check(const mv_small_net *net)
{
    mv_status st = MV_OK;
    for (size_t j = 0; j < MV_SMALL_H1; j++) {
        int64_t sum = 0;
        for (size_t i = 0; i < MV_SMALL_IN; i++) {
            sum += magnitude(net->w1[i / 2][j][i % 2]);
        }
        MV_TRY(fits(net->b1[j], sum, MV_SMALL_X_MAX));
    }
    for (size_t j = 0; j < MV_SMALL_H2; j++) {
        int64_t sum = 0;
        for (size_t i = 0; i < MV_SMALL_H1; i++) {
            sum += magnitude(net->w2[i / 2][j][i % 2]);
        }
        MV_TRY(fits(net->b2[j], sum, MV_SMALL_CUT));
    }
    for (size_t o = 0; o < MV_SMALL_OUT; o++) {
        int64_t sum = 0;
        for (size_t j = 0; j < MV_SMALL_H2; j++) {
            sum += magnitude(net->w3[o][j]);
        }
        MV_TRY(fits(net->b3[o], sum, MV_SMALL_CUT));
    }
done:
    return st;
}

static mv_status read_i16(mv_reader *in, int16_t *out)
{
    uint16_t v = 0;
    const mv_status st = mv_read_u16le(in, &v);
    *out = (int16_t)v;
    return st;
}

static mv_status read_i32s(mv_reader *in, int32_t *out, size_t count)
{
    mv_status st = MV_OK;
    for (size_t i = 0; i < count; i++) {
        uint32_t v = 0;
        MV_TRY(mv_read_u32le(in, &v));
        out[i] = (int32_t)v;
    }
done:
    return st;
}

mv_status mv_small_read(mv_small_net *out, mv_reader *in)
{
    mv_status st = MV_OK;
    for (size_t k = 0; k < (size_t)MV_SMALL_H1 * MV_SMALL_IN; k++) {
        const size_t j = k / MV_SMALL_IN, i = k % MV_SMALL_IN;
        MV_TRY(read_i16(in, &out->w1[i / 2][j][i % 2]));
    }
    for (size_t k = 0; k < (size_t)MV_SMALL_H2 * MV_SMALL_H1; k++) {
        const size_t j = k / MV_SMALL_H1, i = k % MV_SMALL_H1;
        MV_TRY(read_i16(in, &out->w2[i / 2][j][i % 2]));
    }
    for (size_t k = 0; k < (size_t)MV_SMALL_OUT * MV_SMALL_H2; k++) {
        MV_TRY(read_i16(in, &out->w3[k / MV_SMALL_H2][k % MV_SMALL_H2]));
    }
    MV_TRY(read_i32s(in, out->b1, MV_SMALL_H1));
    MV_TRY(read_i32s(in, out->b2, MV_SMALL_H2));
    MV_TRY(read_i32s(in, out->b3, MV_SMALL_OUT));
    MV_TRY(mv_small_check(out));
done:
    return st;
}

static mv_status write_i32s(mv_buffer *out, const int32_t *v, size_t count)
{
    mv_status st = MV_OK;
    for (size_t i = 0; i < count; i++) {
        MV_TRY(mv_buffer_put_u32le(out, (uint32_t)v[i]));
    }
done:
    return st;
}

mv_status mv_small_write(mv_buffer *out, const mv_small_net *net)
{
    mv_status st = MV_OK;
    for (size_t k = 0; k < (size_t)MV_SMALL_H1 * MV_SMALL_IN; k++) {
        const size_t j = k / MV_SMALL_IN, i = k % MV_SMALL_IN;
        MV_TRY(mv_buffer_put_u16le(out, (uint16_t)net->w1[i / 2][j][i % 2]));
    }
    for (size_t k = 0; k < (size_t)MV_SMALL_H2 * MV_SMALL_H1; k++) {
        const size_t j = k / MV_SMALL_H1, i = k % MV_SMALL_H1;
        MV_TRY(mv_buffer_put_u16le(out, (uint16_t)net->w2[i / 2][j][i % 2]));
    }
    for (size_t k = 0; k < (size_t)MV_SMALL_OUT * MV_SMALL_H2; k++) {
        MV_TRY(mv_buffer_put_u16le(out, (uint16_t)net->w3[k / MV_SMALL_H2][k % MV_SMALL_H2]));
    }
    MV_TRY(write_i32s(out, net->b1, MV_SMALL_H1));
    MV_TRY(write_i32s(out, net->b2, MV_SMALL_H2));
    MV_TRY(write_i32s(out, net->b3, MV_SMALL_OUT));
done:
    return st;
}
