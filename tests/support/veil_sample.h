/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_sample.h: networks for tests of compact mode: whole random weights, the same on every
 * machine. They know nothing about images; both sides use the same, which is what is tested.
 */
#ifndef MV_TESTS_VEIL_SAMPLE_H
#define MV_TESTS_VEIL_SAMPLE_H

#include "base/rng.h"
#include "codec/veil_file.h"

#include <string.h>

static inline int16_t sample_weight(mv_rand *r, uint32_t size)
{
    return (int16_t)((int32_t)mv_rand_below(r, 2 * size + 1) - (int32_t)size);
}

static inline mv_small_net sample_net(mv_rand *r)
{
    mv_small_net net;
    memset(&net, 0, sizeof net);
    for (size_t k = 0; k < (size_t)MV_SMALL_IN * MV_SMALL_H1; k++) {
        (&net.w1[0][0][0])[k] = sample_weight(r, 400);
    }
    for (size_t k = 0; k < (size_t)MV_SMALL_H1 * MV_SMALL_H2; k++) {
        (&net.w2[0][0][0])[k] = sample_weight(r, 800);
    }
    for (size_t j = 0; j < MV_SMALL_H2; j++) {
        net.w3[0][j] = sample_weight(r, 300);
        net.w3[1][j] = sample_weight(r, 600);
    }
    net.b3[1] = 1 << 20;
    return net;
}

/* sample_veil_bytes: a file of networks; empty when out of memory. owner: the caller clears it. */
static inline mv_buffer sample_veil_bytes(uint64_t seed)
{
    mv_buffer out = mv_buffer_make(MV_VEIL_FILE_LEN);
    mv_rand r = mv_rand_make(seed);
    mv_veil *veil = calloc(1, sizeof *veil);
    if (veil != NULL) {
        strcpy(veil->licence, "none");
        strcpy(veil->training, "none: random weights");
        for (size_t k = 0; k < MV_VEIL_BANDS; k++) {
            veil->net[k] = sample_net(&r);
        }
        if (mv_veil_file_write(&out, veil) != MV_OK) {
            mv_buffer_clear(&out);
        }
    }
    free(veil);
    return out;
}

/* sample_veil: NULL when out of memory. */
static inline mv_veil *sample_veil(uint64_t seed)
{
    mv_buffer bytes = sample_veil_bytes(seed);
    mv_veil *veil = NULL;
    if (mv_veil_read(&veil, bytes.bytes, bytes.len, NULL) != MV_OK) {
        veil = NULL;
    }
    mv_buffer_clear(&bytes);
    return veil;
}

#endif
