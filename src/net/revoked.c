/* SPDX-License-Identifier: Apache-2.0
 *
 * revoked.c: lists of revoked certificates, by GnuTLS.
 */
#include "net/revoked.h"

#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

struct mv_revoked {
    gnutls_x509_crl_t *list;
    unsigned count;
};

static gnutls_datum_t text_of(const char *pem)
{
    const gnutls_datum_t text = {(unsigned char *)(uintptr_t)pem, (unsigned)strlen(pem)};
    return text;
}

static mv_status check_lists(const mv_revoked *r, const gnutls_x509_crt_t *issuer, unsigned issuers,
                             mv_error *err)
{
    for (unsigned i = 0; i < r->count; i++) {
        unsigned wrong = 0;
        if (gnutls_x509_crl_verify(r->list[i], issuer, issuers, 0, &wrong) != 0 ||
            (wrong & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNATURE_FAILURE)) != 0) {
            return mv_fail(err, MV_E_AUTH,
                           "a list of revoked certificates is not signed by one of "
                           "those who sign the clients' certificates");
        }
    }
    return MV_OK;
}

mv_status mv_revoked_new(mv_revoked **out, const char *lists_pem, const char *issuers_pem,
                         mv_error *err)
{
    mv_status st = MV_OK;
    const gnutls_datum_t lists = text_of(lists_pem), issuers = text_of(issuers_pem);
    gnutls_x509_crt_t *issuer = NULL;
    unsigned count = 0;
    mv_revoked *r = calloc(1, sizeof *r);

    *out = NULL;
    MV_REQUIRE(r != NULL, err, MV_E_MEMORY, "out of memory");
    MV_REQUIRE(gnutls_x509_crl_list_import2(&r->list, &r->count, &lists, GNUTLS_X509_FMT_PEM, 0) >=
                   0,
               err, MV_E_FORMAT, "there is no list of revoked certificates (PEM)");
    MV_REQUIRE(gnutls_x509_crt_list_import2(&issuer, &count, &issuers, GNUTLS_X509_FMT_PEM, 0) >= 0,
               err, MV_E_FORMAT, "there are no certificates (PEM) of those who sign the clients'");
    MV_TRY(check_lists(r, issuer, count, err));
    *out = r;
    r = NULL;
done:
    for (unsigned i = 0; i < count; i++) {
        gnutls_x509_crt_deinit(issuer[i]);
    }
    gnutls_free(issuer);
    mv_revoked_free(&r);
    return st;
}

void mv_revoked_free(mv_revoked **revoked)
{
    mv_revoked *r = *revoked;
    if (r == NULL) {
        return;
    }
    for (unsigned i = 0; i < r->count; i++) {
        gnutls_x509_crl_deinit(r->list[i]);
    }
    gnutls_free(r->list);
    free(r);
    *revoked = NULL;
}

bool mv_revoked_holds(const mv_revoked *revoked, gnutls_session_t session)
{
    unsigned count = 0;
    const gnutls_datum_t *shown = gnutls_certificate_get_peers(session, &count);
    gnutls_x509_crt_t certificate = NULL;
    bool held = true;

    if (revoked == NULL) {
        return false;
    }
    if (shown != NULL && count != 0 && gnutls_x509_crt_init(&certificate) == 0) {
        held =
            gnutls_x509_crt_import(certificate, &shown[0], GNUTLS_X509_FMT_DER) != 0 ||
            gnutls_x509_crt_check_revocation(certificate, revoked->list, (int)revoked->count) != 0;
        gnutls_x509_crt_deinit(certificate);
    }
    return held;
}
