/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_bench.c: the table of bench/bench.c.
 */
#include "bench.h"
#include "commands.h"
#include "ui.h"

static const cli_option options[] = {
    {"filter", 0, "S", "only cases whose name and size contain S"},
    {NULL, 0, NULL, NULL},
};

static int run(const cli_args *args)
{
    mv_error err = {0};
    const mv_status st = bench_run(cli_value(args, "filter"), cli_flag(args, "json"), &err);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

const cli_command cmd_bench = {
    .name = "bench",
    .summary = "measure this machine: one table of times, bytes and memory",
    .options = options,
    .run = run,
    .examples = "  medveil bench\n  medveil bench --filter pack --json\n",
};
