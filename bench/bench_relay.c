/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_relay.c: a relay for the cases that need one.
 */
#include "bench_relay.h"

#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>

mv_status bench_relay_start(bench_relay *b, mv_error *err)
{
    mv_status st = MV_OK;
    relay_config config = relay_config_defaults();
    const char *base = getenv("TMPDIR"), *postgres = getenv("MEDVEIL_BENCH_POSTGRES");

    (void)snprintf(b->dir, sizeof b->dir, "%.80s/medveil-bench-XXXXXX",
                   base == NULL ? "/tmp" : base);
    if (mkdtemp(b->dir) == NULL) {
        b->dir[0] = '\0';
        return mv_fail(err, MV_E_IO, "cannot make a folder in %s", base == NULL ? "/tmp" : base);
    }
    config.listen_port = 0;
    config.requests_per_minute = 0;
    config.searches_per_key = 0;
    (void)snprintf(config.state, sizeof config.state, "%s/state", b->dir);
    (void)snprintf(config.postgres, sizeof config.postgres, "%s", postgres == NULL ? "" : postgres);
    MV_TRY(relay_start(&b->relay, &config, NULL, err));
    MV_TRY(mv_identity_generate(&b->owner));
    mv_identity_card(&b->card, b->owner);
done:
    return st;
}

void bench_relay_stop(bench_relay *b)
{
    char command[sizeof b->dir + 16];
    relay_stop(&b->relay);
    mv_identity_free(&b->owner);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", b->dir);
    if (b->dir[0] != '\0' && system(command) != 0) {
        (void)fprintf(stderr, "bench: %s is left behind\n", b->dir);
    }
}
