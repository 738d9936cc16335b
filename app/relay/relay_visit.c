/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_visit.c: replies and refusals.
 */
#include "relay_visit.h"

#include "wire/hex.h"

#include <stdio.h>
#include <string.h>

void relay_add_nonce(mv_http_exchange *x)
{
    uint8_t nonce[MV_NONCE_LEN];
    char text[2 * MV_NONCE_LEN + 1];
    const relay_visit *v = x->state;
    if (v != NULL && v->gets_nonce && relay_nonce_make(nonce, v->service->policy) == MV_OK) {
        mv_hex_write(text, nonce, MV_NONCE_LEN);
        mv_http_reply_header(x, "Medveil-Nonce", text);
    }
}

void relay_reply(mv_http_exchange *x, int status, const char *type, const mv_buffer *body)
{
    static const uint8_t nothing[1] = {0};
    mv_http_reply(x, status, type, body == NULL ? nothing : body->bytes,
                  body == NULL ? 0 : body->len);
    relay_add_nonce(x);
}

void relay_refuse(mv_http_exchange *x, int status, const char *title, uint64_t limit_bytes)
{
    mv_problem problem = {.status = status, .limit_bytes = limit_bytes};
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);
    (void)snprintf(problem.title, sizeof problem.title, "%s", title);
    const mv_status st = mv_problem_write(&body, &problem);
    relay_reply(x, status, "application/problem+json", st == MV_OK ? &body : NULL);
    if (status == 401) {
        mv_http_reply_header(x, "WWW-Authenticate", "Medveil");
    } else if (status == 503) {
        mv_http_reply_header(x, "Retry-After", "1");
    }
    mv_buffer_clear(&body);
}

void relay_refuse_status(mv_http_exchange *x, mv_status st)
{
    const relay_visit *v = x->state;
    const int status = relay_status_of(st);
    static const struct {
        int status;
        const char *title;
    } title[] = {
        {400, "the body is not what was announced"},
        {404, "there is no such file or upload"},
        {409, "that does not fit what is there"},
        {413, "the file is too large"},
        {422, "the body does not have the hash in its name"},
        {503, "the relay is overloaded"},
        {507, "the mailbox or the relay is full"},
    };
    for (size_t i = 0; i < sizeof title / sizeof title[0]; i++) {
        if (title[i].status == status) {
            relay_refuse(x, status, title[i].title,
                         status == 413 ? v->service->config->max_file_bytes : 0);
            return;
        }
    }
    relay_refuse(x, 500, "the relay cannot do this now", 0);
}

void relay_reply_json(mv_http_exchange *x, int status, mv_status st, mv_buffer *body)
{
    if (st == MV_OK) {
        relay_reply(x, status, "application/json", body);
    } else {
        relay_refuse_status(x, st);
    }
    mv_buffer_clear(body);
}
