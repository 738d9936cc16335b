/* SPDX-License-Identifier: Apache-2.0
 *
 * commands.h: one row of the command table per command; each is defined in its cmd_*.c.
 */
#ifndef MV_CLI_COMMANDS_H
#define MV_CLI_COMMANDS_H

#include "cli.h"

extern const cli_command cmd_version;

#endif
