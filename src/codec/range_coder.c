/* SPDX-License-Identifier: Apache-2.0
 *
 * range_coder.c: rANS, and logistic distributions for it.
 */
#include "codec/range_coder.h"

#include <math.h>
#include <sodium.h>
#include <string.h>

#define STATE_MIN 65536U /* the state is in [2^16, 2^32) between symbols */

mv_status mv_rans_writer_init(mv_rans_writer *w, mv_buffer *out)
{
    memset(w, 0, sizeof *w);
    w->out = out;
    w->symbol = malloc(MV_RANS_BLOCK * sizeof *w->symbol);
    return w->symbol == NULL ? MV_E_MEMORY : MV_OK;
}

void mv_rans_writer_clear(mv_rans_writer *w)
{
    if (w->symbol != NULL) {
        sodium_memzero(w->symbol, MV_RANS_BLOCK * sizeof *w->symbol);
    }
    free(w->symbol);
    memset(w, 0, sizeof *w);
}

/* A state below freq * 2^16 stays below 2^32 when the symbol goes in:
 * x' = (x / freq) 2^16 + x mod freq + start < 2^32. One word leaving is always enough, since then
 * x < 2^16 <= freq * 2^16. */
static mv_status write_block(mv_rans_writer *w)
{
    mv_status st = MV_OK;
    uint32_t x = STATE_MIN;
    uint8_t *end, *at;
    MV_TRY(mv_buffer_reserve(w->out, 4 + 2 * w->count));
    end = at = w->out->bytes + w->out->len + 4 + 2 * w->count;
    for (size_t i = w->count; i-- > 0;) {
        const uint32_t start = w->symbol[i] & 0xffff, freq = (w->symbol[i] >> 16) + 1;
        if (x >= (uint64_t)freq << 16) {
            at -= 2;
            mv_store_u16le(at, (uint16_t)x);
            x >>= 16;
        }
        x = ((x / freq) << 16) + x % freq + start;
    }
    at -= 4;
    mv_store_u32le(at, x);
    memmove(w->out->bytes + w->out->len, at, (size_t)(end - at));
    w->out->len += (size_t)(end - at);
    w->count = 0;
done:
    return st;
}

mv_status mv_rans_put(mv_rans_writer *w, uint32_t start, uint32_t freq)
{
    MV_ASSERT(freq >= 1 && start + freq <= 65536);
    w->symbol[w->count++] = start | (freq - 1) << 16;
    return w->count == MV_RANS_BLOCK ? write_block(w) : MV_OK;
}

mv_status mv_rans_put_bits(mv_rans_writer *w, uint32_t value, unsigned n)
{
    return mv_rans_put(w, value << (16 - n), 1U << (16 - n));
}

mv_status mv_rans_finish(mv_rans_writer *w)
{
    return w->count == 0 ? MV_OK : write_block(w);
}

mv_rans_reader mv_rans_reader_make(mv_reader *in)
{
    const mv_rans_reader r = {in, STATE_MIN, 0, MV_OK};
    return r;
}

static void note(mv_rans_reader *r, mv_status st)
{
    if (r->status == MV_OK) {
        r->status = st;
    }
}

uint32_t mv_rans_peek(mv_rans_reader *r)
{
    if (r->left == 0) {
        if (r->state != STATE_MIN) {
            note(r, MV_E_FORMAT);
        }
        r->left = MV_RANS_BLOCK;
        r->state = STATE_MIN;
        note(r, mv_read_u32le(r->in, &r->state));
    }
    return r->state & 0xffff;
}

void mv_rans_take(mv_rans_reader *r, uint32_t start, uint32_t freq)
{
    r->state = freq * (r->state >> 16) + (r->state & 0xffff) - start;
    r->left--;
    if (r->state < STATE_MIN) {
        uint16_t word = 0;
        note(r, mv_read_u16le(r->in, &word));
        r->state = r->state << 16 | word;
    }
}

uint32_t mv_rans_get_bits(mv_rans_reader *r, unsigned n)
{
    const uint32_t value = mv_rans_peek(r) >> (16 - n);
    mv_rans_take(r, value << (16 - n), 1U << (16 - n));
    return value;
}

mv_status mv_rans_close(mv_rans_reader *r)
{
    if (r->state != STATE_MIN) {
        note(r, MV_E_FORMAT);
    }
    return r->status;
}

