/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_key.c: making, keeping and hashing the relay's TLS key, through GnuTLS.
 */
#include "net/tls_key.h"

#include "base/file.h"
#include "base/rng.h"
#include "base/secret.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static mv_status fail(mv_error *err, const char *what, int code)
{
    return mv_fail(err, MV_E_INTERNAL, "cannot %s: %s", what, gnutls_strerror(code));
}

static mv_status append_datum(mv_buffer *out, gnutls_datum_t *datum)
{
    const mv_status st = mv_buffer_append(out, datum->data, datum->size);
    mv_wipe(datum->data, datum->size);
    gnutls_free(datum->data);
    datum->data = NULL;
    return st;
}

/* Everything a certificate must have; nobody checks more of it than its key. */
static int fill_certificate(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key,
                            const uint8_t serial[16])
{
    static const char name[] = "medveil relay";
    int rc = gnutls_x509_crt_set_version(crt, 3);
    if (rc == 0) {
        rc = gnutls_x509_crt_set_serial(crt, serial, 16);
    }
    if (rc == 0) {
        rc = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                           sizeof name - 1);
    }
    if (rc == 0) { /* a day back, for clocks that are behind */
        rc = gnutls_x509_crt_set_activation_time(crt, time(NULL) - 86400);
    }
    if (rc == 0) {
        rc = gnutls_x509_crt_set_expiration_time(crt, GNUTLS_X509_NO_WELL_DEFINED_EXPIRATION);
    }
    if (rc == 0) {
        rc = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
    }
    if (rc == 0) {
        rc = gnutls_x509_crt_set_key(crt, key);
    }
    return rc == 0 ? gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0) : rc;
}

static mv_status make_certificate(mv_buffer *pem, gnutls_x509_privkey_t key, mv_error *err)
{
    mv_status st = MV_OK;
    gnutls_x509_crt_t crt = NULL;
    gnutls_datum_t text = {NULL, 0};
    uint8_t serial[16];

    MV_TRY(mv_random_bytes(serial, sizeof serial));
    serial[0] &= 0x7f; /* a serial number is positive */
    int rc = gnutls_x509_crt_init(&crt);
    if (rc == 0) {
        rc = fill_certificate(crt, key, serial);
    }
    if (rc == 0) {
        rc = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &text);
    }
    if (rc != 0) {
        st = fail(err, "make a certificate", rc);
        goto done;
    }
    st = append_datum(pem, &text);
done:
    if (crt != NULL) {
        gnutls_x509_crt_deinit(crt);
    }
    return st;
}

static mv_status make(mv_buffer *pem, mv_error *err)
{
    mv_status st = MV_OK;
    gnutls_x509_privkey_t key = NULL;
    gnutls_datum_t text = {NULL, 0};

    int rc = gnutls_x509_privkey_init(&key);
    if (rc == 0) {
        rc = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                          GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    }
    if (rc == 0) {
        rc = gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &text);
    }
    if (rc != 0) {
        st = fail(err, "make a TLS key", rc);
        goto done;
    }
    MV_TRY(append_datum(pem, &text));
    MV_TRY(make_certificate(pem, key, err));
done:
    if (key != NULL) {
        gnutls_x509_privkey_deinit(key);
    }
    return st;
}

static mv_status hash_key(uint8_t out[MV_RELAY_KEY_LEN], const mv_buffer *pem, const char *path,
                          mv_error *err)
{
    mv_status st = MV_OK;
    gnutls_x509_crt_t crt = NULL;
    const gnutls_datum_t text = {pem->bytes, (unsigned)pem->len};
    size_t size = MV_RELAY_KEY_LEN;

    int rc = gnutls_x509_crt_init(&crt);
    if (rc == 0) {
        rc = gnutls_x509_crt_import(crt, &text, GNUTLS_X509_FMT_PEM);
    }
    if (rc == 0) {
        rc = gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, out, &size);
    }
    MV_REQUIRE(rc == 0 && size == MV_RELAY_KEY_LEN, err, MV_E_FORMAT,
               "%s holds no TLS key and certificate", path);
done:
    if (crt != NULL) {
        gnutls_x509_crt_deinit(crt);
    }
    return st;
}

mv_status mv_tls_key_open(mv_buffer *pem, uint8_t key_hash[MV_RELAY_KEY_LEN], const char *path,
                          mv_error *err)
{
    mv_status st = MV_OK;
    struct stat info;

    if (stat(path, &info) == 0) {
        if ((info.st_mode & 077) != 0) {
            st = mv_fail(err, MV_E_POLICY, "%s is open to other users", path);
            mv_hint(err, "chmod 600 %s", path);
            goto done;
        }
        MV_TRY(mv_file_read(pem, path, err));
    } else {
        MV_TRY(make(pem, err));
        MV_TRY(mv_file_write(path, pem->bytes, pem->len, MV_OUTPUT_PRIVATE, err));
    }
    MV_TRY(hash_key(key_hash, pem, path, err));
    MV_TRY(mv_buffer_put_u8(pem, 0));
done:
    return st;
}
