/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_audit.c: checking a relay's audit log.
 */
#include "commands.h"
#include "store/audit.h"
#include "ui.h"
#include "wire/hex.h"

#include <stdio.h>
#include <string.h>

static int verify(const cli_args *args)
{
    mv_error err = {0};
    mv_audit_report report;
    uint8_t wanted[MV_AUDIT_HASH_LEN];
    char head[2 * MV_AUDIT_HASH_LEN + 1];
    const char *hash = cli_value(args, "head");

    if (hash != NULL && (strlen(hash) != 64 || !mv_hex_read(wanted, sizeof wanted, hash))) {
        ui_say("--head takes the 64 hexadecimal digits that an earlier audit verify printed");
        return CLI_USAGE;
    }
    const mv_status st =
        mv_audit_verify(&report, args->operand[0], hash == NULL ? NULL : wanted, &err);
    if (st != MV_OK) {
        return ui_fail(st, &err);
    }
    if (hash != NULL && !report.seen) {
        (void)mv_fail(&err, MV_E_AUTH, "%s does not hold the line with this hash any more",
                      args->operand[0]);
        mv_hint(&err, "lines at its end were cut off, or this is another log");
        return ui_fail(MV_E_AUTH, &err);
    }
    mv_hex_write(head, report.head, sizeof report.head);
    if (cli_flag(args, "json")) {
        ui_json(json_pack("{s:I, s:s}", "lines", (json_int_t)report.lines, "head", head));
    } else {
        printf("%llu lines, none changed; head %s\n", (unsigned long long)report.lines, head);
    }
    return CLI_OK;
}

static const cli_option verify_options[] = {
    {"head", 0, "HASH", "also require the line with this hash, from an earlier check"},
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_audit_verify = {
    .name = "audit verify",
    .operands = "FILE",
    .summary = "check that no line of a relay's audit log was changed",
    .options = verify_options,
    .run = verify,
    .operands_min = 1,
    .operands_max = 1,
    .description =
        "Each line holds the hash of the one before it. The head is the hash of the last line: "
        "keep\n"
        "it elsewhere and give it with --head next time, then lines cut off at the end show too.\n",
    .examples = "  medveil audit verify /var/lib/medveil-relay/audit.log\n",
};
