/* SPDX-License-Identifier: Apache-2.0
 *
 * linear.c: a plain matrix times an encrypted vector by its diagonals. [HS18]
 *
 * Slot s is row r = s mod R of copy c = s / R, and holds x[(r + c K) mod D], K = D / C for C
 * copies. Let at(s, k) be the slot whose content a rotation by k brings to s. Then part[s] = sum
 * over k < K of M[r][index at(s, k)] * x[index at(s, k)] and for each r the C copies together meet
 * every column once: within a row of slots a rotation moves copies round in a circle, so for each k
 * the copies' offsets stay a permutation of 0, K .. (C-1) K. With k = g B + i:   part = sum over g
 * of rot_gB( sum over i of rot_-gB(diagonal_k) rot_i(x) ), by Horner's rule in rot_B.
 */
#include "base/secret.h"
#include "he/noise.h"
#include "medveil/bfv.h"
#include "medveil/ckks.h"

typedef struct layout {
    uint32_t slots, row;        /* all, and the circle that rotations turn */
    uint32_t cols, rows;        /* D, R */
    uint32_t copies, diagonals; /* C, K */
    uint32_t baby, giant;       /* B, K / B */
} layout;

struct mv_he_matrix {
    const mv_he_context *context;
    mv_he_matrix_shape shape;
    layout lay;
    uint64_t *limb; /* [diagonal][limb][N]: factors in evaluation form */
    double norm2;   /* BFV: the largest of the diagonals */
    double bound;   /* CKKS: of the entries */
};

static uint32_t power_of_two_from(uint32_t a)
{
    uint32_t p = 1;
    while (p < a) {
        p *= 2;
    }
    return p;
}

static mv_status lay_out(layout *out, const mv_he_set *set, const mv_he_matrix_shape *shape)
{
    layout l = {.slots = mv_he_set_slots(set), .row = set->literal.degree / 2};
    if (l.slots == 0) {
        return MV_E_UNSUPPORTED;
    }
    if (shape->rows == 0 || shape->cols == 0 || shape->rows > l.slots || shape->cols > l.row) {
        return MV_E_ARGUMENT;
    }
    l.cols = power_of_two_from(shape->cols);
    l.rows = power_of_two_from(shape->rows > shape->cols ? shape->rows : shape->cols);
    l.copies = l.slots / l.rows < l.cols ? l.slots / l.rows : l.cols;
    l.diagonals = l.cols / l.copies;
    l.baby = 1;
    while (l.baby * l.baby < l.diagonals && l.baby < MV_VEC_MAC_MAX) {
        l.baby *= 2;
    }
    l.giant = l.diagonals / l.baby;
    *out = l;
    return MV_OK;
}

static uint32_t turned(const layout *l, uint32_t s, uint32_t steps)
{
    return s / l->row * l->row + (s + steps) % l->row;
}

/* Which element of x slot s holds. */
static uint32_t index_of(const layout *l, uint32_t s)
{
    return (s % l->rows + s / l->rows % l->copies * l->diagonals) % l->cols;
}

/* Entry number of M that diagonal k meets at slot s, or SIZE_MAX for 0. */
static size_t entry_of(const layout *l, const mv_he_matrix_shape *shape, uint32_t s, uint32_t k)
{
    const uint32_t back = turned(l, s, l->row - k / l->baby * l->baby % l->row);
    const uint32_t r = back % l->rows, col = index_of(l, turned(l, back, k));
    const bool there = back / l->rows < l->copies && r < shape->rows && col < shape->cols;
    return there ? (size_t)r * shape->cols + col : SIZE_MAX;
}

mv_status mv_he_matrix_steps(int32_t steps[2], const mv_he_set *set,
                             const mv_he_matrix_shape *shape)
{
    mv_status st = MV_OK;
    layout l;
    MV_ENSURE(steps != NULL && set != NULL && shape != NULL, MV_E_ARGUMENT);
    MV_TRY(lay_out(&l, set, shape));
    steps[0] = l.baby > 1 ? 1 : 0; /* 0: no key needed */
    steps[1] = l.giant > 1 ? (int32_t)l.baby : 0;
done:
    return st;
}

void mv_he_matrix_free(mv_he_matrix **matrix)
{
    if (matrix != NULL && *matrix != NULL) {
        const mv_he_context *c = (*matrix)->context;
        mv_words_free(&(*matrix)->limb,
                      (size_t)(*matrix)->lay.diagonals * c->data_limbs * c->degree);
        free(*matrix);
        *matrix = NULL;
    }
}

