/* SPDX-License-Identifier: Apache-2.0
 *
 * model.c: loading a model file, and finding one by name or hash on the search path.
 */
#include "base/file.h"
#include "base/home.h"
#include "codec/model_internal.h"
#include "codec/model_registry.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

mv_status mv_model_read(mv_model **out, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    mv_model *model = calloc(1, sizeof *model);

    MV_REQUIRE(model != NULL && (model->integer = calloc(1, sizeof *model->integer)) != NULL, err,
               MV_E_MEMORY, "out of memory for a model");
    (void)pthread_mutex_init(&model->integer->lock, NULL);
    st =
        mv_model_file_read(&model->record, &model->graph, &model->weights, model->hash, bytes, len);
    MV_REQUIRE(st == MV_OK, err, st, "this is not a usable model file: %s", mv_status_sentence(st));
    *out = model;
    model = NULL;
done:
    mv_model_free(&model);
    return st;
}

mv_status mv_model_load(mv_model **out, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer file = mv_buffer_make(MV_MODEL_FILE_MAX);

    MV_TRY(mv_file_read(&file, path, err));
    st = mv_model_read(out, file.bytes, file.len, NULL);
    if (st != MV_OK) {
        (void)mv_fail(err, st, "%s is not a usable model file: %s", path, mv_status_sentence(st));
    }
done:
    mv_buffer_clear(&file);
    return st;
}

void mv_model_free(mv_model **model)
{
    if (model != NULL && *model != NULL) {
        if ((*model)->integer != NULL) {
            mv_integer_free(&(*model)->integer->encoder);
            mv_integer_free(&(*model)->integer->decoder);
            (void)pthread_mutex_destroy(&(*model)->integer->lock);
        }
        free((*model)->integer);
        free((*model)->weights);
        free(*model);
        *model = NULL;
    }
}

void mv_model_describe(mv_model_info *out, const mv_model *model)
{
    memset(out, 0, sizeof *out);
    memcpy(out->name, model->record.name, sizeof out->name);
    memcpy(out->hash, model->hash, sizeof out->hash);
    memcpy(out->licence, model->record.licence, sizeof out->licence);
    memcpy(out->training, model->record.training, sizeof out->training);
    out->feature_bits = model->record.feature_bits;
    out->fields = model->graph.field_count != 0;
    out->parameter_count = mv_nn_graph_weights(&model->graph);
}

mv_status mv_model_integer_half(const mv_integer **out, const mv_model *model, mv_infer_half half,
                                mv_error *err)
{
    mv_status st = MV_OK;
    mv_model_integer *const i = model->integer;
    mv_integer **const net = half == MV_INFER_ENCODER ? &i->encoder : &i->decoder;
    (void)pthread_mutex_lock(&i->lock);
    if (*net == NULL) {
        st = mv_integer_new(net, &model->graph, half == MV_INFER_ENCODER, model->weights, err);
    }
    *out = *net;
    (void)pthread_mutex_unlock(&i->lock);
    return st;
}

const float *mv_model_weights_for(const mv_model *model, const mv_nn_graph *graph)
{
    return mv_nn_graph_same(&model->graph, graph) ? model->weights : NULL;
}

/* The search path. */
enum { FOLDERS = 3, PATH_LEN = 4096 };

/* models/ of the source tree, when the running program lies in a build folder directly below it. */
static void source_folder(char *out)
{
    char program[PATH_LEN];
    const ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    if (len <= 0) {
        return;
    }
    program[len] = '\0';
    for (int up = 0; up < 4; up++) { /* tests lie in build/tests/unit */
        char *slash = strrchr(program, '/');
        if (slash == NULL) {
            return;
        }
        *slash = '\0';
        char probe[PATH_LEN + 32];
        (void)snprintf(probe, sizeof probe, "%s/meson_options.txt", program);
        if (access(probe, R_OK) == 0) {
            (void)snprintf(out, PATH_LEN, "%.4000s/models", program);
            return;
        }
    }
}

static void search_path(char folder[FOLDERS][PATH_LEN])
{
    memset(folder, 0, (size_t)FOLDERS * PATH_LEN);
    if (mv_home_path(folder[0], PATH_LEN, "models", NULL) != MV_OK) {
        folder[0][0] = '\0';
    }
    (void)snprintf(folder[1], PATH_LEN, "%s/models", MV_DATADIR);
    source_folder(folder[2]);
}

