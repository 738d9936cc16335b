/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_small_train.c: forward, backward and export of the small network.
 */
#include "nn/nn_small_train.h"

#include <math.h>
#include <string.h>

static void random_uniform(float *w, size_t count, double limit, mv_rand *r)
{
    for (size_t i = 0; i < count; i++) {
        w[i] = (float)((2 * mv_rand_unit(r) - 1) * limit);
    }
}

void mv_small_init(mv_small_weights *w, const float y0[MV_SMALL_OUT], mv_rand *r)
{
    memset(w, 0, sizeof *w);
    random_uniform(&w->w1[0][0], MV_SMALL_IN * MV_SMALL_H1, 1 / sqrt(MV_SMALL_IN), r);
    random_uniform(&w->w2[0][0], MV_SMALL_H1 * MV_SMALL_H2, 1.5 / sqrt(MV_SMALL_H1), r);
    random_uniform(w->b1, MV_SMALL_H1, 0.1, r);
    memcpy(w->b3, y0, sizeof w->b3);
}

static void relu(float *h, size_t count)
{
    const float cut = (float)MV_SMALL_CUT / MV_SMALL_ONE;
    for (size_t j = 0; j < count; j++) {
        h[j] = h[j] < 0 ? 0 : h[j] > cut ? cut : h[j];
    }
}

void mv_small_forward(mv_small_trace *t, const mv_small_weights *w, const int16_t x[MV_SMALL_IN])
{
    memcpy(t->h1, w->b1, sizeof t->h1);
    for (size_t i = 0; i < MV_SMALL_IN; i++) {
        t->x[i] = (float)x[i] / MV_SMALL_ONE;
        for (size_t j = 0; j < MV_SMALL_H1; j++) {
            t->h1[j] += t->x[i] * w->w1[i][j];
        }
    }
    relu(t->h1, MV_SMALL_H1);
    memcpy(t->h2, w->b2, sizeof t->h2);
    for (size_t i = 0; i < MV_SMALL_H1; i++) {
        for (size_t j = 0; j < MV_SMALL_H2; j++) {
            t->h2[j] += t->h1[i] * w->w2[i][j];
        }
    }
    relu(t->h2, MV_SMALL_H2);
    memcpy(t->y, w->b3, sizeof t->y);
    for (size_t i = 0; i < MV_SMALL_H2; i++) {
        for (size_t o = 0; o < MV_SMALL_OUT; o++) {
            t->y[o] += t->h2[i] * w->w3[i][o];
        }
    }
}

void mv_small_backward(mv_small_weights *g, const mv_small_weights *w, const mv_small_trace *t,
                       const float dy[MV_SMALL_OUT])
{
    float d2[MV_SMALL_H2], d1[MV_SMALL_H1];
    for (size_t o = 0; o < MV_SMALL_OUT; o++) {
        g->b3[o] += dy[o];
    }
    for (size_t i = 0; i < MV_SMALL_H2; i++) {
        float sum = 0;
        for (size_t o = 0; o < MV_SMALL_OUT; o++) {
            g->w3[i][o] += t->h2[i] * dy[o];
            sum += w->w3[i][o] * dy[o];
        }
        d2[i] = t->h2[i] > 0 ? sum : 0;
        g->b2[i] += d2[i];
    }
    for (size_t i = 0; i < MV_SMALL_H1; i++) {
        float sum = 0;
        for (size_t j = 0; j < MV_SMALL_H2; j++) {
            g->w2[i][j] += t->h1[i] * d2[j];
            sum += w->w2[i][j] * d2[j];
        }
        d1[i] = t->h1[i] > 0 ? sum : 0;
        g->b1[i] += d1[i];
    }
    for (size_t i = 0; i < MV_SMALL_IN; i++) {
        for (size_t j = 0; j < MV_SMALL_H1; j++) {
            g->w1[i][j] += t->x[i] * d1[j];
        }
    }
}

/* A unit's weights, stride apart: their sizes sum to at most most. Scaling keeps their ratios. */
static void limit_unit(float *w, size_t count, size_t stride, double most)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        float *at = w + i * stride;
        *at = *at < -7.99F ? -7.99F : *at > 7.99F ? 7.99F : *at;
        sum += fabs((double)*at);
    }
    for (size_t i = 0; sum > most && i < count; i++) {
        w[i * stride] *= (float)(most / sum);
    }
}

