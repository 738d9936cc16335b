/* SPDX-License-Identifier: Apache-2.0
 *
 * http_server.c: libmicrohttpd with GnuTLS. A pool of threads waits in epoll; a body is handed on
 * in the pieces in which it arrives and never kept.
 */
#include "net/http_server.h"

#include "base/clock.h"
#include "net/revoked.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
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

/* One connection, in a list so that those which never ask anything can be ended. */
typedef struct open_line {
    int fd;
    double quiet_since_ms; /* connected, or the last exchange ended; 0: one is on its way */
    struct open_line *next, **link;
} open_line;

struct mv_http_server {
    struct MHD_Daemon *daemon;
    mv_http_app app;
    uint16_t port;
    bool asks_certificates;
    char *client_ca;     /* a copy */
    mv_revoked *revoked; /* NULL: no lists */
    unsigned idle_timeout_s;
    atomic_uint running;   /* exchanges between request line and done */
    atomic_uint asleep;    /* of those, how many wait for mv_http_resume */
    atomic_uint connected; /* connections */
    pthread_mutex_t mutex; /* guards open and quiet_since_ms */
    open_line *open;
    bool guarded; /* guard runs */
    atomic_bool stop;
    pthread_t guard;
};

/* What the application need not know of an exchange. */
typedef struct server_state {
    mv_http_server *server;
    struct MHD_Response *response;
    struct MHD_Connection *connection;
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

void mv_http_resume(mv_http_exchange *x)
{
    server_state *s = x->server_state;
    (void)atomic_fetch_sub(&s->server->asleep, 1);
    MHD_resume_connection(s->connection); /* x may be gone now */
}

/* Marks the connection as asking (0) or quiet since now. */
static void set_quiet(mv_http_server *server, struct MHD_Connection *c, double since_ms)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    open_line *mine = info == NULL ? NULL : info->socket_context;
    if (mine != NULL) {
        (void)pthread_mutex_lock(&server->mutex);
        mine->quiet_since_ms = since_ms;
        (void)pthread_mutex_unlock(&server->mutex);
    }
}

/* Else each flight of the handshake would wait until the one before it is acknowledged. */
static void send_at_once(int fd)
{
    const int yes = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

static void on_connection(void *user, struct MHD_Connection *c, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    mv_http_server *server = user;
    open_line *mine = *context;
    (void)pthread_mutex_lock(&server->mutex);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
        mine = info == NULL ? NULL : calloc(1, sizeof *mine);
        if (mine != NULL) {
            send_at_once(info->connect_fd);
            *mine = (open_line){info->connect_fd, mv_clock_ms(), server->open, &server->open};
            if (server->open != NULL) {
                server->open->link = &mine->next;
            }
            server->open = mine;
            (void)atomic_fetch_add(&server->connected, 1);
        }
        *context = mine;
    } else if (mine != NULL) {
        *mine->link = mine->next;
        if (mine->next != NULL) {
            mine->next->link = mine->link;
        }
        free(mine);
        *context = NULL;
        (void)atomic_fetch_sub(&server->connected, 1);
    }
    (void)pthread_mutex_unlock(&server->mutex);
}

/* Ends connections that trickle bytes without ever finishing the head of a request; the library
 * itself ends those that send nothing. */
static void *guard(void *user)
{
    mv_http_server *server = user;
    while (!atomic_load(&server->stop)) {
        (void)poll(NULL, 0, 200);
        const double latest_ms = mv_clock_ms() - 1000.0 * server->idle_timeout_s;
        (void)pthread_mutex_lock(&server->mutex);
        for (const open_line *c = server->open; c != NULL; c = c->next) {
            if (c->quiet_since_ms != 0 && c->quiet_since_ms < latest_ms) {
                (void)shutdown(c->fd, SHUT_RDWR); /* the library closes it */
            }
        }
        (void)pthread_mutex_unlock(&server->mutex);
    }
    return NULL;
}

