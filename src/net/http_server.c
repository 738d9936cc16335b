/* SPDX-License-Identifier: Apache-2.0
 *
 * http_server.c: libmicrohttpd with GnuTLS. A pool of threads waits in epoll; a body is handed on
 * in the pieces in which it arrives and never kept.
 */
#include "net/http_server.h"

#include "base/clock.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS           4
#define CONNECTION_MEMORY (64 * 1024) /* headers and the piece of a body that is in hand */
#define DRAIN_MAX         (1u << 20)  /* refused bodies up to this are read and thrown away */

static const char tls_priorities[] =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1";

struct mv_http_server {
    struct MHD_Daemon *daemon;
    mv_http_app app;
    uint16_t port;
    atomic_uint running; /* exchanges between request line and done */
};

/* What the application need not know of an exchange. */
typedef struct server_state {
    mv_http_server *server;
    struct MHD_Response *response;
    bool begun, queued;
} server_state;

static void set_response(mv_http_exchange *x, int status, struct MHD_Response *response,
                         uint64_t len)
{
    server_state *s = x->server_state;
    if (s->response != NULL) {
        MHD_destroy_response(s->response);
    }
    s->response = response; /* NULL on lack of memory: the connection is then closed */
    x->status = status;
    x->sent_len = len;
}

void mv_http_reply(mv_http_exchange *x, int status, const char *type, const uint8_t *bytes,
                   size_t len)
{
    struct MHD_Response *response = NULL;
    void *copy = malloc(len == 0 ? 1 : len);
    if (copy != NULL) {
        memcpy(copy, bytes, len);
        response = MHD_create_response_from_buffer(len, copy, MHD_RESPMEM_MUST_FREE);
        if (response == NULL) {
            free(copy);
        }
    }
    set_response(x, status, response, len);
    if (len != 0) {
        mv_http_reply_header(x, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    }
}

void mv_http_reply_file(mv_http_exchange *x, int status, int fd, uint64_t offset, uint64_t len)
{
    struct MHD_Response *response = MHD_create_response_from_fd_at_offset64(len, fd, offset);
    if (response == NULL) {
        (void)close(fd);
    }
    set_response(x, status, response, len);
    mv_http_reply_header(x, MHD_HTTP_HEADER_CONTENT_TYPE, "application/octet-stream");
}

void mv_http_reply_header(mv_http_exchange *x, const char *name, const char *value)
{
    server_state *s = x->server_state;
    if (s->response != NULL) {
        (void)MHD_add_response_header(s->response, name, value);
    }
}

/* Called with the raw request line's target; makes the exchange. */
static void *on_target(void *user, const char *target, struct MHD_Connection *connection)
{
    mv_http_server *server = user;
    mv_http_exchange *x = calloc(1, sizeof *x);
    server_state *s = calloc(1, sizeof *s);
    (void)connection;
    if (x == NULL || s == NULL) {
        free(x);
        free(s);
        return NULL;
    }
    s->server = server;
    x->server_state = s;
    x->started_ms = mv_clock_ms();
    if (strlen(target) < sizeof x->target) {
        (void)snprintf(x->target, sizeof x->target, "%s", target);
    }
    (void)atomic_fetch_add(&server->running, 1);
    return x;
}

static uint64_t announced_len(struct MHD_Connection *c)
{
    const char *len = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
    if (MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Transfer-Encoding") != NULL) {
        return MV_HTTP_LEN_NONE;
    }
    if (len == NULL) {
        return 0;
    }
    const size_t digits = strspn(len, "0123456789");
    return digits != 0 && digits <= 18 && len[digits] == '\0' ? strtoull(len, NULL, 10)
                                                              : MV_HTTP_LEN_NONE;
}

static enum MHD_Result queue(mv_http_exchange *x, struct MHD_Connection *connection)
{
    server_state *s = x->server_state;
    if (s->response == NULL || s->queued) {
        return MHD_NO; /* no memory for a reply: close */
    }
    s->queued = true;
    return MHD_queue_response(connection, (unsigned)x->status, s->response);
}

/* Headers are there. A refusal of a large body goes out at once and ends the connection; the bytes
 * of a small one are taken first, because a client that sends without waiting would otherwise see a
 * broken connection instead of the reply. */
static enum MHD_Result begin(mv_http_exchange *x, struct MHD_Connection *connection,
                             const char *method)
{
    server_state *s = x->server_state;
    const mv_http_app *app = &s->server->app;

    s->begun = true;
    (void)snprintf(x->method, sizeof x->method, "%s", method);
    x->body_len = announced_len(connection);
    x->authorization = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    x->range = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Range");
    x->if_none_match = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match");
    app->begin(app->user, x);
    x->authorization = x->range = x->if_none_match = NULL;
    if (x->status == 0 || x->body_len == 0) {
        return MHD_YES;
    }
    const bool waits = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Expect") != NULL;
    if (waits || x->body_len > DRAIN_MAX) {
        mv_http_reply_header(x, MHD_HTTP_HEADER_CONNECTION, "close");
        return queue(x, connection);
    }
    return MHD_YES;
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_len, void **context)
{
    mv_http_server *server = user;
    mv_http_exchange *x = *context;
    (void)url;
    (void)version;

    if (x == NULL) {
        return MHD_NO; /* no memory in on_target */
    }
    server_state *s = x->server_state;
    if (!s->begun) {
        return begin(x, connection, method);
    }
    if (*body_len != 0) {
        if (x->status == 0) {
            server->app.body(server->app.user, x, (const uint8_t *)body, *body_len);
        }
        *body_len = 0;
        return MHD_YES;
    }
    if (x->status == 0) {
        server->app.end(server->app.user, x);
    }
    return queue(x, connection);
}

static void on_done(void *user, struct MHD_Connection *connection, void **context,
                    enum MHD_RequestTerminationCode why)
{
    mv_http_server *server = user;
    mv_http_exchange *x = *context;
    (void)connection;
    if (x == NULL) {
        return;
    }
    server_state *s = x->server_state;
    x->broken = why != MHD_REQUEST_TERMINATED_COMPLETED_OK;
    if (s->begun) {
        server->app.done(server->app.user, x);
    }
    if (s->response != NULL) {
        MHD_destroy_response(s->response);
    }
    free(s);
    free(x);
    *context = NULL;
    (void)atomic_fetch_sub(&server->running, 1);
}

/* libmicrohttpd's own messages may quote what clients sent, so they go nowhere. */
static void drop_message(void *user, const char *format, va_list args)
{
    (void)user;
    (void)format;
    (void)args;
}

static mv_status find_host(struct addrinfo **out, const mv_http_server_opts *opts, mv_error *err)
{
    struct addrinfo wanted;
    char host[MV_ADDRESS_HOST_MAX], port[8];
    const size_t bracket = opts->host[0] == '[';

    memset(&wanted, 0, sizeof wanted);
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    (void)snprintf(host, sizeof host, "%s", opts->host + bracket);
    host[strcspn(host, "]")] = '\0';
    (void)snprintf(port, sizeof port, "%u", opts->port);
    const int rc = getaddrinfo(host, port, &wanted, out);
    if (rc != 0) {
        *out = NULL;
        return mv_fail(err, MV_E_NOT_FOUND, "cannot listen on %s: %s", opts->host,
                       gai_strerror(rc));
    }
    return MV_OK;
}

static struct MHD_Daemon *start_daemon(mv_http_server *server, const mv_http_server_opts *opts,
                                       const struct addrinfo *where)
{
    const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TLS | MHD_USE_ITC |
                           MHD_USE_ERROR_LOG |
                           (where->ai_family == AF_INET6 ? (unsigned)MHD_USE_IPv6 : 0u);
    return MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, drop_message, NULL,
        MHD_OPTION_SOCK_ADDR, where->ai_addr, MHD_OPTION_HTTPS_MEM_KEY, opts->pem,
        MHD_OPTION_HTTPS_MEM_CERT, opts->pem, MHD_OPTION_HTTPS_PRIORITIES, tls_priorities,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, server, MHD_OPTION_NOTIFY_COMPLETED, on_done,
        server, MHD_OPTION_CONNECTION_TIMEOUT, opts->idle_timeout_s, MHD_OPTION_CONNECTION_LIMIT,
        opts->connections_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)THREADS, MHD_OPTION_END);
}