static mv_status matrix_alloc(mv_he_matrix **out, const mv_he_set *set,
                              const mv_he_matrix_shape *shape)
{
    mv_status st = MV_OK;
    mv_he_matrix *m = calloc(1, sizeof *m);
    MV_ENSURE(m != NULL, MV_E_MEMORY);
    MV_TRY(lay_out(&m->lay, set, shape));
    MV_TRY(mv_he_context_of(&m->context, set));
    m->shape = *shape;
    MV_TRY(mv_words_new(&m->limb,
                        (size_t)m->lay.diagonals * m->context->data_limbs * m->context->degree));
    *out = m;
    m = NULL;
done:
    free(m);
    return st;
}

static void keep_diagonal(mv_he_matrix *m, uint32_t k, const mv_plain *plain)
{
    const size_t len = mv_rows_len(m->context, m->context->data_limbs);
    memcpy(m->limb + k * len / sizeof(uint64_t), plain->limb, len);
    m->norm2 = plain->norm2 > m->norm2 ? plain->norm2 : m->norm2;
}

mv_status mv_bfv_matrix_new(mv_he_matrix **out, const mv_he_set *set,
                            const mv_he_matrix_shape *shape, const int64_t *value)
{
    mv_status st = MV_OK;
    mv_he_matrix *m = NULL;
    mv_plain *plain = NULL;
    int64_t *slot = NULL;
    if (out == NULL) {
        return MV_E_ARGUMENT;
    }
    *out = NULL;
    MV_ENSURE(set != NULL && shape != NULL && value != NULL, MV_E_ARGUMENT);
    MV_ENSURE(set->literal.scheme == MV_HE_BFV, MV_E_UNSUPPORTED);
    MV_TRY(matrix_alloc(&m, set, shape));
    MV_TRY(mv_plain_new(&plain, set));
    slot = malloc(m->lay.slots * sizeof *slot);
    MV_ENSURE(slot != NULL, MV_E_MEMORY);
    for (uint32_t k = 0; k < m->lay.diagonals; k++) {
        for (uint32_t s = 0; s < m->lay.slots; s++) {
            const size_t at = entry_of(&m->lay, shape, s, k);
            slot[s] = at == SIZE_MAX ? 0 : value[at];
        }
        MV_TRY(mv_bfv_encode(plain, slot, m->lay.slots));
        keep_diagonal(m, k, plain);
    }
    *out = m;
    m = NULL;
done:
    free(slot);
    mv_plain_free(&plain);
    mv_he_matrix_free(&m);
    return st;
}

mv_status mv_ckks_matrix_new(mv_he_matrix **out, const mv_he_set *set,
                             const mv_he_matrix_shape *shape, const double *value, double bound)
{
    mv_status st = MV_OK;
    mv_he_matrix *m = NULL;
    mv_plain *plain = NULL;
    mv_he_work *work = NULL;
    double *slot = NULL;
    if (out == NULL) {
        return MV_E_ARGUMENT;
    }
    *out = NULL;
    MV_ENSURE(set != NULL && shape != NULL && value != NULL, MV_E_ARGUMENT);
    MV_ENSURE(set->literal.scheme == MV_HE_CKKS, MV_E_UNSUPPORTED);
    MV_TRY(matrix_alloc(&m, set, shape));
    MV_TRY(mv_plain_new(&plain, set));
    MV_TRY(mv_he_work_new(&work, set));
    slot = malloc(m->lay.slots * sizeof *slot);
    MV_ENSURE(slot != NULL, MV_E_MEMORY);
    m->bound = bound;
    for (uint32_t k = 0; k < m->lay.diagonals; k++) {
        for (uint32_t s = 0; s < m->lay.slots; s++) {
            const size_t at = entry_of(&m->lay, shape, s, k);
            slot[s] = at == SIZE_MAX ? 0 : value[at];
        }
        MV_TRY(mv_ckks_encode(work, plain, slot, NULL, m->lay.slots, bound));
        keep_diagonal(m, k, plain);
    }
    *out = m;
    m = NULL;
done:
    free(slot);
    mv_he_work_free(&work);
    mv_plain_free(&plain);
    mv_he_matrix_free(&m);
    return st;
}

mv_status mv_bfv_matrix_place(mv_plain *out, const mv_he_matrix_shape *shape, const int64_t *x)
{
    mv_status st = MV_OK;
    layout l;
    int64_t *slot = NULL;
    MV_ENSURE(out != NULL && shape != NULL && x != NULL, MV_E_ARGUMENT);
    MV_TRY(lay_out(&l, out->context->set, shape));
    slot = malloc(l.slots * sizeof *slot);
    MV_ENSURE(slot != NULL, MV_E_MEMORY);
    for (uint32_t s = 0; s < l.slots; s++) {
        const uint32_t i = index_of(&l, s);
        slot[s] = i < shape->cols ? x[i] : 0;
    }
    MV_TRY(mv_bfv_encode(out, slot, l.slots));
done:
    if (slot != NULL) {
        mv_wipe(slot, l.slots * sizeof *slot);
    }
    free(slot);
    return st;
}

