/* SPDX-License-Identifier: Apache-2.0
 *
 * train_data.h: folders of images as training and validation sets.
 *
 * DIR/train and DIR/val hold the images at any depth; without DIR/train every image below DIR is
 * used, and one in ten, by a hash of its name, validates. Nothing else below DIR is read. Each
 * image is made gray, resized, and stretched to 0..255.
 */
#ifndef MV_CLI_TRAIN_DATA_H
#define MV_CLI_TRAIN_DATA_H

#include "nn/nn_train.h"

typedef struct train_data {
    mv_train_data data; /* for the trainer; views of the buffers below */
    char *name[MV_TRAIN_SETS_MAX];
    uint8_t *train[MV_TRAIN_SETS_MAX], *validation[MV_TRAIN_SETS_MAX];
    size_t left_out;   /* training images whose origin is not in the list */
    bool own_split;    /* some folder had no train folder */
    size_t unreadable; /* images that were named and left out */
} train_data;

/* train_data_unusable: whether a status means that this one image is of no use, so that the others
 * may be gone on with; it is then named, with the reason, on stderr. */
bool train_data_unusable(mv_status st, const char *path, const mv_error *why);

/* train_data_add: read folder as one more set of side x side images. origins: NULL for all, or
 * "a,b-*": training images must have such an origin in FOLDER/../manifest.tsv (columns name, set,
 * split and origin); validation images are not filtered.
 * Images that cannot be read are named, counted and left out.
 * errors: MV_E_NOT_FOUND when nothing is left to train on, MV_E_LIMIT, MV_E_MEMORY, MV_E_IO,
 * MV_E_INTERRUPTED */
MV_MUST_CHECK mv_status train_data_add(train_data *d, const char *folder, uint32_t side,
                                       const char *origins, mv_progress progress, mv_error *err);
/* train_outcome: the exit code of a run that came to its end, and a sentence about such images. */
int train_outcome(size_t unreadable);
void train_data_clear(train_data *d);

#endif
