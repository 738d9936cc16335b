/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_version.c: what this program is and which kernels it picked on this machine.
 */
#include "base/cpu.h"
#include "commands.h"
#include "ui.h"

#include <stdio.h>

static int run(const cli_args *args)
{
    const char *kernels = mv_cpu_name(mv_cpu_features());
    if (cli_flag(args, "json")) {
        ui_json(json_pack("{s:s, s:s, s:i}", "version", MV_VERSION, "kernels", kernels,
                          "processors", (int)mv_cpu_count()));
    } else {
        printf("medveil %s\nkernels %s\nprocessors %u\n", MV_VERSION, kernels, mv_cpu_count());
    }
    return CLI_OK;
}

const cli_command cmd_version = {
    .name = "version",
    .summary = "show the version and the processor features in use",
    .run = run,
};
