/* SPDX-License-Identifier: Apache-2.0
 *
 * ranked.h: equation (20) on the answers of a head: average precision, read in both ways, and the
 * confusion of classes.
 */
#ifndef MV_CLI_RANKED_H
#define MV_CLI_RANKED_H

#include "labelled.h"
#include "medveil/embedding.h"

/* What a head says of one image; borrowed. */
typedef struct ranked_image {
    uint32_t label;
    const int8_t *embedding; /* MV_EMBEDDING_DIM */
    const double *score;     /* of the classes of the image's set */
} ranked_image;

typedef struct ranked {
    size_t count; /* images; 0: nothing could be computed */
    double classification, retrieval, accuracy;
    uint32_t confusion[LABELLED_CLASSES_MAX][LABELLED_CLASSES_MAX]; /* [truth][answer] */
} ranked;

/* ranked_measure: classification: each class asks for its images by their probability, mean over
 * the classes; retrieval: each image asks for the others of its class by their dot product. All
 * images of one class: count stays 0. errors: MV_E_MEMORY */
MV_MUST_CHECK mv_status ranked_measure(ranked *out, const ranked_image *image, size_t count,
                                       uint32_t classes);

#endif
