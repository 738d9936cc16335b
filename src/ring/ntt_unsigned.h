/* SPDX-License-Identifier: Apache-2.0
 *
 * ntt_unsigned.h: lazy values of the transform where residues are unsigned words: [0,4q) in the
 * forward transform, [0,2q) in the inverse, as in ntt_portable.c. The includer has chosen a
 * lanes*.h.
 */

/* [0,4q) -> [0,2q) */
static inline words shrink(words a, lanes l)
{
    return reduce_once(a, l.two_q);
}

/* the same, where ntt_layers.h says that a has just come out of a butterfly */
static inline words shrink_again(words a, lanes l)
{
    return shrink(a, l);
}

/* a - b from [0,2q) to (0,4q) */
static inline words difference(words a, words b, lanes l)
{
    return minus(plus(a, l.two_q), b);
}

/* To memory as [0,q): what came out of a butterfly, [0,4q); a product, [0,2q). */
static inline void store_value(uint64_t *p, words a, lanes l)
{
    store(p, reduce_once(reduce_once(a, l.two_q), l.q));
}

static inline void store_product(uint64_t *p, words a, lanes l)
{
    store(p, reduce_once(a, l.q));
}