/* Called with the raw request line's target; makes the exchange. */
static void *on_target(void *user, const char *target, struct MHD_Connection *connection)
{
    mv_http_server *server = user;
    mv_http_exchange *x = calloc(1, sizeof *x);
    server_state *s = calloc(1, sizeof *s);
    if (x == NULL || s == NULL) {
        free(x);
        free(s);
        return NULL;
    }
    s->server = server;
    s->connection = connection;
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

/* Whether the client showed a certificate that client_ca signed and that is in force and not taken
 * back. */
static bool has_good_certificate(struct MHD_Connection *connection, const mv_revoked *revoked)
{
    unsigned problems = 0;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info != NULL &&
           gnutls_certificate_verify_peers2((gnutls_session_t)info->tls_session, &problems) == 0 &&
           problems == 0 && !mv_revoked_holds(revoked, (gnutls_session_t)info->tls_session);
}

static const struct sockaddr *peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info == NULL ? NULL : info->client_addr;
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
    set_quiet(s->server, connection, 0);
    x->trusted =
        s->server->asks_certificates && has_good_certificate(connection, s->server->revoked);
    x->peer = peer_of(connection);
    x->forwarded_for = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Forwarded-For");
    (void)snprintf(x->method, sizeof x->method, "%s", method);
    x->body_len = announced_len(connection);
    x->authorization = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    x->range = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Range");
    x->if_none_match = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match");
    app->begin(app->user, x);
    x->authorization = x->range = x->if_none_match = x->forwarded_for = NULL;
    x->peer = NULL;
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

/* The connection sleeps before anybody is told of it, so that it cannot be woken too early. */
static enum MHD_Result sleep_until_resumed(mv_http_exchange *x, struct MHD_Connection *connection)
{
    server_state *s = x->server_state;
    void (*const later)(void *user, mv_http_exchange *x) = x->later;
    x->later = NULL;
    (void)atomic_fetch_add(&s->server->asleep, 1);
    MHD_suspend_connection(connection);
    later(s->server->app.user, x);
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
    return x->later == NULL ? queue(x, connection) : sleep_until_resumed(x, connection);
}

static void on_done(void *user, struct MHD_Connection *connection, void **context,
                    enum MHD_RequestTerminationCode why)
{
    mv_http_server *server = user;
    mv_http_exchange *x = *context;
    if (x == NULL) {
        return;
    }
    set_quiet(server, connection, mv_clock_ms());
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
                           MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME |
                           (where->ai_family == AF_INET6 ? (unsigned)MHD_USE_IPv6 : 0u);
    /* an unset trust option must not be named at all */
    struct MHD_OptionItem trust[] = {{MHD_OPTION_END, 0, NULL}, {MHD_OPTION_END, 0, NULL}};
    if (opts->client_ca != NULL) {
        trust[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, server->client_ca};
    }
    return MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, drop_message, NULL,
        MHD_OPTION_SOCK_ADDR, where->ai_addr, MHD_OPTION_HTTPS_MEM_KEY, opts->pem,
        MHD_OPTION_HTTPS_MEM_CERT, opts->pem, MHD_OPTION_HTTPS_PRIORITIES, tls_priorities,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, server, MHD_OPTION_NOTIFY_COMPLETED, on_done,
        server, MHD_OPTION_CONNECTION_TIMEOUT, opts->idle_timeout_s, MHD_OPTION_CONNECTION_LIMIT,
        opts->connections_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, opts->connections_per_client,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_ARRAY, trust,
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
    server->idle_timeout_s = opts->idle_timeout_s;
    server->asks_certificates = opts->client_ca != NULL;
    (void)pthread_mutex_init(&server->mutex, NULL);
    if (opts->client_ca != NULL) {
        server->client_ca = strdup(opts->client_ca);
        MV_REQUIRE(server->client_ca != NULL, err, MV_E_MEMORY, "out of memory");
    }
    if (opts->client_crl != NULL) {
        MV_TRY(mv_revoked_new(&server->revoked, opts->client_crl, opts->client_ca, err));
    }
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
    server->guarded = pthread_create(&server->guard, NULL, guard, server) == 0;
    MV_REQUIRE(server->guarded, err, MV_E_MEMORY, "cannot start another thread");
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

unsigned mv_http_server_connections(const mv_http_server *server)
{
    return atomic_load(&server->connected);
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
        if (listener != MHD_INVALID_SOCKET) {
            (void)shutdown(listener,
                           SHUT_RDWR); /* who comes now hears at once that nobody is here */
        }
        while (atomic_load(&s->running) != 0 && mv_clock_ms() < until_ms) {
            (void)poll(NULL, 0, 10);
        }
        while (atomic_load(&s->asleep) !=
               0) { /* the library must not be stopped while any sleeps */
            (void)poll(NULL, 0, 10);
        }
        atomic_store(&s->stop, true);
        if (s->guarded) {
            (void)pthread_join(s->guard, NULL);
        }
        MHD_stop_daemon(s->daemon);
        if (listener != MHD_INVALID_SOCKET) {
            (void)close(listener);
        }
    }
    (void)pthread_mutex_destroy(&s->mutex);
    mv_revoked_free(&s->revoked);
    free(s->client_ca);
    free(s);
    *server = NULL;
}
