// OpenSSL's function-like macros and variadic functions, which Swift cannot import, as inline functions.
#pragma once
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// Macros over SSL_ctrl and SSL_CTX_ctrl.
static inline long tp_SSL_CTX_set_min_version(SSL_CTX *context, int version) {
    return SSL_CTX_set_min_proto_version(context, version);
}
static inline long tp_SSL_CTX_set_max_version(SSL_CTX *context, int version) {
    return SSL_CTX_set_max_proto_version(context, version);
}
static inline long tp_SSL_CTX_set_mode(SSL_CTX *context, long mode) { return SSL_CTX_set_mode(context, mode); }
static inline long tp_SSL_CTX_set_session_cache_off(SSL_CTX *context) {
    return SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}
static inline long tp_SSL_CTX_add1_chain_cert(SSL_CTX *context, X509 *certificate) {
    return SSL_CTX_add1_chain_cert(context, certificate);
}
static inline long tp_SSL_set_server_name(SSL *ssl, const char *name) { return SSL_set_tlsext_host_name(ssl, name); }
static inline void tp_SSL_CTX_set_options(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
}

// Macros over BIO_ctrl and BIO flags.
static inline long tp_BIO_memory(BIO *bio, char **data) { return BIO_get_mem_data(bio, data); }
static inline void tp_BIO_clear_retry(BIO *bio) { BIO_clear_retry_flags(bio); }
static inline void tp_BIO_retry_read(BIO *bio) { BIO_set_retry_read(bio); }

// Macros over ERR's packed codes.
static inline int tp_ERR_library(unsigned long code) { return ERR_GET_LIB(code); }
static inline int tp_ERR_reason(unsigned long code) { return ERR_GET_REASON(code); }

// Typed stacks are macros.
static inline int tp_names_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }
static inline GENERAL_NAME *tp_names_at(const GENERAL_NAMES *names, int index) {
    return sk_GENERAL_NAME_value(names, index);
}
static inline int tp_names_push(GENERAL_NAMES *names, GENERAL_NAME *name) { return sk_GENERAL_NAME_push(names, name); }
static inline GENERAL_NAMES *tp_names_new(void) { return sk_GENERAL_NAME_new_null(); }

// The last certificate of the chain that was verified: its root; NULL without a verified peer.
static inline X509 *tp_SSL_verified_root(const SSL *ssl) {
    STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    if (chain == NULL || SSL_get_verify_result(ssl) != X509_V_OK) return NULL;
    return sk_X509_value(chain, sk_X509_num(chain) - 1);
}

// EVP_PKEY_Q_keygen is variadic.
static inline EVP_PKEY *tp_generate_p256(void) { return EVP_EC_gen("P-256"); }

// A cast expression, and macros over other calls.
static inline int tp_name_print(BIO *bio, const X509_NAME *name) { return X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253); }
static inline const char *tp_SSL_cipher_name(const SSL *ssl) { return SSL_CIPHER_get_name(SSL_get_current_cipher(ssl)); }