mv_status mv_http_server_start(mv_http_server **out, const mv_http_server_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    struct addrinfo *where = NULL;
    mv_http_server *server = calloc(1, sizeof *server);

    *out = NULL;
    MV_REQUIRE(server != NULL, err, MV_E_MEMORY, "out of memory");
    server->app = opts->app;
    MV_TRY(find_host(&where, opts, err));
    errno = 0;
    server->daemon = start_daemon(server, opts, where);
    MV_REQUIRE(server->daemon != NULL, err, errno == EADDRINUSE ? MV_E_BUSY : MV_E_IO,
               "cannot listen on %s:%u: %s", opts->host, opts->port,
               errno != 0 ? strerror(errno) : "the TLS key was not accepted");
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    MV_REQUIRE(info != NULL && info->port != 0, err, MV_E_IO, "the listening port is unknown");
    server->port = info->port;
    *out = server;
    server = NULL;
done:
    if (where != NULL) {
        freeaddrinfo(where);
    }
    mv_http_server_stop(&server, 0);
    return st;
}

uint16_t mv_http_server_port(const mv_http_server *server)
{
    return server->port;
}

void mv_http_server_stop(mv_http_server **server, unsigned grace_ms)
{
    mv_http_server *s = *server;
    if (s == NULL) {
        return;
    }
    if (s->daemon != NULL) {
        const MHD_socket listener = MHD_quiesce_daemon(s->daemon);
        const double until_ms = mv_clock_ms() + grace_ms;
        while (atomic_load(&s->running) != 0 && mv_clock_ms() < until_ms) {
            (void)poll(NULL, 0, 10);
        }
        MHD_stop_daemon(s->daemon);
        if (listener != MHD_INVALID_SOCKET) {
            (void)close(listener);
        }
    }
    free(s);
    *server = NULL;
}
