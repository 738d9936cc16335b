/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_encrypted.h: medveil eval --encrypted: does ranking on ciphertexts lose anything?
 */
#ifndef MV_CLI_EVAL_ENCRYPTED_H
#define MV_CLI_EVAL_ENCRYPTED_H

#include "cli.h"

/* eval_encrypted: the whole command; the exit code. */
int eval_encrypted(const cli_args *args);

#endif