mv_status mv_ckks_matrix_place(mv_he_work *work, mv_plain *out, const mv_he_matrix_shape *shape,
                               const double *x, double x_bound)
{
    mv_status st = MV_OK;
    layout l;
    double *slot = NULL;
    MV_ENSURE(work != NULL && out != NULL && shape != NULL && x != NULL, MV_E_ARGUMENT);
    MV_TRY(lay_out(&l, out->context->set, shape));
    slot = malloc(l.slots * sizeof *slot);
    MV_ENSURE(slot != NULL, MV_E_MEMORY);
    for (uint32_t s = 0; s < l.slots; s++) {
        const uint32_t i = index_of(&l, s);
        slot[s] = i < shape->cols ? x[i] : 0;
    }
    MV_TRY(mv_ckks_encode(work, out, slot, NULL, l.slots, x_bound));
done:
    if (slot != NULL) {
        mv_wipe(slot, l.slots * sizeof *slot);
    }
    free(slot);
    return st;
}

/* value modulo t nearest 0, for |value| < 2^62. */
static int64_t centred(int64_t value, int64_t t)
{
    const int64_t m = value % t;
    return m > t / 2 ? m - t : m < -(t / 2) ? m + t : m;
}

mv_status mv_bfv_matrix_result(int64_t *y, const mv_he_set *set, const mv_he_matrix_shape *shape,
                               const int64_t *slot)
{
    mv_status st = MV_OK;
    layout l;
    MV_ENSURE(y != NULL && set != NULL && shape != NULL && slot != NULL, MV_E_ARGUMENT);
    MV_ENSURE(set->literal.scheme == MV_HE_BFV, MV_E_UNSUPPORTED);
    MV_TRY(lay_out(&l, set, shape));
    for (uint32_t r = 0; r < shape->rows; r++) {
        int64_t sum = 0;
        for (uint32_t c = 0; c < l.copies; c++) {
            sum += slot[c * l.rows + r];
        }
        y[r] = centred(sum, (int64_t)set->literal.plain_modulus);
    }
done:
    return st;
}

mv_status mv_ckks_matrix_result(double *y, const mv_he_set *set, const mv_he_matrix_shape *shape,
                                const double *slot)
{
    mv_status st = MV_OK;
    layout l;
    MV_ENSURE(y != NULL && set != NULL && shape != NULL && slot != NULL, MV_E_ARGUMENT);
    MV_ENSURE(set->literal.scheme == MV_HE_CKKS, MV_E_UNSUPPORTED);
    MV_TRY(lay_out(&l, set, shape));
    for (uint32_t r = 0; r < shape->rows; r++) {
        y[r] = 0;
        for (uint32_t c = 0; c < l.copies; c++) {
            y[r] += slot[c * l.rows + r];
        }
    }
done:
    return st;
}

/* x rotated by 0 .. baby - 1. Hoisted where every key is there, else step by step. */
static mv_status baby_steps(mv_he_work *work, mv_cipher **baby, const layout *l, const mv_cipher *x,
                            const mv_he_eval_keys *keys)
{
    mv_status st = MV_OK;
    int32_t steps[MV_VEC_MAC_MAX];
    bool all = true;
    for (uint32_t i = 0; i < l->baby; i++) {
        const uint32_t g = mv_automorphism_rotation(work->context->degree, (int32_t)i);
        steps[i] = (int32_t)i;
        all = all && (i == 0 || mv_key_find(keys, g) != NULL);
    }
    if (all) {
        return mv_he_rotate_many(work, baby, steps, l->baby, x, keys);
    }
    MV_TRY(mv_cipher_copy(baby[0], x));
    for (uint32_t i = 1; i < l->baby; i++) {
        MV_TRY(mv_he_rotate(work, baby[i], baby[i - 1], 1, keys));
    }
done:
    return st;
}

enum { CHUNK = 512 }; /* elements at a time: their sums stay in the first-level cache */

