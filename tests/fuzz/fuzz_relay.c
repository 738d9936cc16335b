/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_relay.c: what a stranger can send to a relay beyond the messages of src/wire: the body of a
 * bundle in pieces of any size, against the reader that sees it whole; and who a request says that
 * it comes from. The first byte picks one, the second the size of the pieces.
 */
#include "../support/folder.h"
#include "relay_bundle.h"
#include "relay_client.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 2048

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void expect(bool holds, const char *promise)
{
    if (!holds) {
        fprintf(stderr, "broken promise: %s\n", promise);
        abort();
    }
}

static char store_dir[TEST_FOLDER_MAX];
static mv_archive *store;

static void close_store(void)
{
    mv_archive_free(&store);
    folder_remove(store_dir);
}

/* A store that takes nothing longer than one byte, so that hardly anything reaches the disk. */
static mv_archive *tiny_archive(void)
{
    if (store == NULL) {
        folder_make(store_dir);
        const mv_archive_opts opts = {.dir = store_dir, .limits = {1, 1 << 20, 1 << 20, 0}};
        expect(mv_archive_open(&store, &opts, NULL) == MV_OK && atexit(close_store) == 0,
               "a folder for the store");
    }
    return store;
}

/* How many files the body holds when it is read whole; -1: it is no bundle. */
static int files_in(const uint8_t *bytes, size_t len)
{
    mv_reader in = mv_reader_make(bytes, len);
    mv_bundled one;
    int count = 0;
    while (mv_reader_left(&in) != 0) {
        if (mv_bundle_next(&one, &in) != MV_OK || ++count > MV_BUNDLE_FILES_MAX) {
            return -1;
        }
    }
    return count == 0 ? -1 : count;
}

static void check_bundle(const uint8_t *bytes, size_t len, size_t piece)
{
    static const mv_mailbox mailbox = {2951, {1}};
    static mv_results results;
    relay_bundle *bundle = NULL;
    const int wanted = files_in(bytes, len);
    mv_status st = relay_bundle_new(&bundle, tiny_archive(), &mailbox);
    for (size_t at = 0; st == MV_OK && at < len; at += piece) {
        st = relay_bundle_take(bundle, bytes + at, len - at < piece ? len - at : piece);
    }
    if (st == MV_OK) {
        st = relay_bundle_end(bundle);
    }
    expect((st == MV_OK) == (wanted >= 0), "pieces do not change what is a bundle");
    if (st == MV_OK) {
        relay_bundle_results(&results, bundle);
        expect(results.count == (size_t)wanted, "each file has its result");
    }
    relay_bundle_free(&bundle);
}

static void check_client(const char *text, uint8_t last_of_peer)
{
    static relay_config config;
    uint8_t client[RELAY_CLIENT_LEN], peer_alone[RELAY_CLIENT_LEN];
    struct sockaddr_in peer = {.sin_family = AF_INET};
    relay_nets nets;

    peer.sin_addr.s_addr = htonl(0x7f000000u | last_of_peer);
    memset(&config, 0, sizeof config);
    relay_client_of(peer_alone, &config, (const struct sockaddr *)&peer, text);
    relay_client_of(client, &config, (const struct sockaddr *)&peer, NULL);
    expect(memcmp(client, peer_alone, sizeof client) == 0,
           "without trusted proxies the header changes nothing");
    expect(relay_nets_read(&config.trusted_proxies, "127.0.0.1, 10.0.0.0/8"), "these are networks");
    relay_client_of(client, &config, (const struct sockaddr *)&peer, text);
    if (last_of_peer != 1) {
        expect(memcmp(client, peer_alone, sizeof client) == 0,
               "a stranger's header counts nothing");
    }
    if (!relay_nets_read(&nets, text)) {
        return;
    }
    expect(nets.count <= RELAY_NETS_MAX, "a list has a limit");
    (void)relay_nets_hold(&nets, client);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char text[TEXT_MAX];
    if (len < 2 || len > 65536) {
        return 0;
    }
    if (bytes[0] == 'B') {
        check_bundle(bytes + 2, len - 2, (size_t)bytes[1] + 1);
        return 0;
    }
    const size_t text_len = len - 2 < sizeof text ? len - 2 : sizeof text - 1;
    memcpy(text, bytes + 2, text_len);
    text[text_len] = '\0';
    check_client(text, bytes[1]);
    return 0;
}
