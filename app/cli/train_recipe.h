/* SPDX-License-Identifier: Apache-2.0
 *
 * train_recipe.h: how the shipped models were trained; the defaults of medveil train.
 */
#ifndef MV_CLI_TRAIN_RECIPE_H
#define MV_CLI_TRAIN_RECIPE_H

#include "nn/nn_train.h"

/* train_recipe: the options for a model of the registry; *from is the model whose weights it starts
 * from, or NULL. A name without a recipe has that of cnn. */
mv_train_opts train_recipe(const char *model, const char **from);

#endif
