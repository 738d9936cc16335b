/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_passphrase.c: lock an existing identity, or give it another passphrase.
 */
#include "base/secret.h"
#include "base/status.h"
#include "commands.h"
#include "people.h"
#include "ui.h"

#include <string.h>

static const cli_option options[] = {
    {"identity", 'i', "IDENTITY", "the file that keygen made; it is rewritten"},
    {"new-passphrase-file", 0, "FILE", "read the new passphrase there (default: typed twice)"},
    PEOPLE_PASSPHRASE_OPTION,
    {NULL, 0, NULL, NULL},
};

static mv_status change(const cli_args *args, const char *file, mv_error *err)
{
    mv_status st = MV_OK;
    mv_identity *identity = NULL;
    void *passphrase = NULL;
    size_t len = 0;

    MV_TRY(people_identity(&identity, args, file, err));
    MV_TRY(mv_secret_new(&passphrase, MV_PASSPHRASE_MAX));
    MV_TRY(people_new_passphrase(passphrase, &len, cli_value(args, "new-passphrase-file"), err));
    MV_TRY(mv_identity_lock(identity, passphrase, len, NULL, err));
    MV_TRY(mv_identity_save(identity, file, true, err));
done:
    mv_secret_free(&passphrase);
    mv_identity_free(&identity);
    return st;
}

static int run(const cli_args *args)
{
    mv_error err = {0};
    const char *file = cli_value(args, "identity");

    if (file == NULL || strcmp(file, "-") == 0) {
        ui_say("passphrase needs an identity file: -i IDENTITY");
        return CLI_USAGE;
    }
    const mv_status st = change(args, file, &err);
    if (st != MV_OK) {
        return ui_fail(st, &err);
    }
    ui_say("%s opens with the new passphrase only; copies made earlier open as before", file);
    return CLI_OK;
}

const cli_command cmd_passphrase = {
    .name = "passphrase",
    .summary = "lock an identity with a passphrase, or change it",
    .options = options,
    .run = run,
    .examples = "  medveil passphrase -i me.id\n",
    .description =
        "The identity and its card stay the same: only the file is rewritten. Whoever has an\n"
        "older copy of the file opens it as before.\n",
};
