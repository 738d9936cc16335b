/* SPDX-License-Identifier: Apache-2.0
 *
 * train_head_images.h: the images that a head is trained on and checked with, as the maps it reads.
 *
 * Several changed versions of each training image are kept at a time, encoded by the model on all
 * processors; from time to time others take their place, so that the store stays small and the head
 * still sees VERSIONS of each. All depends on the seed alone.
 */
#ifndef MV_CLI_TRAIN_HEAD_IMAGES_H
#define MV_CLI_TRAIN_HEAD_IMAGES_H

#include "base/rng.h"
#include "codec/head.h"
#include "labelled.h"

enum { HEAD_SETS_MAX = 8 };

/* Images of one split, all sets one after another. */
typedef struct head_split {
    labelled set[HEAD_SETS_MAX];
    size_t count;
    uint8_t *pixel;  /* count x 224 x 224: what a head is shown, stretched to 0..255 */
    uint32_t *label; /* count: class of the head */
} head_split;

typedef struct head_images {
    const mv_model *model;
    size_t one; /* numbers of one image's maps */
    size_t set_count;
    uint32_t class_set[MV_HEAD_CLASSES_MAX], first_class[HEAD_SETS_MAX];
    head_split train, check; /* check.count: 0 without folders val */
    size_t versions, rounds; /* kept at a time; how often they are made */
    uint64_t seed, round;
    unsigned threads;
    size_t unreadable; /* images that were named and left out */
    size_t left_out;   /* of other origins than those to train on */
    uint16_t *map;     /* train.count x versions x one; 65535 is 1 */
    float *check_map;  /* check.count x one */
} head_images;

/* head_images_add: FOLDER/train and, where it is there, FOLDER/val; writes the classes to info.
 * origins: "a,b-*", or NULL for all; of FOLDER/train alone. errors: those of labelled_list,
 * MV_E_RANGE (one class), MV_E_NOT_FOUND (a class without an image of these origins), MV_E_LIMIT */
MV_MUST_CHECK mv_status head_images_add(head_images *h, mv_head_info *info, const char *folder,
                                        const char *origins, mv_error *err);

/* head_images_read: all pixels, room for the maps, and the maps to check with. model, seed and
 * threads are set. Images that cannot be read are named, counted and left out.
 * errors: MV_E_NOT_FOUND (none is left), MV_E_MEMORY, MV_E_INTERRUPTED */
MV_MUST_CHECK mv_status head_images_read(head_images *h, uint32_t maps, mv_error *err);

/* The two callbacks of mv_head_data; user: a head_images. */
MV_MUST_CHECK mv_status head_images_renew(void *user);
void head_images_fetch(void *user, float *maps, size_t i, mv_rand *rand);

void head_images_clear(head_images *h);

#endif
