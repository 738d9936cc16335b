/* SPDX-License-Identifier: Apache-2.0
 *
 * train_veil.h: medveil train --model veil: from folders of images to the networks of compact mode.
 */
#ifndef MV_CLI_TRAIN_VEIL_H
#define MV_CLI_TRAIN_VEIL_H

#include "cli.h"

int train_veil(const cli_args *args);

#endif
