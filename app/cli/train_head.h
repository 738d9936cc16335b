/* SPDX-License-Identifier: Apache-2.0
 *
 * train_head.h: medveil train --head: from folders of classes to the head of a model.
 */
#ifndef MV_CLI_TRAIN_HEAD_H
#define MV_CLI_TRAIN_HEAD_H

#include "cli.h"

int train_head(const cli_args *args);

#endif