/* ---- logistic distributions ---- */

const uint16_t mv_logistic_table[385] = {
    32768, 33280, 33792, 34303, 34813, 35323, 35831, 36338, 36843, 37346, 37847, 38345, 38841,
    39334, 39824, 40310, 40793, 41273, 41748, 42220, 42687, 43150, 43608, 44062, 44511, 44954,
    45393, 45826, 46254, 46677, 47094, 47505, 47911, 48310, 48704, 49092, 49474, 49850, 50220,
    50584, 50941, 51293, 51638, 51977, 52310, 52637, 52957, 53272, 53581, 53883, 54179, 54470,
    54754, 55033, 55306, 55572, 55834, 56089, 56339, 56583, 56822, 57055, 57284, 57506, 57724,
    57936, 58144, 58346, 58544, 58737, 58925, 59108, 59287, 59462, 59632, 59797, 59959, 60116,
    60270, 60419, 60565, 60706, 60844, 60979, 61109, 61237, 61360, 61481, 61598, 61712, 61823,
    61931, 62036, 62138, 62238, 62334, 62428, 62519, 62608, 62694, 62778, 62859, 62938, 63015,
    63090, 63162, 63233, 63301, 63368, 63432, 63495, 63556, 63615, 63672, 63728, 63782, 63835,
    63886, 63935, 63983, 64030, 64075, 64119, 64162, 64203, 64244, 64283, 64321, 64357, 64393,
    64427, 64461, 64494, 64525, 64556, 64585, 64614, 64642, 64669, 64696, 64721, 64746, 64770,
    64793, 64816, 64838, 64859, 64880, 64900, 64919, 64938, 64956, 64974, 64991, 65008, 65024,
    65039, 65055, 65069, 65084, 65097, 65111, 65124, 65136, 65149, 65160, 65172, 65183, 65194,
    65204, 65215, 65224, 65234, 65243, 65252, 65261, 65269, 65277, 65285, 65293, 65300, 65308,
    65315, 65321, 65328, 65334, 65341, 65347, 65352, 65358, 65364, 65369, 65374, 65379, 65384,
    65388, 65393, 65397, 65402, 65406, 65410, 65414, 65417, 65421, 65425, 65428, 65431, 65435,
    65438, 65441, 65444, 65446, 65449, 65452, 65454, 65457, 65459, 65462, 65464, 65466, 65468,
    65470, 65472, 65474, 65476, 65478, 65480, 65482, 65483, 65485, 65486, 65488, 65489, 65491,
    65492, 65494, 65495, 65496, 65497, 65499, 65500, 65501, 65502, 65503, 65504, 65505, 65506,
    65507, 65508, 65509, 65509, 65510, 65511, 65512, 65513, 65513, 65514, 65515, 65515, 65516,
    65517, 65517, 65518, 65518, 65519, 65519, 65520, 65520, 65521, 65521, 65522, 65522, 65523,
    65523, 65523, 65524, 65524, 65525, 65525, 65525, 65526, 65526, 65526, 65527, 65527, 65527,
    65527, 65528, 65528, 65528, 65528, 65529, 65529, 65529, 65529, 65530, 65530, 65530, 65530,
    65530, 65530, 65531, 65531, 65531, 65531, 65531, 65531, 65532, 65532, 65532, 65532, 65532,
    65532, 65532, 65532, 65533, 65533, 65533, 65533, 65533, 65533, 65533, 65533, 65533, 65533,
    65533, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534,
    65534, 65534, 65534, 65534, 65535, 65535, 65535, 65535, 65535, 65535, 65535, 65535, 65535,
    65535, 65535, 65535, 65535, 65535, 65535, 65535, 65535, 65535, 65535, 65535, 65535, 65535,
    65535, 65535, 65535, 65535, 65535, 65535, 65535, 65535, 65535, 65535, 65535, 65535, 65535,
    65535, 65535, 65535, 65535, 65535, 65535, 65535, 65535,
};

#define NARROW 56 /* scales below this, s < 8, are coded whole; wider ones lose low bits first */
#define REACH  64 /* of the window: numbers within REACH of the mean are symbols, others escape */
#define CUTS   (2 * REACH + 2) /* between them, and to both escapes */

