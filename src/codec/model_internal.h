/* SPDX-License-Identifier: Apache-2.0
 *
 * model_internal.h: what a loaded model is, for the codec.
 */
#ifndef MV_CODEC_MODEL_INTERNAL_H
#define MV_CODEC_MODEL_INTERNAL_H

#include "medveil/model.h"
#include "nn/nn_infer.h"
#include "nn/nn_model_file.h"

#include <pthread.h>

/* Encoder and decoder in whole numbers, each made when somebody first wants it. */
typedef struct mv_model_integer {
    pthread_mutex_t lock;
    mv_integer *encoder, *decoder; /* owned; NULL until then */
} mv_model_integer;

struct mv_model {
    mv_model_record record;
    mv_nn_graph graph;
    float *weights;
    uint8_t hash[MV_MODEL_HASH_LEN];
    mv_model_integer *integer; /* owned; all that changes after loading */
};

/* mv_model_integer_half: borrowed from the model; from any thread. errors: as mv_integer_new */
MV_MUST_CHECK mv_status mv_model_integer_half(const mv_integer **out, const mv_model *model,
                                              mv_infer_half half, mv_error *err);

/* mv_model_path_each: visit(user, path) for every file of the search path that ends like this, in
 * the order of mv_model_find_name, until it returns anything but MV_OK, which is then returned. */
MV_MUST_CHECK mv_status mv_model_path_each(const char *ending,
                                           mv_status (*visit)(void *user, const char *path),
                                           void *user);

/* mv_model_path_none: MV_E_NOT_FOUND with "no WHAT in FOLDERS" in err. */
mv_status mv_model_path_none(const char *what, mv_error *err);

#endif
