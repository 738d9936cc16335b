/* SPDX-License-Identifier: Apache-2.0
 *
 * train_recipe.c: one row for each model; settings were chosen on validation images.
 */
#include "train_recipe.h"

#include <string.h>

typedef struct recipe {
    const char *model, *from;
    uint64_t steps, validate_every;
    double rate, loss_constant, round_part, bf16_until, adversary;
} recipe;

static const recipe recipes[] = {
    {"cnn", NULL, 27500, 1000, 2e-3, 1e-4, 0, 0.92, 0},
    {"bp", NULL, 80000, 4000, 5e-3, 1e-4, 0, 0, 0},
    {"resnet", NULL, 4000, 500, 3e-4, 1e-5, 0.5, 0.8, 0},
    {"lstm", NULL, 3000, 500, 1e-3, 1e-5, 0.5, 0, 0},
    {"gan", "resnet", 2000, 250, 1e-4, 1e-5, 0.5, 0.8, 0.3},
};

mv_train_opts train_recipe(const char *model, const char **from)
{
    mv_train_opts o = mv_train_defaults();
    const recipe *r = &recipes[0];

    for (size_t i = 0; i < sizeof recipes / sizeof recipes[0]; i++) {
        r = strcmp(recipes[i].model, model) == 0 ? &recipes[i] : r;
    }
    *from = r->from;
    o.steps = r->steps;
    o.validate_every = r->validate_every;
    o.batch = 8;
    o.patch = 96;
    o.rate = r->rate;
    o.loss_constant = r->loss_constant;
    o.round_part = r->round_part;
    o.bf16_until = r->bf16_until;
    o.adversary = r->adversary;
    o.augment.gamma_max = 1.6;
    o.augment.contrast = 0.2;
    o.augment.apply = 0.5;
    return o;
}