/* round(2^20 * 2^(4 - i/8) / 2^4): 1/s for the eight scales of an octave, s = 2^(i/8) / 16 */
static const uint32_t inverse[8] = {1048576, 961548, 881744, 808563,
                                    741455,  679917, 623487, 571740};

/* 65536 F(x / (16 s)), s = 2^(scale/8 - 4), scale < NARROW */
static uint32_t logistic(int32_t x16, uint32_t scale)
{
    const uint32_t a = (uint32_t)(x16 < 0 ? -x16 : x16); /* at most 16 * 65 + 8 */
    /* z * 2^13 = a / 16 / s * 2^13 = a * inverse / 2^20 * 2^13 >> octave */
    const uint32_t z = (uint32_t)((uint64_t)a * inverse[scale & 7] >> 7 >> (scale >> 3));
    const uint32_t i = z >> 8;
    uint32_t f = 65535;
    if (i < 384) {
        f = mv_logistic_table[i] +
            ((uint32_t)(mv_logistic_table[i + 1] - mv_logistic_table[i]) * (z & 255) >> 8);
    }
    return x16 < 0 ? 65536 - f : f;
}

/* The window's distribution: mean (16ths) within one bin of 0. Cut b = 0 .. CUTS - 1 lies between
 * the numbers b - REACH - 1 and b - REACH; each symbol gets at least 1 of 65536. */
typedef struct window {
    int32_t mean16; /* -8..8 */
    uint32_t scale;
} window;

static uint32_t cut(window p, int32_t b)
{
    const uint32_t f = logistic(16 * (b - REACH) - 8 - p.mean16, p.scale);
    return (uint32_t)((uint64_t)f * (65536 - CUTS - 1) >> 16) + (uint32_t)b + 1;
}

/* Split v and its distribution into low bits, sent as they are, and a small number near 0:
 * v = ((centre + t) << shift) + low. */
typedef struct split {
    unsigned shift;
    int32_t centre;
    window p;
} split;

static split split_of(mv_spread p)
{
    split s = {0, 0, {0, p.scale}};
    if (p.scale >= NARROW) {
        s.shift = (p.scale - NARROW) / 8 + 1;
        s.p.scale = p.scale - 8 * s.shift;
    }
    /* the middle of a bin of 2^shift numbers is (2^shift - 1) / 2 above its lowest */
    const int32_t mu16 = (p.mu16 - 8 * ((1 << s.shift) - 1)) >> s.shift;
    s.centre = (mu16 + 8) >> 4;
    s.p.mean16 = mu16 - s.centre * 16;
    return s;
}

/* Elias gamma code of n >= 1, n < 2^31: the number of its bits, then the bits below the top. */
static mv_status put_gamma(mv_rans_writer *w, uint32_t n)
{
    mv_status st = MV_OK;
    unsigned bits = 0;
    while (n >> bits > 1) {
        bits++;
    }
    MV_TRY(mv_rans_put_bits(w, bits, 5));
    for (unsigned low = bits; low > 0;) {
        const unsigned part = low < 16 ? low : 16;
        low -= part;
        MV_TRY(mv_rans_put_bits(w, n >> low & ((1U << part) - 1), part));
    }
done:
    return st;
}

static uint32_t get_gamma(mv_rans_reader *r)
{
    uint32_t n = 1;
    for (unsigned low = mv_rans_get_bits(r, 5); low > 0;) {
        const unsigned part = low < 16 ? low : 16;
        low -= part;
        n = n << part | mv_rans_get_bits(r, part);
    }
    return n;
}

mv_status mv_rans_put_spread(mv_rans_writer *w, int32_t v, mv_spread p)
{
    mv_status st = MV_OK;
    const split s = split_of(p);
    const int32_t t = (v >> s.shift) - s.centre;
    if (t < -REACH) {
        MV_TRY(mv_rans_put(w, 0, cut(s.p, 0)));
        MV_TRY(put_gamma(w, (uint32_t)(-t - REACH)));
    } else if (t > REACH) {
        const uint32_t last = cut(s.p, CUTS - 1);
        MV_TRY(mv_rans_put(w, last, 65536 - last));
        MV_TRY(put_gamma(w, (uint32_t)(t - REACH)));
    } else {
        const uint32_t from = cut(s.p, t + REACH);
        MV_TRY(mv_rans_put(w, from, cut(s.p, t + REACH + 1) - from));
    }
    if (s.shift > 0) {
        MV_TRY(mv_rans_put_bits(w, (uint32_t)v & ((1U << s.shift) - 1), s.shift));
    }
done:
    return st;
}

