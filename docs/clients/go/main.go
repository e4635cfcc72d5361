package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	cream "quotes/gen/cream/v1"
)

func main() {
	address := cmp.Or(os.Getenv("STREAM_PROXY_ADDRESS"), "localhost:50052")
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	client := cream.NewStreamProxyServiceClient(conn)
	for {
		// The proxy restarts or is away: come back. Anything else is our mistake.
		if err := follow(client); status.Code(err) != codes.Unavailable {
			log.Fatal(err)
		}
		time.Sleep(time.Second)
	}
}

func follow(client cream.StreamProxyServiceClient) error {
	request := &cream.StreamQuotesRequest{Symbols: []string{"AAPL", "MSFT"}}
	stream, err := client.StreamQuotes(context.Background(), request, grpc.WaitForReady(true))
	if err != nil {
		return err
	}
	for {
		response, err := stream.Recv()
		if err != nil {
			return err
		}
		quote := response.GetQuote()
		fmt.Println(quote.GetSymbol(), quote.GetBidPrice(), "x", quote.GetAskPrice())
	}
}
