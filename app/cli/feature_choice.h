/* SPDX-License-Identifier: Apache-2.0
 *
 * feature_choice.h: whether the features of an image travel beside its exact bytes
 * (docs/decisions/0027-features-travel-where-they-are-smaller.md).
 */
#ifndef MV_CLI_FEATURE_CHOICE_H
#define MV_CLI_FEATURE_CHOICE_H

#include "cli.h"
#include "medveil/envelope.h"

#define FEATURES_OPTIONS                                                                           \
    {"features", 0, NULL,                                                                          \
     "keep the pixel features also where they take more bytes than the exact image"},              \
    {                                                                                              \
        "no-features", 0, NULL, "leave the pixel features out; image and embedding travel"         \
    }

typedef enum features_choice {
    FEATURES_IF_SMALLER, /* the default: where they take no more bytes than the exact image */
    FEATURES_ALWAYS,     /* --features, --lossy, or an option that is about them */
    FEATURES_NEVER,      /* --no-features */
    FEATURES_COMPACT     /* --compact sends something else in their place */
} features_choice;

/* features_parse: false, with a sentence, when the options do not fit together. */
bool features_parse(features_choice *out, const cli_args *args);

/* Bytes of one image inside, once encrypted or coded; all 0: nothing was weighed. */
typedef struct features_weight {
    uint64_t features, exact;
} features_weight;

static inline bool features_too_large(const features_weight *w)
{
    return w->features > w->exact;
}

/* features_weigh: of the member that was added last, whose features are not made yet. */
MV_MUST_CHECK mv_status features_weigh(features_weight *out, const mv_sealer *sealer,
                                       const mv_code_meta *meta, mv_error *err);

/* Why an image has no features inside: a sentence without a final stop, maybe in out; NULL: it has,
 * or there is no image. */
enum { FEATURES_WHY_SIZE = 160 };
const char *features_why(char out[FEATURES_WHY_SIZE], const features_weight *w,
                         features_choice choice);

/* features_missing: for who wants features of a member without: MV_E_NOT_FOUND, with the reason. */
mv_status features_missing(const mv_member *member, mv_error *err);

#endif
