/* SPDX-License-Identifier: Apache-2.0
 *
 * phantom.c: synthetic images in the manner of Shepp and Logan: ellipsoids, then what makes them
 * believable: wavy outlines, texture, uneven illumination, noise.
 *
 * Space: x to the right, y down, z along the slices; the smaller side of the picture spans -1..1.
 * Brightness: 0 black, 1 white.
 */
#include "image/phantom.h"

#include "base/rng.h"
#include "base/status.h"

#include <math.h>
#include <string.h>

typedef struct point {
    double x, y, z;
} point;

/* An ellipsoid with half axes a, b, c, turned in the plane, of one brightness (CT, MR) or one
 * attenuation at its thickest place (radiograph). */
typedef struct blob {
    double x, y, z, a, b, c, turn_deg, value;
} blob;

typedef struct scene {
    uint64_t seed;
    double pixel; /* side of a pixel */
    point shift;  /* of everything, and: */
    double grow;  /* 1 +- a few percent */
    double turn;  /* sine of a small rotation */
} scene;

/* ---- smooth noise ---- */

/* Uniform in [-1,1), fixed by the lattice point and the seed (the finalizer of splitmix64). */
static double lattice(uint64_t seed, int64_t i, int64_t j, int64_t k)
{
    uint64_t h = seed + (uint64_t)i * 0x9e3779b97f4a7c15u + (uint64_t)j * 0xc2b2ae3d27d4eb4fu +
                 (uint64_t)k * 0x165667b19e3779f9u;
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
    h ^= h >> 31;
    return (double)(h >> 11) * 0x1p-52 - 1;
}

static double ease(double t)
{
    return t * t * (3 - 2 * t);
}

static double mix(double a, double b, double t)
{
    return a + (b - a) * t;
}

/* Value noise in [-1,1] with features of about 1 / frequency. */
static double noise(uint64_t seed, point p, double frequency)
{
    const double x = p.x * frequency, y = p.y * frequency, z = p.z * frequency;
    const double fx = floor(x), fy = floor(y), fz = floor(z);
    const int64_t i = (int64_t)fx, j = (int64_t)fy, k = (int64_t)fz;
    const double tx = ease(x - fx), ty = ease(y - fy), tz = ease(z - fz);
    double layer[2];
    for (int64_t n = 0; n < 2; n++) {
        const double top = mix(lattice(seed, i, j, k + n), lattice(seed, i + 1, j, k + n), tx);
        const double bottom =
            mix(lattice(seed, i, j + 1, k + n), lattice(seed, i + 1, j + 1, k + n), tx);
        layer[n] = mix(top, bottom, ty);
    }
    return mix(layer[0], layer[1], tz);
}

/* Three octaves. */
static double cloud(uint64_t seed, point p, double frequency)
{
    return (noise(seed, p, frequency) + noise(seed + 1, p, 2 * frequency) / 2 +
            noise(seed + 2, p, 4 * frequency) / 4) /
           1.75;
}

static point warp(const scene *s, uint64_t salt, point p, double frequency, double amount)
{
    const point out = {p.x + amount * cloud(s->seed + salt, p, frequency),
                       p.y + amount * cloud(s->seed + salt + 3, p, frequency), p.z};
    return out;
}

/* ---- ellipsoids ---- */

/* Distance from the centre in units of the surface: below 1 inside. */
static double blob_radius(const blob *b, point p)
{
    const double turn = b->turn_deg * (3.14159265358979 / 180);
    const double dx = p.x - b->x, dy = p.y - b->y;
    const double x = (dx * cos(turn) + dy * sin(turn)) / b->a;
    const double y = (dy * cos(turn) - dx * sin(turn)) / b->b;
    const double z = (p.z - b->z) / b->c;
    return sqrt(x * x + y * y + z * z);
}

/* How much of a pixel lies inside: 1 inside, 0 outside, an edge of `soft` pixels between. */
static double blob_cover(const scene *s, const blob *b, point p, double soft)
{
    const double least = b->a < b->b ? b->a : b->b;
    const double t = (1 - blob_radius(b, p)) * least / (soft * s->pixel) + 0.5;
    return t <= 0 ? 0 : t >= 1 ? 1 : ease(t);
}

static double paint(const scene *s, double under, const blob *b, size_t count, point p, double soft)
{
    for (size_t i = 0; i < count; i++) {
        under = mix(under, b[i].value, blob_cover(s, &b[i], p, soft));
    }
    return under;
}