/* One row of giant_step. */
static void sum_row(uint64_t *out, mv_he_work *work, const mv_he_matrix *m, uint32_t g,
                    mv_cipher *const *baby, uint32_t p, uint32_t limb)
{
    const mv_ntt_tables *t = &mv_cipher_level_of(baby[0])->ring.limb[limb];
    const size_t n = t->n, stride = work->context->data_limbs * n;
    const size_t step = n < CHUNK ? n : CHUNK;
    for (size_t at = 0; at < n; at += step) {
        memset(work->low, 0, step * sizeof *work->low);
        memset(work->high, 0, step * sizeof *work->high);
        for (uint32_t i = 0; i < m->lay.baby; i++) {
            t->vec.mac(work->low, work->high, mv_cipher_poly(baby[i], p) + limb * n + at,
                       m->limb + (g * m->lay.baby + i) * stride + limb * n + at, step);
        }
        t->vec.mac_reduce(out + at, work->low, work->high, step, &t->mod);
    }
}

/* out = sum over i of diagonal (g B + i) times baby[i], each sum reduced once. */
static void giant_step(mv_he_work *work, mv_cipher *out, const mv_he_matrix *m, uint32_t g,
                       mv_cipher *const *baby)
{
    const uint32_t limbs = baby[0]->limbs;
    double noise = 0; /* variances of independent terms add, see noise_of_diagonals */
    for (uint32_t p = 0; p < 2; p++) {
        for (uint32_t j = 0; j < limbs; j++) {
            sum_row(mv_cipher_poly(out, p) + (size_t)j * work->context->degree, work, m, g, baby, p,
                    j);
        }
    }
    for (uint32_t i = 0; i < m->lay.baby; i++) {
        noise += baby[i]->noise;
    }
    mv_cipher_shape(out, baby[0], 2);
    out->noise = noise;
}

/* The variance of sums of independent terms: the diagonals differ, and so do the key switches; the
 * fresh noise is shared by all rotations, but meets another diagonal in each. */
static void noise_of_diagonals(mv_cipher *out, const mv_he_matrix *m, const mv_cipher *x)
{
    const mv_he_context *c = m->context;
    if (!mv_is_ckks(c)) {
        out->noise *= m->norm2 < 1 ? 1 : m->norm2;
        return;
    }
    const double s = mv_cipher_level_of(x)->scale, mb = m->bound * s, ma = x->bound * s;
    const double each = out->noise / m->lay.baby;
    const double root = sqrt(mb * mb * each) + sqrt(ma * ma / 12);
    out->noise = m->lay.baby * m->lay.baby * (root * root + c->degree * each / 12);
    out->bound = x->bound * m->bound * m->lay.baby;
    out->power = 2;
}

static mv_status horner(mv_he_work *work, mv_cipher *out, mv_cipher *part, const mv_he_matrix *m,
                        mv_cipher *const *baby, const mv_he_eval_keys *keys)
{
    mv_status st = MV_OK;
    for (uint32_t g = m->lay.giant; g-- > 0;) {
        giant_step(work, part, m, g, baby);
        noise_of_diagonals(part, m, baby[0]);
        MV_TRY(mv_cipher_settle(part, MV_OK));
        if (g + 1 == m->lay.giant) {
            MV_TRY(mv_cipher_copy(out, part));
        } else {
            MV_TRY(mv_he_rotate(work, out, out, (int32_t)m->lay.baby, keys));
            const double noise = out->noise + part->noise; /* independent: variances add */
            MV_TRY(mv_he_add(work, out, out, part));
            out->noise = mv_is_ckks(work->context) ? out->noise : noise;
        }
    }
done:
    return st;
}

mv_status mv_he_matrix_mul(mv_he_work *work, mv_cipher *out, const mv_he_matrix *matrix,
                           const mv_cipher *x, const mv_he_eval_keys *keys)
{
    mv_status st = MV_OK;
    MV_ENSURE(work != NULL && out != NULL && matrix != NULL, MV_E_ARGUMENT);
    MV_TRY(mv_cipher_check(work->context, x));
    MV_ENSURE(out->context == work->context && matrix->context == work->context, MV_E_MISMATCH);
    MV_ENSURE(keys == NULL || keys->context == work->context, MV_E_MISMATCH);
    MV_ENSURE(x->polys == 2 && x->power == 1, MV_E_ARGUMENT);
    MV_ENSURE(!mv_is_ckks(work->context) || x->limbs == work->context->data_limbs, MV_E_LEVEL);
    const uint32_t baby = matrix->lay.baby;
    for (uint32_t i = 0; i <= baby; i++) {
        if (work->step[i] == NULL) {
            MV_TRY(mv_cipher_new(&work->step[i], work->context->set));
        }
    }
    MV_TRY(baby_steps(work, work->step, &matrix->lay, x, keys));
    MV_TRY(horner(work, out, work->step[baby], matrix, work->step, keys));
done:
    return out == NULL ? st : mv_cipher_settle(out, st);
}
