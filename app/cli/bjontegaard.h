/* SPDX-License-Identifier: Apache-2.0
 *
 * bjontegaard.h: two rate-quality curves as one number. [BJ01]
 *
 * A curve is log rate over PSNR (or the other way round), interpolated by a monotone piecewise
 * cubic [FB84]; the difference is the mean one over the range that both curves cover, inside a
 * window. Points that another point of the same curve beats (no fewer bytes, no better) are left
 * out, and so are those without bytes or of infinite PSNR.
 */
#ifndef MV_CLI_BJONTEGAARD_H
#define MV_CLI_BJONTEGAARD_H

#include <stdbool.h>
#include <stddef.h>

enum {
    BD_POINTS_MAX = 16, /* of a curve; more are not looked at */
    BD_POINTS_MIN = 4   /* that are left, of each curve */
};
#define BD_OVERLAP_MIN_DB    3.0
#define BD_OVERLAP_MIN_RATIO 1.5 /* of rates, for the PSNR difference */

typedef struct bd_point {
    double rate, psnr_db;
} bd_point;

typedef struct bd_curve {
    double rate[BD_POINTS_MAX], psnr_db[BD_POINTS_MAX]; /* both going up; rate is its logarithm */
    size_t count;
} bd_curve;

bd_curve bd_curve_of(const bd_point *point, size_t count);

/* bd_rate_at: the rate of this PSNR; NAN where the curve does not reach it. */
double bd_rate_at(const bd_curve *curve, double psnr_db);

typedef struct bd_result {
    double rate;           /* -0.1: 10 % less than the anchor at the same PSNR; NAN: refused */
    double psnr_db;        /* better than the anchor at the same rate; NAN: refused */
    double from_db, to_db; /* PSNRs that both curves cover in the window; none: to <= from */
} bd_result;

/* bjontegaard: of tested against anchor, between low_db and high_db. Refused, not guessed: too few
 * points, or too little range in common. */
bd_result bjontegaard(const bd_curve *tested, const bd_curve *anchor, double low_db,
                      double high_db);

#endif
