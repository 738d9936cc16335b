/* SPDX-License-Identifier: Apache-2.0
 *
 * gallery_client.c: galleries of encrypted embeddings at a relay.
 */
#include "client_internal.h"
#include "wire/hex.h"

#include <jansson.h>
#include <string.h>

#define REPLY_MAX ((size_t)1 << 30)

/* How each is asked, and what its success is. */
static const struct {
    mv_route_kind route;
    const char *method;
    int want;
} ways[] = {
    [MV_GALLERY_ASK_KEYS] = {MV_ROUTE_GALLERY_KEYS, "PUT", 201},
    [MV_GALLERY_ASK_MASK] = {MV_ROUTE_GALLERY_MASK, "PUT", 201},
    [MV_GALLERY_ASK_ADD] = {MV_ROUTE_GALLERY_ROW, "PUT", 201},
    [MV_GALLERY_ASK_GROUP] = {MV_ROUTE_GALLERY_GROUPS, "POST", 201},
    [MV_GALLERY_ASK_REMOVE] = {MV_ROUTE_GALLERY_ROW, "DELETE", 204},
    [MV_GALLERY_ASK_RECORDS] = {MV_ROUTE_GALLERY_RECORDS, "GET", 200},
    [MV_GALLERY_ASK_SEARCH] = {MV_ROUTE_GALLERY_SEARCH, "POST", 200},
    [MV_GALLERY_ASK_PART] = {MV_ROUTE_GALLERY_PART, "GET", 200},
    [MV_GALLERY_ASK_REPACK] = {MV_ROUTE_GALLERY_REPACK, "POST", 204},
    [MV_GALLERY_ASK_CLASSIFY] = {MV_ROUTE_GALLERY_CLASSIFY, "POST", 200},
};

static mv_status no_keys(mv_error *err)
{
    const mv_status st =
        mv_fail(err, MV_E_NOT_FOUND, "the relay has no gallery of this collection and head");
    mv_hint(err, "its holder uploads the keys once with: medveil gallery new --relay URL");
    return st;
}

static mv_status no_mask(mv_error *err)
{
    const mv_status st =
        mv_fail(err, MV_E_POLICY, "the model is private and the relay lacks the key it needs");
    mv_hint(err, "upload it once with: medveil classify key --relay URL");
    return st;
}

/* What a refusal means here. */
static mv_status gallery_refused(const mv_client *c, const mv_http_call *call, mv_gallery_ask ask,
                                 mv_error *err)
{
    mv_problem problem = {0};
    const bool said = mv_problem_read(&problem, call->reply.bytes, call->reply.len) == MV_OK;
    const char *title = said ? problem.title : "it does not say why";
    switch (call->status) {
    case 401:
        return ask == MV_GALLERY_ASK_ADD
                   ? no_keys(err)
                   : mv_fail(err, MV_E_POLICY, "the relay does not accept the proof of this key");
    case 403:
        return mv_fail(err, MV_E_POLICY, "the relay refuses: %s", title);
    case 404:
        return ask == MV_GALLERY_ASK_REMOVE
                   ? mv_fail(err, MV_E_NOT_FOUND, "this row is not in the gallery")
               : ask == MV_GALLERY_ASK_CLASSIFY
                   ? mv_fail(err, MV_E_NOT_FOUND, "the relay has no such model")
                   : no_keys(err);
    case 409:
        return mv_fail(err, MV_E_MISMATCH, "the relay refuses: %s", title);
    case 424:
        return no_mask(err);
    default:
        return mv_client_refused(c, call, err);
    }
}

static mv_status once(mv_client *c, mv_http_call *call, mv_gallery_ask ask, mv_error *err)
{
    const mv_status st = mv_client_signed(c, call, 0, err);
    if (st != MV_OK || call->status == ways[ask].want || call->status == 200) {
        return st;
    }
    return gallery_refused(c, call, ask, err);
}

