/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_models.c: reading models, and answering with one.
 */
#include "relay_models.h"

#include "base/file.h"
#include "medveil/analysis.h"
#include "wire/hex.h"

#include <dirent.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { MODELS_MAX = 64, FILE_MAX = 1 << 20, NAME_MAX_LEN = 64 };

struct relay_model {
    uint8_t hash[32];
    char name[NAME_MAX_LEN + 1];
    mv_linear_model linear;
};

struct relay_models {
    relay_model model[MODELS_MAX];
    size_t count;
};

static bool is_model(const char *name)
{
    const size_t len = strlen(name);
    return len > 4 && len - 4 <= NAME_MAX_LEN && strcmp(name + len - 4, ".mvc") == 0;
}

static mv_status load_one(relay_model *out, const char *folder, const char *name, mv_error *err)
{
    mv_status st = MV_OK;
    char path[2048];
    mv_buffer bytes = mv_buffer_make(FILE_MAX);
    const int len = snprintf(path, sizeof path, "%s/%s", folder, name);
    MV_REQUIRE(len > 0 && len < (int)sizeof path, err, MV_E_LIMIT, "%s: a name is too long",
               folder);
    MV_TRY(mv_file_read(&bytes, path, err));
    st = mv_linear_read(&out->linear, bytes.bytes, bytes.len);
    MV_REQUIRE(st == MV_OK, err, st, "%s is not a whole classifier", path);
    (void)crypto_generichash(out->hash, sizeof out->hash, bytes.bytes, bytes.len, NULL, 0);
    (void)snprintf(out->name, sizeof out->name, "%.*s", (int)strlen(name) - 4, name);
done:
    mv_buffer_clear(&bytes);
    return st;
}

static mv_status load_folder(relay_models *m, const char *folder, mv_error *err)
{
    mv_status st = MV_OK;
    DIR *dir = opendir(folder);
    MV_REQUIRE(dir != NULL, err, MV_E_NOT_FOUND, "cannot read the folder of models %s", folder);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (is_model(e->d_name)) {
            MV_REQUIRE(m->count < MODELS_MAX, err, MV_E_LIMIT, "%s holds more than %d models",
                       folder, MODELS_MAX);
            MV_TRY(load_one(&m->model[m->count], folder, e->d_name, err));
            m->count++;
        }
    }
done:
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return st;
}

mv_status relay_models_load(relay_models **out, const char *folder, mv_error *err)
{
    mv_status st = MV_OK;
    relay_models *m = calloc(1, sizeof *m);
    *out = NULL;
    MV_REQUIRE(m != NULL, err, MV_E_MEMORY, "out of memory");
    if (folder[0] != '\0') {
        MV_TRY(load_folder(m, folder, err));
    }
    *out = m;
    m = NULL;
done:
    free(m);
    return st;
}

void relay_models_free(relay_models **models)
{
    free(*models);
    *models = NULL;
}

const relay_model *relay_models_find(const relay_models *models, const uint8_t hash[32])
{
    for (size_t i = 0; i < models->count; i++) {
        if (memcmp(models->model[i].hash, hash, 32) == 0) {
            return &models->model[i];
        }
    }
    return NULL;
}

bool relay_model_is_private(const relay_model *model)
{
    return model->linear.kind == MV_CLASSIFY_PRIVATE_MODEL;
}

mv_status relay_models_list(mv_buffer *out, const relay_models *models)
{
    mv_status st = MV_OK;
    char hash[65], head[65], *text = NULL;
    json_t *root = json_object(), *list = json_array();
    MV_ENSURE(root != NULL && list != NULL, MV_E_MEMORY);
    for (size_t i = 0; i < models->count; i++) {
        const relay_model *m = &models->model[i];
        mv_hex_write(hash, m->hash, 32);
        mv_hex_write(head, m->linear.head_hash, 32);
        MV_ENSURE(json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b}", "model", hash,
                                                        "name", m->name, "head", head, "private",
                                                        relay_model_is_private(m))) == 0,
                  MV_E_MEMORY);
    }
    MV_ENSURE(json_object_set(root, "models", list) == 0, MV_E_MEMORY);
    text = json_dumps(root, JSON_COMPACT);
    MV_ENSURE(text != NULL, MV_E_MEMORY);
    MV_TRY(mv_buffer_append(out, (const uint8_t *)text, strlen(text)));
done:
    free(text);
    json_decref(list);
    json_decref(root);
    return st;
}

mv_status relay_model_answer(mv_buffer *out, const relay_model *model, const mv_buffer *mask,
                             const uint8_t *query, size_t len)
{
    mv_status st = MV_OK;
    const mv_linear_model *m = &model->linear;
    const mv_classify_sizes size = mv_classify_message_sizes(m->kind);
    mv_classifier *classifier = NULL;
    MV_ENSURE(len == size.query, MV_E_FORMAT);
    MV_TRY(mv_classifier_new(&classifier, m->kind, m->head_hash, m->weight[0], m->bias,
                             m->labels.classes));
    if (relay_model_is_private(model)) {
        MV_TRY(mv_classifier_take_key(classifier, mask->bytes, mask->len));
    }
    MV_TRY(mv_buffer_append_zeros(out, size.reply + MV_LINEAR_LABELS_LEN));
    MV_TRY(mv_classifier_run(classifier, out->bytes, size.reply, query, len));
    MV_TRY(mv_linear_labels_write(out->bytes + size.reply, &m->labels, out->bytes, size.reply));
done:
    mv_classifier_free(&classifier);
    return st;
}
