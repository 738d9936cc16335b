/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_pack.c: any bytes to the readers of features. The first byte chooses where the
 * second object of an addition begins; the rest is the object.
 */
#include "medveil/feature.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mv_he_key *key_of(const mv_he_set *set)
{
    static mv_he_key *key[16]; /* kept for the whole run */
    static const uint8_t collection_key[MV_COLLECTION_KEY_LEN] = {1};
    for (size_t i = 0; i < 16 && mv_he_set_at(i) != NULL; i++) {
        if (mv_he_set_at(i) == set) {
            if (key[i] == NULL && mv_he_key_new(&key[i], set, collection_key) != MV_OK) {
                abort();
            }
            return key[i];
        }
    }
    abort();
}

static void try_decrypt(const mv_he_set *set, const mv_pack_shape *shape, const uint8_t *object,
                        size_t len)
{
    uint32_t *feature = calloc(shape->count, sizeof *feature);
    if (feature != NULL) {
        if (mv_features_decrypt(feature, shape->count, key_of(set), object, len) != MV_OK) {
            abort(); /* what inspect accepts can be decrypted */
        }
        free(feature);
    }
}

static void try_add(const mv_he_set *set, const mv_pack_shape *shape, const uint8_t *a,
                    size_t a_len, const uint8_t *b, size_t b_len)
{
    const size_t cap = mv_pack_sum_size(set, shape);
    const mv_he_set *got_set = NULL;
    mv_pack_shape got_shape;
    uint32_t summed = 0;
    size_t written = 0;
    uint8_t *out = malloc(cap);
    if (out != NULL && mv_pack_add(out, cap, &written, a, a_len, b, b_len) == MV_OK &&
        mv_pack_inspect(&got_set, &got_shape, &summed, out, written) != MV_OK) {
        abort(); /* what add makes is valid */
    }
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const mv_he_set *set = NULL;
    mv_pack_shape shape;
    uint32_t summed = 0;
    if (size < 1) {
        return 0;
    }
    const uint8_t *object = data + 1;
    const size_t len = size - 1, cut = len * data[0] / 256;
    uint32_t none[1];
    mv_features_info info;
    if (mv_features_inspect(&info, object, len) == MV_OK &&
        mv_he_set_scheme(info.set) != MV_HE_PACK) {
        try_decrypt(info.set, &info.shape, object, len);
        return 0;
    }
    if (mv_pack_inspect(&set, &shape, &summed, object, len) == MV_OK) {
        try_decrypt(set, &shape, object, len);
        try_add(set, &shape, object, len, object, len);
    } else if (mv_pack_decrypt(none, 1, key_of(mv_he_set_at(0)), object, len) == MV_OK) {
        abort();
    }
    if (mv_pack_inspect(&set, &shape, &summed, object, cut) == MV_OK) {
        try_add(set, &shape, object, cut, object + cut, len - cut);
    }
    return 0;
}
