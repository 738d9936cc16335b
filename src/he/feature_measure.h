/* SPDX-License-Identifier: Apache-2.0
 *
 * feature_measure.h: mv_features_size with its reason, for the envelope.
 */
#ifndef MV_HE_FEATURE_MEASURE_H
#define MV_HE_FEATURE_MEASURE_H

#include "medveil/feature.h"

/* mv_features_measure: errors: MV_E_ARGUMENT (the set cannot hold the shape), MV_E_MEMORY (the
 * first use of a slot set makes its tables); *out is then 0 */
MV_MUST_CHECK mv_status mv_features_measure(size_t *out, const mv_he_set *set,
                                            const mv_pack_shape *shape);

#endif