/* 32 z where F(z) = (128 + i + 1/2) / 256, rounded; and round(2^(10 + i/8)): guesses need no more.
 */
static const uint8_t logit_32[128] = {
    0,  1,  1,  2,   2,   3,   3,   4,   4,   5,   5,   6,   6,   7,  7,  8,  8,  9,  9,
    10, 10, 11, 11,  12,  12,  13,  13,  14,  14,  15,  16,  16,  17, 17, 18, 18, 19, 19,
    20, 20, 21, 22,  22,  23,  23,  24,  24,  25,  26,  26,  27,  27, 28, 28, 29, 30, 30,
    31, 32, 32, 33,  34,  34,  35,  35,  36,  37,  38,  38,  39,  40, 40, 41, 42, 43, 43,
    44, 45, 46, 47,  47,  48,  49,  50,  51,  52,  53,  53,  54,  55, 56, 57, 58, 60, 61,
    62, 63, 64, 65,  66,  68,  69,  70,  72,  73,  75,  76,  78,  80, 82, 84, 86, 88, 90,
    92, 95, 98, 101, 104, 108, 112, 117, 122, 129, 137, 148, 164, 200};
static const uint16_t octave_1024[8] = {1024, 1117, 1218, 1328, 1448, 1579, 1722, 1878};

/* About the cut below number: the mean and s z, where F(z) = number / 65536. */
static int32_t guess_cut(uint32_t number, window p)
{
    const bool above = number >= 32768;
    const uint32_t z32 = logit_32[(above ? number - 32768 : 32767 - number) >> 8];
    /* s = 2^(scale/8) / 16, so 16 s z = z32 / 32 * octave / 1024 << (scale >> 3) */
    const int32_t off16 = (int32_t)(z32 * octave_1024[p.scale & 7] << (p.scale >> 3) >> 15);
    const int32_t b = REACH + ((p.mean16 + (above ? off16 : -off16) + 8) >> 4);
    return b < 0 ? 0 : b > CUTS - 1 ? CUTS - 1 : b;
}

/* The largest cut that is not above number, and where the next one is. */
static int32_t find(uint32_t *from, uint32_t *to, uint32_t number, window p)
{
    int32_t b = guess_cut(number, p);
    uint32_t c = cut(p, b);
    if (c <= number) {
        do { /* cut CUTS is 65536 */
            *from = c;
            *to = c = ++b < CUTS ? cut(p, b) : 65536;
        } while (c <= number);
        return b - 1;
    }
    do { /* cut -1 is 0 */
        *to = c;
        *from = c = --b < 0 ? 0 : cut(p, b);
    } while (c > number);
    return b;
}

int32_t mv_rans_get_spread(mv_rans_reader *r, mv_spread p)
{
    const split s = split_of(p);
    uint32_t from, to;
    const int32_t b = find(&from, &to, mv_rans_peek(r), s.p);
    int64_t t = b - REACH;
    mv_rans_take(r, from, to - from);
    if (b < 0) {
        t = -REACH - (int64_t)get_gamma(r);
    } else if (b == CUTS - 1) {
        t = REACH + (int64_t)get_gamma(r);
    }
    const uint32_t low = s.shift > 0 ? mv_rans_get_bits(r, s.shift) : 0;
    const int64_t v = (t + s.centre) * ((int64_t)1 << s.shift) + low;
    if (v < -MV_SPREAD_MAX || v > MV_SPREAD_MAX) {
        note(r, MV_E_FORMAT);
        return 0;
    }
    return (int32_t)v;
}

double mv_spread_bits(int32_t v, mv_spread p)
{
    const split s = split_of(p);
    const int32_t t = (v >> s.shift) - s.centre;
    uint32_t from = 0, to = 65536;
    double escape = 0;
    if (t >= -REACH) {
        from = cut(s.p, t > REACH ? CUTS - 1 : t + REACH);
    }
    if (t <= REACH) {
        to = cut(s.p, t < -REACH ? 0 : t + REACH + 1);
    }
    if (t < -REACH || t > REACH) {
        escape = 5 + floor(log2(abs(t) - REACH));
    }
    return 16 - log2(to - from) + escape + s.shift;
}
