/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_compare.c: how near two images are: PSNR, RMSE, SSIM, largest error, histogram distance.
 */
#include "commands.h"
#include "medveil/metrics.h"
#include "ui.h"

#include <stdio.h>

static void print_json(const mv_comparison *c)
{
    json_t *psnr = c->identical ? json_null() : json_real(c->psnr_db);
    ui_json(json_pack("{s:o, s:f, s:f, s:f, s:f, s:b, s:f}", "psnr_db", psnr, "rmse", c->rmse,
                      "ssim", c->ssim, "max_abs_error", c->max_abs_error, "max", c->max,
                      "identical", c->identical, "histogram_distance", c->histogram_distance));
}

static void print_table(const mv_comparison *c)
{
    if (c->identical) {
        puts("identical           yes");
        puts("PSNR                none, the images are identical");
    } else {
        puts("identical           no");
        printf("PSNR                %.2f dB\n", c->psnr_db);
    }
    printf("RMSE                %.6f of the largest value\n", c->rmse);
    printf("SSIM                %.5f\n", c->ssim);
    printf("largest error       %.10g of %.10g\n", c->max_abs_error, c->max);
    printf("histogram distance  %.5f\n", c->histogram_distance);
}

static int run(const cli_args *args)
{
    mv_image a = {0}, b = {0};
    mv_comparison c = {0};
    mv_error err = {0};
    mv_status st = mv_image_load(&a, args->operand[0], &err);

    if (st == MV_OK) {
        st = mv_image_load(&b, args->operand[1], &err);
    }
    if (st == MV_OK) {
        st = mv_compare(&c, &a, &b, &err);
    }
    mv_image_clear(&a);
    mv_image_clear(&b);
    if (st != MV_OK) {
        return ui_fail(st, &err);
    }
    if (cli_flag(args, "json")) {
        print_json(&c);
    } else {
        print_table(&c);
    }
    return CLI_OK;
}

const cli_command cmd_compare = {
    .name = "compare",
    .operands = "A B",
    .summary = "PSNR, RMSE, SSIM and largest error of image B against image A",
    .run = run,
    .description =
        "The images must have one size and sample type; otherwise the exit code is 2. RMSE is a\n"
        "fraction of the largest value that the sample type holds (for floats: of A's range), "
        "PSNR\n"
        "follows from it, and SSIM uses an 11x11 Gaussian window, so sides are at least 11 "
        "pixels.\n"
        "Whether the images are equal or not, the exit code is 0.\n",
    .examples = "  medveil compare scan.png back.png\n"
                "  medveil compare --json volume.nii.gz back.nii.gz\n",
    .operands_min = 2,
    .operands_max = 2,
};