/* The bytes of a reply, handed over. */
static mv_status take_reply(uint8_t **reply, size_t *len, const mv_http_call *call)
{
    *reply = malloc(call->reply.len + 8); /* readers of blocks look a little further */
    if (*reply == NULL) {
        return MV_E_MEMORY;
    }
    if (call->reply.len != 0) {
        memcpy(*reply, call->reply.bytes, call->reply.len);
    }
    memset(*reply + call->reply.len, 0, 8);
    *len = call->reply.len;
    return MV_OK;
}

mv_status mv_client_gallery(mv_client *client, const mv_gallery_request *request, uint8_t **reply,
                            size_t *len, mv_error *err)
{
    mv_status st = MV_OK;
    mv_route route = {.kind = ways[request->ask].route, .number = request->number};
    char target[MV_TARGET_MAX];
    mv_http_call call = {.method = ways[request->ask].method,
                         .target = target,
                         .has_body = request->body != NULL,
                         .body = request->body,
                         .body_len = request->len,
                         .body_fd = -1,
                         .reply_max = REPLY_MAX};
    mv_retry r = mv_retry_start(client);

    if (reply != NULL) {
        *reply = NULL;
    }
    MV_REQUIRE(client->opts.gallery != NULL, err, MV_E_ARGUMENT, "this client is of no gallery");
    memcpy(route.gallery, client->opts.gallery->gallery, sizeof route.gallery);
    if (strstr(mv_route_template(route.kind), "{row}") != NULL ||
        route.kind == MV_ROUTE_GALLERY_CLASSIFY) {
        memcpy(route.row, request->id, sizeof route.row);
    }
    mv_route_write(target, &route);
    do {
        st = once(client, &call, request->ask, err);
    } while (mv_retry_again(client, &r, &st, err));
    MV_TRY(st);
    if (reply != NULL) {
        MV_TRY(take_reply(reply, len, &call));
    }
done:
    mv_http_call_clear(&call);
    return st;
}

/* ---- models ---- */

static bool read_model(mv_client_model *out, json_t *entry)
{
    const char *hash = json_string_value(json_object_get(entry, "model"));
    const char *head = json_string_value(json_object_get(entry, "head"));
    const char *name = json_string_value(json_object_get(entry, "name"));
    const json_t *hidden = json_object_get(entry, "private");
    if (hash == NULL || head == NULL || name == NULL || !json_is_boolean(hidden) ||
        strlen(hash) != 64 || strlen(head) != 64 || strlen(name) >= sizeof out->name ||
        !mv_hex_read(out->hash, 32, hash) || !mv_hex_read(out->head_hash, 32, head)) {
        return false;
    }
    for (const char *p = name; *p != '\0'; p++) {
        if (*p < ' ' || *p > '~') {
            return false;
        }
    }
    (void)snprintf(out->name, sizeof out->name, "%s", name);
    out->is_private = json_is_true(hidden);
    return true;
}

static bool read_models(mv_client_model *model, size_t *count, const mv_buffer *bytes)
{
    json_t *root = json_loadb((const char *)bytes->bytes, bytes->len, JSON_REJECT_DUPLICATES, NULL);
    json_t *list = json_object_get(root, "models");
    bool good = json_is_array(list) && json_array_size(list) <= MV_CLIENT_MODELS_MAX;
    *count = good ? json_array_size(list) : 0;
    for (size_t i = 0; good && i < *count; i++) {
        good = read_model(&model[i], json_array_get(list, i));
    }
    json_decref(root);
    return good;
}

mv_status mv_client_models(mv_client *client, mv_client_model model[MV_CLIENT_MODELS_MAX],
                           size_t *count, mv_error *err)
{
    mv_status st = MV_OK;
    mv_http_call call = {.method = "GET", .target = mv_route_template(MV_ROUTE_MODELS)};
    *count = 0;
    MV_TRY(mv_client_call(client, &call, err));
    if (call.status != 200) {
        st = call.status == 404 ? mv_fail(err, MV_E_NOT_FOUND, "the relay classifies nothing")
                                : mv_client_refused(client, &call, err);
        goto done;
    }
    MV_REQUIRE(read_models(model, count, &call.reply), err, MV_E_NETWORK,
               "the relay's answer is not in the expected format");
done:
    mv_http_call_clear(&call);
    return st;
}