static void limit_biases(float *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        b[i] = b[i] < -100 ? -100 : b[i] > 100 ? 100 : b[i];
    }
}

void mv_small_limit(mv_small_weights *w)
{
    /* of 2^31 / 2^20 = 2048 a sum may use what is left beside a bias of 100, less rounding */
    const double room = 1900, x_max = (double)MV_SMALL_X_MAX / MV_SMALL_ONE;
    const double h_max = (double)MV_SMALL_CUT / MV_SMALL_ONE;
    for (size_t j = 0; j < MV_SMALL_H1; j++) {
        limit_unit(&w->w1[0][j], MV_SMALL_IN, MV_SMALL_H1, room / x_max);
    }
    for (size_t j = 0; j < MV_SMALL_H2; j++) {
        limit_unit(&w->w2[0][j], MV_SMALL_H1, MV_SMALL_H2, room / h_max);
    }
    for (size_t o = 0; o < MV_SMALL_OUT; o++) {
        limit_unit(&w->w3[0][o], MV_SMALL_H2, MV_SMALL_OUT, room / h_max);
    }
    limit_biases(w->b1, MV_SMALL_H1);
    limit_biases(w->b2, MV_SMALL_H2);
    limit_biases(w->b3, MV_SMALL_OUT);
}

static mv_status to_i16(int16_t *out, float w)
{
    const float v = roundf(w * 4096);
    if (!(fabsf(v) <= 32767)) { /* also when it is not a number */
        return MV_E_RANGE;
    }
    *out = (int16_t)v;
    return MV_OK;
}

static mv_status to_i32s(int32_t *out, const float *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const double v = round((double)b[i] * MV_SMALL_Y_ONE);
        if (!(fabs(v) <= INT32_MAX)) {
            return MV_E_RANGE;
        }
        out[i] = (int32_t)v;
    }
    return MV_OK;
}

mv_status mv_small_export(mv_small_net *out, const mv_small_weights *w)
{
    mv_status st = MV_OK;
    for (size_t i = 0; i < MV_SMALL_IN; i++) {
        for (size_t j = 0; j < MV_SMALL_H1; j++) {
            MV_TRY(to_i16(&out->w1[i / 2][j][i % 2], w->w1[i][j]));
        }
    }
    for (size_t i = 0; i < MV_SMALL_H1; i++) {
        for (size_t j = 0; j < MV_SMALL_H2; j++) {
            MV_TRY(to_i16(&out->w2[i / 2][j][i % 2], w->w2[i][j]));
        }
    }
    for (size_t i = 0; i < MV_SMALL_H2; i++) {
        for (size_t o = 0; o < MV_SMALL_OUT; o++) {
            MV_TRY(to_i16(&out->w3[o][i], w->w3[i][o]));
        }
    }
    MV_TRY(to_i32s(out->b1, w->b1, MV_SMALL_H1));
    MV_TRY(to_i32s(out->b2, w->b2, MV_SMALL_H2));
    MV_TRY(to_i32s(out->b3, w->b3, MV_SMALL_OUT));
    MV_TRY(mv_small_check(out));
done:
    return st;
}

static void from_i32s(float *b, const int32_t *from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        b[i] = (float)from[i] / MV_SMALL_Y_ONE;
    }
}

void mv_small_import(mv_small_weights *w, const mv_small_net *net)
{
    for (size_t i = 0; i < MV_SMALL_IN; i++) {
        for (size_t j = 0; j < MV_SMALL_H1; j++) {
            w->w1[i][j] = (float)net->w1[i / 2][j][i % 2] / 4096;
        }
    }
    for (size_t i = 0; i < MV_SMALL_H1; i++) {
        for (size_t j = 0; j < MV_SMALL_H2; j++) {
            w->w2[i][j] = (float)net->w2[i / 2][j][i % 2] / 4096;
        }
    }
    for (size_t i = 0; i < MV_SMALL_H2; i++) {
        for (size_t o = 0; o < MV_SMALL_OUT; o++) {
            w->w3[i][o] = (float)net->w3[o][i] / 4096;
        }
    }
    from_i32s(w->b1, net->b1, MV_SMALL_H1);
    from_i32s(w->b2, net->b2, MV_SMALL_H2);
    from_i32s(w->b3, net->b3, MV_SMALL_OUT);
}
