/**
 * Certificates of `localhost` and 127.0.0.1 for TLS servers of tests. Their issuer is unknown to
 * every client; the key belongs to these certificates only.
 *
 * ```sh
 * openssl ecparam -name prime256v1 -genkey -noout -out leaf.key
 * openssl req -new -key leaf.key -out leaf.csr -subj /CN=localhost
 * openssl ca -in leaf.csr -startdate 20200101000000Z -enddate 20210101000000Z -out expired.pem …
 * ```
 *
 * @module
 */

/** The private key of the certificates. */
export const TEST_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/GBozM2uY4FLhiV0
1896TZVhy0MooFNh1LzaykJVZI+hRANCAATidsBaK2nnQnV2hfPMpkyk4q1vj9mR
S2/Ku+oce52bk+VzTZ7GeCx4aqxUnE/h6H4uDS0WLJ9NtJGIjQeFov1v
-----END PRIVATE KEY-----
`;

/** Valid until 2126, of an unknown issuer. */
export const UNTRUSTED_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBkjCCATmgAwIBAgIUNaLq2XB+QkptWPB+qbnzx0SXfO8wCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHVGVzdCBDQTAgFw0yNjExMjYyMDEwNTdaGA8yMTI2MTEwMjIw
MTA1N1owFDESMBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAE4nbAWitp50J1doXzzKZMpOKtb4/ZkUtvyrvqHHudm5Plc02exngseGqs
VJxP4eh+Lg0tFiyfTbSRiI0HhaL9b6NpMGcwGgYDVR0RBBMwEYIJbG9jYWxob3N0
hwR/AAABMAkGA1UdEwQCMAAwHQYDVR0OBBYEFM5rxHjspXDeOp76RkiksvwsSf3J
MB8GA1UdIwQYMBaAFNy2vgev6HVlGCubZS/1cCclwqgMMAoGCCqGSM49BAMCA0cA
MEQCIEGA0XG8WYvLqsiZkqEbvO7Q713lmVKam/9k+AWmZjalAiAmVOJuj0+I7BWo
bI8M+wLKKi8CP8nKskEsyWxtj8BQ/A==
-----END CERTIFICATE-----
`;

/** Expired on 2021-01-01. */
export const EXPIRED_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBfzCCASSgAwIBAgIBATAKBggqhkjOPQQDAjASMRAwDgYDVQQDDAdUZXN0IENB
MB4XDTIwMDEwMTAwMDAwMFoXDTIxMDEwMTAwMDAwMFowFDESMBAGA1UEAwwJbG9j
YWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE4nbAWitp50J1doXzzKZM
pOKtb4/ZkUtvyrvqHHudm5Plc02exngseGqsVJxP4eh+Lg0tFiyfTbSRiI0HhaL9
b6NpMGcwGgYDVR0RBBMwEYIJbG9jYWxob3N0hwR/AAABMAkGA1UdEwQCMAAwHQYD
VR0OBBYEFM5rxHjspXDeOp76RkiksvwsSf3JMB8GA1UdIwQYMBaAFNy2vgev6HVl
GCubZS/1cCclwqgMMAoGCCqGSM49BAMCA0kAMEYCIQCqJfCaJmA4RuEyl/sArhKS
tezFvfGnKMzDhEm+A/NrjwIhAKB+Snu9+7vEBWFaPi5Iy2e5aq3lBkq6UtrlkkpX
nDf4
-----END CERTIFICATE-----
`;
