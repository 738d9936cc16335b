/* SPDX-License-Identifier: Apache-2.0
 *
 * feature_choice.c: whether the features of an image travel beside its exact bytes.
 */
#include "feature_choice.h"

#include "base/status.h"
#include "ui.h"

#include <stdio.h>

/* Options that would do nothing without features: whoever gives one wants them. */
static const char *about_features(const cli_args *args)
{
    static const char *const name[] = {"bits",   "he",    "sums",  "frame-slices",
                                       "resize", "slice", "lossy", "lossy-anyway"};
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
        if (cli_flag(args, name[i])) {
            return name[i];
        }
    }
    return NULL;
}

bool features_parse(features_choice *out, const cli_args *args)
{
    const bool never = cli_flag(args, "no-features");
    const char *about = cli_flag(args, "features") ? "features" : about_features(args);

    if (never && about != NULL) {
        ui_say("--%s needs the features, which --no-features leaves out; give one of them", about);
        return false;
    }
    *out = never                       ? FEATURES_NEVER
           : cli_flag(args, "compact") ? FEATURES_COMPACT
           : about != NULL             ? FEATURES_ALWAYS
                                       : FEATURES_IF_SMALLER;
    return true;
}

mv_status features_weigh(features_weight *out, const mv_sealer *sealer, const mv_code_meta *meta,
                         mv_error *err)
{
    out->exact = mv_sealer_exact_len(sealer);
    return mv_sealer_features_len(&out->features, sealer, meta, err);
}

const char *features_why(char out[FEATURES_WHY_SIZE], const features_weight *w,
                         features_choice choice)
{
    if (choice == FEATURES_NEVER) {
        return "left out: --no-features";
    }
    if (choice == FEATURES_COMPACT) {
        return "a compact image goes in their place";
    }
    if (!features_too_large(w)) {
        return NULL;
    }
    (void)snprintf(out, FEATURES_WHY_SIZE,
                   "left out: they would take %llu bytes, the exact image takes %llu; --features "
                   "keeps them",
                   (unsigned long long)w->features, (unsigned long long)w->exact);
    return out;
}

mv_status features_missing(const mv_member *member, mv_error *err)
{
    if (!member->described || !member->exact_kept) {
        return mv_fail(err, MV_E_NOT_FOUND, "there are no features inside");
    }
    if (member->compact_len != 0) {
        return mv_fail(err, MV_E_NOT_FOUND,
                       "there are no features inside: a compact image travels in their place");
    }
    return mv_fail(err, MV_E_NOT_FOUND,
                   "the sender left the features out, which were larger than the exact image; "
                   "encrypt --features keeps them");
}
