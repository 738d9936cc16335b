/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_gan.h: a critic that learns to tell images from reconstructions while the autoencoder, its
 * generator, learns to please it [Goo14], with the hinge loss [LiYe17].
 *
 * The critic D sees patches and gives a score for each 4x4 pixels. Means are over scores:
 *     L_D = mean(max(0, 1 - D(image))) + mean(max(0, 1 + D(reconstruction)))
 *     L_G = loss + weight * -mean(D(reconstruction))
 * It is needed for training alone and leaves no trace in a model file.
 */
#ifndef MV_NN_GAN_H
#define MV_NN_GAN_H

#include "base/rng.h"
#include "nn/nn_optim.h"
#include "tensor/tensor.h"

/* The critic's weights and how far they have come; count floats each. */
typedef struct mv_gan_state {
    size_t count;
    float *weights, *m, *v;
} mv_gan_state;

/* mv_gan_start: a critic with random weights. owner: clear with mv_gan_clear. errors: MV_E_MEMORY
 */
MV_MUST_CHECK mv_status mv_gan_start(mv_gan_state *out, mv_rand *rand, mv_error *err);
void mv_gan_clear(mv_gan_state *state);

typedef struct mv_gan_part mv_gan_part; /* a critic at work on one part of a batch; one thread */

/* mv_gan_part_new: for batch patches of side x side. errors: MV_E_ARGUMENT, MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_gan_part_new(mv_gan_part **out, const mv_tensor_kernels *table,
                                        uint32_t batch, uint32_t side, bool bf16, mv_error *err);
void mv_gan_part_free(mv_gan_part **part);

MV_MUST_CHECK mv_status mv_gan_part_load(mv_gan_part *part, const mv_gan_state *state,
                                         mv_error *err);

/* mv_gan_part_run: gradient = dL_D/dweights (state->count floats), *loss = L_D, and d_output += the
 * gradient of weight * -mean(D(output)). image, output, d_output (batch,1,side,side). */
MV_MUST_CHECK mv_status mv_gan_part_run(mv_gan_part *part, float *gradient, double *loss,
                                        float *d_output, const float *image, const float *output,
                                        double weight, mv_error *err);

/* mv_gan_step: one step of Adam with the parts' mean gradient, which is left in the first. */
void mv_gan_step(mv_gan_state *state, float *gradient, size_t parts, double rate, double clip,
                 uint64_t t);

#endif