static bool ends_with(const char *text, const char *end)
{
    const size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

/* Every file of one folder with this ending, in alphabetical order. */
static mv_status each_in_folder(const char *folder, const char *ending,
                                mv_status (*visit)(void *user, const char *path), void *user)
{
    mv_status st = MV_OK;
    struct dirent **entry = NULL;
    const int count = folder[0] == '\0' ? -1 : scandir(folder, &entry, NULL, alphasort);

    for (int i = 0; i < count; i++) {
        char path[PATH_LEN + 256];
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name);
        if (st == MV_OK && ends_with(path, ending)) {
            st = visit(user, path);
        }
        free(entry[i]);
    }
    free(entry);
    return st;
}

mv_status mv_model_path_each(const char *ending, mv_status (*visit)(void *user, const char *path),
                             void *user)
{
    static const size_t size = sizeof(char[FOLDERS][PATH_LEN]);
    char(*folder)[PATH_LEN] = malloc(size);
    mv_status st = MV_OK;

    if (folder == NULL) {
        return MV_E_MEMORY;
    }
    search_path(folder);
    for (int i = 0; i < FOLDERS && st == MV_OK; i++) {
        st = each_in_folder(folder[i], ending, visit, user);
    }
    free(folder);
    return st;
}

mv_status mv_model_path_none(const char *what, mv_error *err)
{
    char folder[FOLDERS][PATH_LEN];
    search_path(folder);
    return mv_fail(err, MV_E_NOT_FOUND, "no %s in %.150s, %.150s", what, folder[0], folder[1]);
}

typedef mv_status (*visit_model)(void *user, const char *path, mv_model **model);
typedef struct each_model_of {
    visit_model visit;
    void *user;
} each_model_of;

/* Every readable model; visit may take *model. */
static mv_status visit_file(void *user, const char *path)
{
    const each_model_of *each = user;
    mv_model *model = NULL;
    mv_status st = MV_OK;
    if (mv_model_load(&model, path, NULL) == MV_OK) {
        st = each->visit(each->user, path, &model);
    }
    mv_model_free(&model);
    return st;
}

static mv_status each_model(visit_model visit, void *user)
{
    each_model_of each = {visit, user};
    return mv_model_path_each(".mvm", visit_file, &each);
}

typedef struct each_info {
    mv_status (*visit)(void *user, const char *path, const mv_model_info *info);
    void *user;
} each_info;

static mv_status visit_info(void *user, const char *path, mv_model **model)
{
    const each_info *each = user;
    mv_model_info info;
    mv_model_describe(&info, *model);
    return each->visit(each->user, path, &info);
}

mv_status mv_model_each(mv_status (*visit)(void *user, const char *path, const mv_model_info *info),
                        void *user)
{
    each_info each = {visit, user};
    return each_model(visit_info, &each);
}

typedef struct wanted {
    const char *name;    /* or NULL */
    const uint8_t *hash; /* or NULL */
    mv_model *found;
} wanted;

/* Takes the first match and stops the walk with MV_E_EXISTS. */
static mv_status visit_wanted(void *user, const char *path, mv_model **model)
{
    wanted *w = user;
    (void)path;
    if ((w->name != NULL && strcmp((*model)->record.name, w->name) != 0) ||
        (w->hash != NULL && memcmp((*model)->hash, w->hash, MV_MODEL_HASH_LEN) != 0)) {
        return MV_OK;
    }
    w->found = *model;
    *model = NULL;
    return MV_E_EXISTS;
}

static mv_status find(mv_model **out, wanted *w, const char *shown, mv_error *err)
{
    const mv_status st = each_model(visit_wanted, w);
    if (st == MV_E_EXISTS) {
        *out = w->found;
        return MV_OK;
    }
    if (st != MV_OK) {
        return mv_fail(err, st, "cannot search for model %s: %s", shown, mv_status_sentence(st));
    }
    char what[MV_MODEL_HASH_LEN * 2 + 16];
    (void)snprintf(what, sizeof what, "model %.70s", shown);
    (void)mv_model_path_none(what, err);
    mv_hint(err, "install its file with medveil model install FILE");
    return MV_E_NOT_FOUND;
}

mv_status mv_model_find_name(mv_model **out, const char *name, mv_error *err)
{
    wanted w = {name, NULL, NULL};
    return find(out, &w, name, err);
}

mv_status mv_model_find_hash(mv_model **out, const uint8_t hash[MV_MODEL_HASH_LEN], mv_error *err)
{
    wanted w = {NULL, hash, NULL};
    char shown[2 * MV_MODEL_HASH_LEN + 1];
    for (size_t i = 0; i < MV_MODEL_HASH_LEN; i++) {
        (void)snprintf(shown + 2 * i, 3, "%02x", hash[i]);
    }
    return find(out, &w, shown, err);
}