#define PAINT(s, under, table, p, soft)                                                            \
    paint((s), (under), (table), sizeof(table) / sizeof(table)[0], (p), (soft))

/* ---- abdominal CT: window about -200..300 HU ---- */

static const blob ct_body[] = {
    {0, 0.02, 0, 0.90, 0.68, 3, 0, 0.20},  /* skin and fat */
    {0, 0.02, 0, 0.80, 0.58, 3, 0, 0.53},  /* muscle wall */
    {0, -0.02, 0, 0.74, 0.51, 3, 0, 0.24}, /* fat inside */
};

static const blob ct_organs[] = {
    {-0.34, -0.10, -0.1, 0.38, 0.36, 1.1, -18, 0.64}, /* liver */
    {-0.05, -0.24, -0.2, 0.24, 0.17, 0.9, 10, 0.64},  /* its left lobe */
    {0.53, 0.10, 0.1, 0.14, 0.25, 0.8, 14, 0.61},     /* spleen */
    {0.30, -0.22, 0, 0.24, 0.18, 0.9, -12, 0.47},     /* stomach */
    {0.29, -0.32, 0, 0.15, 0.07, 0.7, -4, 0.02},      /* gas in it */
    {-0.33, 0.24, 0.3, 0.13, 0.16, 0.8, 24, 0.70},    /* kidneys */
    {0.33, 0.25, 0.3, 0.13, 0.16, 0.8, -24, 0.70},
    {-0.30, 0.23, 0.3, 0.05, 0.08, 0.5, 24, 0.40}, /* and their hilum */
    {0.30, 0.24, 0.3, 0.05, 0.08, 0.5, -24, 0.40},
    {0.06, -0.02, 0, 0.22, 0.06, 0.6, -14, 0.55},   /* pancreas */
    {0.06, 0.13, 0, 0.075, 0.075, 4, 0, 0.80},      /* aorta */
    {-0.10, 0.10, 0, 0.085, 0.065, 4, 0, 0.68},     /* vena cava */
    {-0.42, -0.20, 0, 0.035, 0.018, 0.5, 30, 0.74}, /* vessels of the liver */
    {-0.30, -0.06, 0, 0.060, 0.016, 0.5, -20, 0.74},
    {-0.48, 0.02, 0, 0.020, 0.034, 0.5, 10, 0.74},
    {-0.22, -0.22, 0, 0.018, 0.040, 0.5, 40, 0.74},
    {-0.45, -0.10, 0.1, 0.052, 0.048, 0.2, 0, 0.52}, /* a lesion */
};

static const blob ct_bones[] = {
    {0, 0.29, 0, 0.15, 0.12, 4, 0, 0.93},   /* vertebral body */
    {0, 0.29, 0, 0.125, 0.095, 4, 0, 0.82}, /* spongy inside */
    {0, 0.44, 0, 0.11, 0.08, 4, 0, 0.94},   /* arch */
    {0, 0.42, 0, 0.055, 0.045, 4, 0, 0.46}, /* canal */
    {-0.15, 0.40, 0, 0.10, 0.022, 4, -24, 0.92}, {0.15, 0.40, 0, 0.10, 0.022, 4, 24, 0.92},
    {0, 0.55, 0, 0.022, 0.07, 4, 0, 0.92}, /* spinous process */
};

/* Ribs: twelve short bright arcs along the muscle wall, wandering from slice to slice. */
static double ct_ribs(const scene *s, double under, point p)
{
    for (int i = 0; i < 12; i++) {
        const double at = (i + 0.5 + 0.35 * p.z) / 12 * 6.28318530717959;
        const double x = 0.765 * cos(at), y = 0.02 + 0.545 * sin(at);
        const blob rib = {x, y, p.z, 0.075, 0.026, 1, (at + 1.5708) * 57.29578 * 0.98, 0.95};
        const blob marrow = {x, y, p.z, 0.052, 0.010, 1, rib.turn_deg, 0.78};
        under = mix(under, rib.value, blob_cover(s, &rib, p, 1.5));
        under = mix(under, marrow.value, blob_cover(s, &marrow, p, 1.5));
    }
    return under;
}

