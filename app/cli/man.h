/* SPDX-License-Identifier: Apache-2.0
 *
 * man.h: other forms of the command table: the manual page medveil(1) and bash completion.
 */
#ifndef MV_CLI_MAN_H
#define MV_CLI_MAN_H

#include "cli.h"

#include <stdio.h>

void cli_print_man(FILE *to);        /* roff, man macros */
void cli_print_completion(FILE *to); /* a bash script to be sourced */

#endif
