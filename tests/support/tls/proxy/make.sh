#!/bin/sh
# Makes the certificates of the tests of TLS on the proxy's ports (OpenSSL 3.0). They are valid for
# a hundred years, so that it has to run again only to add one.
set -eu
cd "$(dirname "$0")"
key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>/dev/null; }
ca() { # file, subject
  key "$1"
  openssl req -x509 -key "$1.key" -out "$1.pem" -days 36500 -subj "$2" 2>/dev/null
}
sign() { # file, subject, CA, first day, last day, extensions
  key "$1"
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  mkdir -p ca.tmp/new && : >ca.tmp/index && openssl rand -hex 8 >ca.tmp/serial
  printf '%s\n' "[ca]" "default_ca=d" "[d]" "database=ca.tmp/index" "new_certs_dir=ca.tmp/new" \
    "serial=ca.tmp/serial" "default_md=sha256" "policy=p" "x509_extensions=x" "[p]" \
    "organizationName=optional" "commonName=optional" "[x]" "basicConstraints=critical,CA:FALSE" \
    "subjectAltName=$6" >ca.tmp/config
  openssl ca -batch -notext -config ca.tmp/config -cert "$3.pem" -keyfile "$3.key" \
    -startdate "$4" -enddate "$5" -in "$1.csr" -out "$1.pem" 2>/dev/null
  rm -r "$1.csr" ca.tmp
}
from=20200101000000Z
to=21200101000000Z
ca ca "/CN=Proxy test CA"
ca other_ca "/CN=Proxy test CA"
sign proxy "/CN=localhost" ca $from $to "DNS:localhost,IP:127.0.0.1"
sign renewed "/CN=renewed" ca $from $to "DNS:localhost,IP:127.0.0.1"
sign expired "/CN=localhost" ca $from 20210101000000Z "DNS:localhost,IP:127.0.0.1"
sign future "/CN=localhost" ca 21100101000000Z $to "DNS:localhost,IP:127.0.0.1"
sign client "/O=quant/CN=dashboard" ca $from $to "URI:spiffe://quant/dashboard"
sign client_expired "/O=quant/CN=dashboard" ca $from 20210101000000Z "URI:spiffe://quant/dashboard"
sign client_untrusted "/O=quant/CN=dashboard" other_ca $from $to "URI:spiffe://quant/dashboard"
sign client_of_client "/O=quant/CN=admin" client $from $to "URI:spiffe://quant/admin"
cat client.pem >>client_of_client.pem
# One URI that a careless reader takes for two: a place holder, replaced in the signed bytes.
sign two_names "/O=quant, CN=admin/CN=ab" ca $from $to "URI:spiffe://aaaaaaaaaaaaaaaaaaaaaaaaaaa"
openssl x509 -in two_names.pem -outform DER |
  LC_ALL=C sed 's|spiffe://aaaaaaaaaaaaaaaaaaaaaaaaaaa|spiffe://a, URI:spiffe://quant/admin|' |
  openssl base64 >two_names.body
{
  echo "-----BEGIN CERTIFICATE-----"
  cat two_names.body
  echo "-----END CERTIFICATE-----"
} >two_names.pem
rm two_names.body two_names.key ca.key other_ca.key
