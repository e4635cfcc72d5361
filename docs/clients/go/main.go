package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	cream "quotes/gen/cream/v1"
)

const firstDelay, maxDelay = 500 * time.Millisecond, 10 * time.Second

// Detects a dead connection within 30 s; waits at most 10 s between dials.
var options = []grpc.DialOption{
	grpc.WithKeepaliveParams(keepalive.ClientParameters{
		Time: 20 * time.Second, Timeout: 10 * time.Second, PermitWithoutStream: true,
	}),
	grpc.WithConnectParams(grpc.ConnectParams{
		Backoff: backoff.Config{
			BaseDelay: firstDelay, MaxDelay: maxDelay, Multiplier: 2, Jitter: 0.2,
		},
		MinConnectTimeout: maxDelay,
	}),
	// A small receive window: a client that reads slowly is not minutes behind.
	grpc.WithStaticStreamWindowSize(64 * 1024),
}

func main() {
	address := cmp.Or(os.Getenv("STREAM_PROXY_ADDRESS"), "localhost:50052")
	target, isSecure := strings.CutPrefix(strings.TrimPrefix(address, "http://"), "https://")
	options = append(options, grpc.WithTransportCredentials(transport(isSecure)))
	if token := os.Getenv("STREAM_PROXY_TOKEN"); token != "" {
		if !isSecure {
			log.Fatal("STREAM_PROXY_TOKEN needs an https:// address")
		}
		options = append(options, grpc.WithPerRPCCredentials(bearer(token)))
	}
	conn, err := grpc.NewClient(target, options...)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	client := cream.NewStreamProxyServiceClient(conn)
	for delay := firstDelay; ; {
		started := time.Now()
		err := follow(client)
		if isPermanent(err) {
			log.Fatal(err)
		}
		log.Print(err)
		// A stream that lasted a second resets the delay; others double it.
		if time.Since(started) > time.Second {
			delay = firstDelay
		} else {
			delay = min(2*delay, maxDelay)
		}
		time.Sleep(delay/2 + rand.N(delay/2))
	}
}

// PEM text of a variable, in which "\n" may stand for line breaks.
func pem(name string) []byte {
	return []byte(strings.ReplaceAll(os.Getenv(name), `\n`, "\n"))
}

func transport(isSecure bool) credentials.TransportCredentials {
	if !isSecure {
		return insecure.NewCredentials()
	}
	config := &tls.Config{}
	if ca := pem("STREAM_PROXY_CLIENT_CA"); len(ca) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(ca) {
			log.Fatal("STREAM_PROXY_CLIENT_CA has no certificate")
		}
	}
	if cert := pem("STREAM_PROXY_CLIENT_CERT"); len(cert) > 0 {
		pair, err := tls.X509KeyPair(cert, pem("STREAM_PROXY_CLIENT_KEY"))
		if err != nil {
			log.Fatal(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return credentials.NewTLS(config)
}

// Sends a token with each call; grpc-go does so over TLS only.
type bearer string

func (token bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(token)}, nil
}

func (bearer) RequireTransportSecurity() bool { return true }

// Errors in our own request. Every other end of a stream is retried.
func isPermanent(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.Unauthenticated, codes.PermissionDenied,
		codes.Unimplemented, codes.NotFound, codes.FailedPrecondition:
		return true
	}
	return false
}

func follow(client cream.StreamProxyServiceClient) error {
	request := &cream.StreamQuotesRequest{
		Symbols: []string{"AAPL", "MSFT"},
		Options: &cream.StreamOptions{Meta: true, Notices: true},
	}
	stream, err := client.StreamQuotes(context.Background(), request)
	if err != nil {
		return err
	}
	for {
		response, err := stream.Recv()
		if err != nil {
			return err
		}
		if gap := response.GetNotice().GetGap(); gap != nil {
			log.Print(gap.GetCount(), " messages are missing: ", gap.GetReason(), gap.GetSymbols())
		}
		quote := response.GetQuote()
		if quote == nil {
			continue
		}
		fmt.Println(quote.GetSymbol(), quote.GetBidPrice(), "x", quote.GetAskPrice())
	}
}