static double ct_value(const scene *s, point p)
{
    const point q = warp(s, 10, p, 3, 0.035);
    const blob table = {0, 1.55, 0, 1.5, 0.80, 9, 0, 0.30};
    const blob under_table = {0, 1.58, 0, 1.5, 0.80, 9, 0, 0.03};
    double v = 0.01;
    v = mix(v, table.value, blob_cover(s, &table, p, 1.5));
    v = mix(v, under_table.value, blob_cover(s, &under_table, p, 1.5));
    v = PAINT(s, v, ct_body, warp(s, 30, p, 2, 0.02), 2);
    v = ct_ribs(s, v, p);
    v = PAINT(s, v, ct_organs, q, 2.5);
    v = PAINT(s, v, ct_bones, warp(s, 50, p, 6, 0.012), 2);
    return v + (v > 0.1 ? 0.018 * cloud(s->seed + 70, p, 14) : 0);
}

/* ---- brain MR, T1 contrast ---- */

static const blob mr_head[] = {
    {0, 0, 0, 0.76, 0.92, 1.30, 0, 0.62},   /* scalp, bright fat */
    {0, 0, 0, 0.715, 0.875, 1.25, 0, 0.10}, /* skull */
    {0, 0, 0, 0.665, 0.825, 1.20, 0, 0.17}, /* fluid */
    {0, 0, 0, 0.640, 0.800, 1.15, 0, 0.50}, /* grey matter */
};

static const blob mr_deep[] = {
    {-0.12, -0.14, 0, 0.055, 0.20, 0.45, 14, 0.13}, /* ventricles */
    {0.12, -0.14, 0, 0.055, 0.20, 0.45, -14, 0.13},
    {-0.16, 0.20, 0, 0.050, 0.16, 0.40, -18, 0.13},
    {0.16, 0.20, 0, 0.050, 0.16, 0.40, 18, 0.13},
    {0, 0.04, 0, 0.016, 0.10, 0.40, 0, 0.15},
    {-0.12, 0.06, 0, 0.075, 0.11, 0.40, -20, 0.49}, /* thalami and basal ganglia */
    {0.12, 0.06, 0, 0.075, 0.11, 0.40, 20, 0.49},
    {-0.26, -0.04, 0, 0.060, 0.15, 0.40, 16, 0.53},
    {0.26, -0.04, 0, 0.060, 0.15, 0.40, -16, 0.53},
    {0.33, 0.30, 0.1, 0.125, 0.105, 0.35, 30, 0.42}, /* a mass, */
    {0.33, 0.30, 0.1, 0.095, 0.080, 0.28, 30, 0.84}, /* its bright rim */
    {0.34, 0.29, 0.1, 0.060, 0.048, 0.20, 30, 0.34}, /* and core */
};

static double clamp01(double t)
{
    return t < 0 ? 0 : t > 1 ? 1 : t;
}

/* White matter inside; towards the surface the cortex folds: dark sulci run where a noise crosses
 * zero, a ribbon of grey lines them, and both fade inwards. */
static double mr_brain(const scene *s, double under, point p)
{
    const blob *grey = &mr_head[3];
    const double radius = blob_radius(grey, p);
    const double outer = ease(clamp01((radius - 0.45) / 0.5));
    const double ridge = fabs(noise(s->seed + 25, warp(s, 20, p, 6, 0.04), 10));
    const double ribbon = fmax(ridge - 0.34 * outer, -1) / (20 * s->pixel);
    const double sulcus = clamp01((0.10 * outer - ridge) / (14 * s->pixel) + 0.3) * outer;
    const double rim = (0.94 - radius) / (4 * s->pixel);
    const double white = ease(clamp01(fmin(ribbon, rim) + 0.5));
    const double fissure = exp(-pow(p.x / 0.011, 2)) * clamp01((fabs(p.y) - 0.30) / 0.1);
    if (radius >= 1) {
        return under;
    }
    return mix(mix(mix(under, 0.72, white), 0.17, 0.9 * sulcus), 0.18, 0.8 * fissure);
}

static double mr_value(const scene *s, point p)
{
    double v = PAINT(s, 0.015, mr_head, warp(s, 10, p, 2, 0.02), 2);
    v = mr_brain(s, v, p);
    v = PAINT(s, v, mr_deep, warp(s, 40, p, 5, 0.03), 2.5);
    v += v > 0.1 ? 0.03 * cloud(s->seed + 70, p, 12) : 0;
    return v * (1 + 0.10 * noise(s->seed + 80, p, 0.8)); /* coil sensitivity */
}

