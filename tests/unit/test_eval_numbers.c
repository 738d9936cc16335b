/* SPDX-License-Identifier: Apache-2.0
 *
 * test_eval_numbers.c: sentences about the figures that medveil eval makes of measured rows.
 */
#include "eval.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_summary_has_mean_deviation_and_fifth_percentile(void **state)
{
    double value[100];
    (void)state;
    for (int k = 0; k < 100; k++) {
        value[k] = (k * 37) % 100 + 1; /* 1..100 in another order */
    }
    const eval_summary s = eval_summarise(value, 100);
    assert_int_equal(s.count, 100);
    assert_float_equal(s.mean, 50.5, 1e-9);
    assert_float_equal(s.deviation, sqrt(100 * 101 / 12.0), 1e-9);
    assert_float_equal(s.low5, 6, 0);
    /* the mean of 100 draws has deviation 2.89 */
    assert_true(s.from > 50.5 - 8 && s.from < 50.5 - 3.5 && s.to > 50.5 + 3.5 && s.to < 50.5 + 8);
}

static void what_is_infinite_is_left_out_and_nothing_gives_nothing(void **state)
{
    double value[] = {3, INFINITY, 5};
    (void)state;
    assert_int_equal(eval_summarise(value, 3).count, 2);
    assert_float_equal(eval_summarise(value, 2).mean, 4, 0);
    assert_int_equal(eval_summarise(value, 0).count, 0);
    double one[] = {7};
    assert_float_equal(eval_summarise(one, 1).deviation, 0, 0);
    assert_float_equal(eval_summarise(one, 1).to, 7, 0);
}

/* Six images of two classes: origin x has both, y has class 1 only; the last is unreadable. */
enum { IMAGES = 6 };
typedef struct lab {
    eval_job *job;
    labelled_image image[IMAGES];
    bool unreadable[IMAGES];
    eval_item item[IMAGES];
} lab;

static void make_lab(lab *l)
{
    static const uint32_t label[IMAGES] = {0, 0, 1, 1, 1, 0};
    static const char *const origin[IMAGES] = {"x", "x", "x", "y", "y", "y"};
    memset(l, 0, sizeof *l);
    l->job = calloc(1, sizeof *l->job);
    assert_non_null(l->job);
    for (int i = 0; i < IMAGES; i++) {
        l->image[i].label = label[i];
        (void)snprintf(l->image[i].origin, LABELLED_NAME_MAX, "%s", origin[i]);
        l->item[i].state = i == 5 ? EVAL_UNREADABLE : EVAL_DONE;
        l->item[i].labelled = true;
        l->item[i].way[EVAL_AFTER].psnr_db = 30 + i;
        l->item[i].embedding[EVAL_AFTER][label[i]] = 100;
        l->item[i].score[EVAL_AFTER][label[i]] = 2;
    }
    l->unreadable[5] = true;
    l->job->set_count = l->job->model_count = 1;
    l->job->set[0].list.class_count = 2;
    l->job->set[0].list.image = l->image;
    l->job->set[0].list.count = IMAGES;
    l->job->set[0].unreadable = l->unreadable;
    l->job->model[0].item[0] = l->item;
}

static void origins_with_one_class_are_not_in_the_headline(void **state)
{
    lab l;
    const char *origin[4];
    eval_summary s;
    (void)state;
    make_lab(&l);
    const eval_set *set = &l.job->set[0];
    assert_true(eval_has_headline(set));
    assert_int_equal(eval_origins(origin, 4, set), 2);
    assert_true(eval_selected(set, 0, EVAL_HEADLINE) && eval_selected(set, 2, EVAL_HEADLINE));
    assert_false(eval_selected(set, 3, EVAL_HEADLINE)); /* y's other class cannot be read */
    assert_true(eval_selected(set, 3, NULL) && eval_selected(set, 3, "y"));
    assert_false(eval_selected(set, 5, NULL));
    assert_int_equal(eval_summary_of(&s, l.job, 0, 0, EVAL_AFTER, EVAL_PSNR, EVAL_HEADLINE), MV_OK);
    assert_int_equal(s.count, 3);
    assert_float_equal(s.mean, 31, 1e-12);
    free(l.job);
}

static void separated_classes_have_map_1_and_one_mistake_is_seen(void **state)
{
    lab l;
    ranked map;
    (void)state;
    make_lab(&l);
    assert_int_equal(eval_map_of(&map, l.job, 0, 0, EVAL_AFTER, NULL), MV_OK);
    assert_int_equal(map.count, 5);
    assert_float_equal(map.classification, 1, 1e-12);
    assert_float_equal(map.retrieval, 1, 1e-12);
    assert_float_equal(map.accuracy, 1, 1e-12);
    assert_int_equal(map.confusion[0][0], 2);
    assert_int_equal(map.confusion[1][1], 3);

    l.item[4].score[EVAL_AFTER][0] = 5; /* taken for class 0, above both of that class */
    assert_int_equal(eval_map_of(&map, l.job, 0, 0, EVAL_AFTER, NULL), MV_OK);
    /* class 0: a wrong one, then both at once: 2/3. class 1: two at once, then the third behind
     * both others: (1 + 1 + 3/5) / 3 */
    assert_float_equal(map.classification, (2.0 / 3 + (2 + 3.0 / 5) / 3) / 2, 1e-12);
    assert_float_equal(map.accuracy, 0.8, 1e-12);
    assert_int_equal(map.confusion[1][0], 1);
    assert_float_equal(map.retrieval, 1, 1e-12); /* embeddings are as before */
    free(l.job);
}

static void one_class_has_no_map(void **state)
{
    lab l;
    ranked map;
    (void)state;
    make_lab(&l);
    assert_int_equal(eval_map_of(&map, l.job, 0, 0, EVAL_AFTER, "y"), MV_OK);
    assert_int_equal(map.count, 0);
    free(l.job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_summary_has_mean_deviation_and_fifth_percentile),
        cmocka_unit_test(what_is_infinite_is_left_out_and_nothing_gives_nothing),
        cmocka_unit_test(origins_with_one_class_are_not_in_the_headline),
        cmocka_unit_test(separated_classes_have_map_1_and_one_mistake_is_seen),
        cmocka_unit_test(one_class_has_no_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
