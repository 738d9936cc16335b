/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_sum_plan.c: any bytes as a plan of classes; what is taken is laid out, and any words are
 * taken for sums under it.
 */
#include "codec/veil_sum.h"

#include <stdlib.h>
#include <string.h>

enum { LEVELS_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void use(const mv_sum_plan *plan, const mv_sum_layout *layout)
{
    const size_t levels = mv_sum_levels_count(plan);
    int32_t *level = malloc(levels * sizeof *level);
    uint32_t *word = malloc((layout->words + 1) * sizeof *word);
    mv_image image = {0};
    if (level != NULL && word != NULL) {
        memset(word, 0xa5, layout->words * sizeof *word);
        mv_sum_get(level, levels, layout, word, plan->sums);
        if (mv_sum_picture(&image, plan, level, plan->sums) == MV_OK &&
            mv_sum_levels(level, plan, &image) == MV_OK) {
            (void)mv_sum_put(word, layout, level);
            for (size_t i = 0; i < layout->words; i++) {
                if (word[i] >> plan->word != 0) {
                    abort(); /* a word of one picture is larger than stated */
                }
            }
        }
    }
    mv_image_clear(&image);
    free(level);
    free(word);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    mv_sum_plan plan;
    mv_sum_layout layout;
    if (mv_sum_plan_read(&plan, bytes, len) == MV_OK) {
        if (mv_sum_levels_count(&plan) <= LEVELS_MAX &&
            mv_sum_layout_make(&layout, &plan) == MV_OK) {
            use(&plan, &layout);
            mv_sum_layout_clear(&layout);
        }
        mv_sum_plan_clear(&plan);
    }
    return 0;
}