/* ---- chest radiograph: attenuations add up along the ray ---- */

static const blob lungs[] = {
    {-0.43, 0.02, 0, 0.33, 0.68, 1, 6, 0.78},
    {0.45, 0.00, 0, 0.31, 0.66, 1, -6, 0.76},
};

static const blob domes[] = {
    /* of the diaphragm, cut into the lungs */
    {-0.44, 0.92, 0, 0.50, 0.42, 1, 0, 1},
    {0.48, 0.98, 0, 0.48, 0.42, 1, 0, 1},
};

static const blob chest_organs[] = {
    {0.14, 0.30, 0, 0.29, 0.31, 1, 32, 0.62},   /* heart */
    {0.02, -0.10, 0, 0.12, 0.50, 1, 0, 0.40},   /* mediastinum */
    {0.12, -0.20, 0, 0.09, 0.09, 1, 0, 0.22},   /* aortic arch */
    {0.00, -0.62, 0, 0.045, 0.36, 1, 0, -0.20}, /* air in the windpipe */
    {-0.17, 0.06, 0, 0.07, 0.16, 1, 14, 0.24},  /* hila */
    {0.22, 0.02, 0, 0.06, 0.14, 1, -14, 0.20},
    {0.40, 0.88, 0, 0.12, 0.10, 1, 0, -0.30}, /* gas in the stomach */
};

/* Attenuation of an ellipsoid: proportional to the length of the ray inside it. */
static double ray_through(const blob *b, point p)
{
    const double r = blob_radius(b, p);
    return r < 1 ? b->value * sqrt(1 - r * r) : 0;
}

/* The trunk: narrow at the neck, then sloping out into shoulders wider than the picture. */
static double trunk(point p)
{
    const double half_width = mix(0.23, 1.30, ease(fmin(1, fmax(0, (p.y + 1.02) / 0.55))));
    const double r = fabs(p.x) / half_width;
    return r < 1 ? 1.18 * sqrt(1 - r * r * r * r) : 0;
}

static double air(const scene *s, point p)
{
    double most = 0;
    for (size_t i = 0; i < 2; i++) {
        const double r = blob_radius(&lungs[i], p);
        most = fmax(most, r < 1 ? lungs[i].value * sqrt(1 - pow(r, 5)) : 0);
    }
    return most * (1 - PAINT(s, 0, domes, p, 5));
}

/* A bone seen as a band along an ellipse's outline, denser at its two edges; its lower half, nearer
 * to the film's far side, fainter. */
static double band(const blob *b, point p, double half_width, double lower)
{
    const double d = fabs(blob_radius(b, p) - 1) * b->b / half_width;
    const double turn = b->turn_deg * (3.14159265358979 / 180);
    const double down = ((p.y - b->y) * cos(turn) - (p.x - b->x) * sin(turn)) / b->b;
    const double side = mix(1, lower, ease(fmin(1, fmax(0, down + 0.5))));
    return d < 1 ? b->value * side * (0.55 + 0.45 * d * d) * ease(fmin(1, (1 - d) * 3)) : 0;
}

static double chest_bones(point p)
{
    const double side = p.x < 0 ? -1 : 1;
    const double lateral = ease(fmin(1, fmax(0, (fabs(p.x) - 0.04) / 0.12)));
    double v = 0;
    for (int i = 0; i < 9; i++) {
        const double wide = 0.28 + 0.16 * sqrt(i / 8.0);
        const blob rib = {
            side * (wide + 0.04), -0.58 + 0.155 * i, 0, wide, 0.12, 9, side * 20, 0.16};
        v += band(&rib, p, 0.030, 0.45) * lateral;
    }
    const blob collar = {side * 0.52, -0.52, 0, 0.56, 0.12, 9, side * -14, 0.22};
    v += band(&collar, p, 0.036, 0) * lateral;
    const double spine = exp(-pow(p.x / 0.085, 4));
    return v + spine * (0.28 + 0.05 * cos(p.y * 36));
}

static double xray_value(const scene *s, point p)
{
    const point q = warp(s, 10, p, 2, 0.03);
    const double body = trunk(q), lung = air(s, q);
    double depth = body - lung;
    for (size_t i = 0; i < sizeof chest_organs / sizeof chest_organs[0]; i++) {
        depth += ray_through(&chest_organs[i], q) * fmin(1, body);
    }
    depth += chest_bones(warp(s, 30, p, 3, 0.012)) * fmin(1, body);
    /* vessels of the lung: where a noise crosses zero */
    depth += 0.16 * lung * pow(1 - fabs(noise(s->seed + 60, warp(s, 40, p, 5, 0.1), 7)), 9);
    return 1 - exp(-1.05 * fmax(0, depth)) + 0.010 * cloud(s->seed + 70, p, 10);
}

/* ---- the picture ---- */

static const struct {
    double (*value)(const scene *s, point p);
    double grain; /* deviation of the noise */
} kinds[] = {
    [MV_PHANTOM_CT] = {ct_value, 0.016},
    [MV_PHANTOM_MR] = {mr_value, 0.014},
    [MV_PHANTOM_XRAY] = {xray_value, 0.008},
};

mv_phantom_opts mv_phantom_defaults(void)
{
    const mv_phantom_opts opts = {MV_PHANTOM_MR, 256, 256, 1, MV_SAMPLE_U8, 1};
    return opts;
}

static scene scene_make(const mv_phantom_opts *opts)
{
    const uint32_t side = opts->width < opts->height ? opts->width : opts->height;
    mv_rand r = mv_rand_make(opts->seed);
    scene s = {.seed = mv_rand_u64(&r), .pixel = 2.0 / side};
    s.shift.x = 0.03 * (2 * mv_rand_unit(&r) - 1);
    s.shift.y = 0.02 * (2 * mv_rand_unit(&r) - 1);
    s.grow = 1 + 0.04 * (2 * mv_rand_unit(&r) - 1);
    s.turn = 0.05 * (2 * mv_rand_unit(&r) - 1);
    return s;
}

/* Where pixel (x, y) of slice z lies in the scene; slices span -0.4 to 0.4. */
static point place(const scene *s, const mv_phantom_opts *opts, uint32_t x, uint32_t y, uint32_t z)
{
    const double px = (x + 0.5 - opts->width / 2.0) * s->pixel + s->shift.x;
    const double py = (y + 0.5 - opts->height / 2.0) * s->pixel + s->shift.y;
    const point p = {(px + s->turn * py) * s->grow, (py - s->turn * px) * s->grow,
                     0.8 * ((z + 0.5) / opts->depth - 0.5)};
    return p;
}

/* Brightness 0 and 1 as stored values. */
static void scale_of(mv_sample_type type, double *lo, double *hi)
{
    *lo = type == MV_SAMPLE_I16 ? -1024 : 0;
    *hi = *lo + (type == MV_SAMPLE_U8 ? 255 : 4095);
}

mv_status mv_phantom_make(mv_image *out, const mv_phantom_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image image = {0};
    const scene s = scene_make(opts);
    mv_rand grain = mv_rand_make(opts->seed + 1);
    double lo = 0, hi = 0;
    size_t i = 0;

    memset(out, 0, sizeof *out);
    MV_REQUIRE(opts->type == MV_SAMPLE_U8 || opts->type == MV_SAMPLE_U16 ||
                   opts->type == MV_SAMPLE_I16,
               err, MV_E_UNSUPPORTED, "a phantom has samples of type u8, u16 or i16");
    MV_REQUIRE(opts->kind != MV_PHANTOM_XRAY || opts->depth == 1, err, MV_E_UNSUPPORTED,
               "a radiograph has one slice, not %u", opts->depth);
    st = mv_image_alloc(&image, opts->width, opts->height, opts->depth, 1, opts->type);
    MV_REQUIRE(st == MV_OK, err, st, "cannot make a phantom of %u x %u x %u pixels: %s",
               opts->width, opts->height, opts->depth, mv_status_sentence(st));
    scale_of(opts->type, &lo, &hi);
    for (uint32_t z = 0; z < opts->depth; z++) {
        for (uint32_t y = 0; y < opts->height; y++) {
            for (uint32_t x = 0; x < opts->width; x++) {
                const double v = kinds[opts->kind].value(&s, place(&s, opts, x, y, z)) +
                                 kinds[opts->kind].grain * mv_rand_normal(&grain);
                mv_image_set(&image, i++, mix(lo, hi, fmin(1, fmax(0, v))));
            }
        }
    }
    *out = image;
    memset(&image, 0, sizeof image);
done:
    mv_image_clear(&image);
    return st;
}
